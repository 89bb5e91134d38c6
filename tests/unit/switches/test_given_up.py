"""A deletion and what may not be read: it waits, says so, and is let go, and nothing is told that nobody knows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runbook_operator.api.conditions import Condition, timestamp
from runbook_operator.core.observed_object import Missing, ObservedObject, absent, is_hidden, observed_from
from runbook_operator.core.queries import Denied, NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.restore_deadline import is_never_read
from tests.builders import NOW, WEB, observed, runbook, switch

NAMESPACE = Read(Ref("v1", "Namespace", WEB.namespace, WEB.namespace))


def namespace(**metadata: str) -> ObservedObject:
    meta = {"name": WEB.namespace, "uid": "1", "resourceVersion": "1"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta | metadata}
    return replace(observed_from(body, whole=True), ref=NAMESPACE.ref)


def snapshot(*, deleting: bool, stalled: timedelta | None, reason: str = "MissingRights") -> Snapshot:
    """A Switch that has been stalled for so long."""
    made = switch()
    if stalled is not None:
        since = timestamp(NOW - stalled)
        said = Condition(type="Stalled", status="True", reason=reason, last_transition_time=since)
        made = replace(made, status=made.status.replace(conditions=[said]))
    made = replace(made, meta=replace(made.meta, deleting=deleting))
    return Snapshot(made, runbook(), {}, (), NOW, "id-1")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Missing(WEB, Reason.FORBIDDEN, "403"), True),
        (Missing(WEB, Reason.UNAVAILABLE, "503"), True),
        (absent(WEB), False),
        (observed(), False),
        (None, False),
    ],
)
def test_unreadable_object_is_hidden(
    found: ObservedObject | Missing | None,
    expected: bool,  # noqa: FBT001 # a row of the table
) -> None:
    assert is_hidden(found) is expected


@pytest.mark.parametrize(
    ("deleting", "stalled", "expected"),
    [
        (True, timedelta(seconds=61), True),
        (True, timedelta(seconds=59), False),
        (True, None, False),
        (False, timedelta(hours=1), False),
    ],
)
def test_deletion_waits_a_minute_for_an_unreadable_object_and_a_release_without_limit(
    deleting: bool,  # noqa: FBT001 # a row of the table
    stalled: timedelta | None,
    expected: bool,  # noqa: FBT001 # as above
) -> None:
    made = replace(snapshot(deleting=deleting, stalled=stalled), answers={NAMESPACE: namespace()})

    assert is_never_read(made) is expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (namespace(deletionTimestamp=timestamp(NOW)), True),
        (namespace(), False),
        (absent(NAMESPACE.ref), False),
        (Denied(Reason.FORBIDDEN, "403"), False),
    ],
)
def test_deletion_waits_for_a_missing_right_unless_the_namespace_is_terminating(
    found: ObservedObject | Missing | Denied,
    expected: bool,  # noqa: FBT001 # a row of the table
) -> None:
    made = snapshot(deleting=True, stalled=timedelta(seconds=1))
    with pytest.raises(NeedsRead) as needed:
        is_never_read(made)

    assert needed.value.queries == {NAMESPACE}
    assert is_never_read(replace(made, answers={NAMESPACE: found})) is expected


def test_deletion_waits_for_an_unavailable_target_also_in_a_terminating_namespace() -> None:
    made = snapshot(deleting=True, stalled=timedelta(seconds=1), reason="Unavailable")

    assert is_never_read(made) is False
