"""What is written: only what changed, and each Event once."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.merge_patch import difference
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.telemetry.event_writer import event
from runbook_operator.telemetry.metrics import Metrics
from tests.builders import NOW, WEB

json = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(st.text(max_size=2), json, max_size=4)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@given(old=bodies, new=bodies)
def test_patch_from_difference_turns_old_into_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, difference(old, new)) == new


@given(same=bodies)
def test_equal_bodies_give_an_empty_patch(same: dict[str, Any]) -> None:
    assert difference(same, same) == {}


def test_repeated_notice_is_one_event_and_another_object_gets_its_own() -> None:
    notice = Notice(WEB, "1", Reason.ENGAGED, "x" * 2000, "id.Engaged")

    first, again = event(notice, NOW), event(notice, NOW)
    other = event(Notice(WEB, "2", Reason.ENGAGED, "x", "id.Engaged", warning=True), NOW)

    assert first["metadata"]["name"] == again["metadata"]["name"] != other["metadata"]["name"]
    assert (first["type"], other["type"]) == ("Normal", "Warning")
    assert len(first["message"]) == 1024
    assert first["involvedObject"]["uid"] == "1"


def test_gauge_is_read_at_each_scrape() -> None:
    metrics, values = Metrics(), iter((1.0, 2.0))
    metrics.gauge("leading", "Leads.", lambda: next(values))

    assert b"runbook_operator_leading 1.0" in metrics.render()[0]
    assert b"runbook_operator_leading 2.0" in metrics.render()[0]


def test_openmetrics_scrape_has_the_engagement_as_exemplar() -> None:
    metrics = Metrics()
    metrics.effect(0.012, "abc123")

    body, content_type = metrics.render("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert b'# {engagementId="abc123"} 0.012' in body
    assert b"abc123" not in metrics.render()[0]


def test_event_carries_engagement_and_count() -> None:
    body = event(Notice(WEB, "1", Reason.DRIFT_CORRECTED, "x", "id", warning=True, count=3, engagement="abc123"), NOW)

    assert (body["count"], body["metadata"]["annotations"]) == (3, {"runbooks.dev/engagement-id": "abc123"})
