"""Any order of readings, words of people and time: an incident settles, and keeps its rules."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.incident import MOST_SIGNALS, MOST_SWITCHES
from runbook_operator.incidents.incident_reconcile import next_step
from tests.builders import runbook_body
from tests.incident_story import METRIC, OTHER, IncidentStory

LEVELS = ("Ok", "Warning", "Critical", "Unknown", "Stale")
ISSUE = {"name": "errors", "severity": "SEV1", "symptoms": [{"metric": "latency"}]}
ACTS: st.SearchStrategy[tuple[str, str]] = st.one_of(
    st.tuples(st.sampled_from(("error-rate", "latency")), st.sampled_from(LEVELS)),
    st.tuples(st.just("acknowledged"), st.sampled_from(("yes", ""))),
    st.tuples(st.just("resolved"), st.sampled_from(("yes", ""))),
    st.tuples(st.just("severity"), st.sampled_from(("SEV1", "SEV2", "SEV3", "SEV4"))),
    st.tuples(st.just("note"), st.sampled_from(("one", "two", ""))),
    st.tuples(st.just("runbook"), st.sampled_from(("deleted", "created", "invalid"))),
    st.tuples(st.just("wait"), st.sampled_from(("1", "600", "7200"))),
)
SPEC: dict[str, Any] = {"metrics": [METRIC, OTHER], "issues": [ISSUE], "incidents": {"keepFor": "1h"}}
EDGES = {
    ("Open", "Acknowledged"),
    ("Open", "Recovering"),
    ("Open", "Resolved"),
    ("Acknowledged", "Open"),
    ("Acknowledged", "Recovering"),
    ("Acknowledged", "Resolved"),
    ("Recovering", "Open"),
    ("Recovering", "Acknowledged"),
    ("Recovering", "Resolved"),
    ("Resolved", "Open"),
    ("Resolved", "Acknowledged"),
    ("Resolved", "Recovering"),
}


def act(story: IncidentStory, name: str, value: str) -> None:
    match name:
        case "error-rate" | "latency":
            story.level(name, value)
        case "acknowledged":
            story.says(acknowledged=True if value else None)
        case "resolved":
            story.says(resolved=True if value else None)
        case "severity":
            story.says(severity=value)
        case "note":
            story.says(note=value)
        case "runbook":
            story.runbook = None if value == "deleted" else runbook_body(**SPEC)
            if story.runbook is not None and value == "invalid":
                story.runbook["spec"]["title"] = ""
        case _:
            story.after(seconds=int(value))


@settings(max_examples=50)
@given(acts=st.lists(ACTS, max_size=12))
def test_incident_settles_and_keeps_its_rules(acts: list[tuple[str, str]]) -> None:
    story = IncidentStory(**SPEC).level("error-rate", "Critical").opened()
    for name, value in acts:
        before, was_final = story.status, bool(story.snapshot().incident.spec.resolved)
        act(story, name, value)
        story.settle()
        if story.deleted:
            return
        after = story.status

        assert next_step(story.snapshot()) is None
        due = story.due()
        assert due is None or due > story.now
        assert after.phase == before.phase or (before.phase, after.phase) in EDGES
        assert after.cycle >= before.cycle
        assert (after.opened_at, after.bad_since) == (before.opened_at, before.bad_since)
        if was_final and name != "resolved":
            assert after.phase == "Resolved"
        assert len(after.signals) <= MOST_SIGNALS
        assert len(after.switches) <= MOST_SWITCHES
        assert (after.phase == "Resolved") == bool(after.resolved_at)
        assert after.phase != "Acknowledged" or after.acknowledged_by


@settings(max_examples=50)
@given(acts=st.lists(ACTS, max_size=8), at=st.integers(0, 8))
def test_lost_status_write_is_made_up_for(acts: list[tuple[str, str]], at: int) -> None:
    story = IncidentStory(metrics=[METRIC, OTHER]).level("error-rate", "Critical").opened()
    for number, (name, value) in enumerate(acts):
        lost = story.incident
        act(story, name, value)
        if number == at and lost is not None and story.incident is not None:
            kept = story.incident
            story.incident = type(kept)(**{**vars(kept), "status": lost.status})
        story.settle()
        if story.deleted:
            return

    assert next_step(story.snapshot()) is None
