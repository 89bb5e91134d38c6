"""A deletion and what may not be read: it waits, says so, and is let go, and nothing is told that nobody knows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runbook_operator.api.conditions import Condition, timestamp
from runbook_operator.core.observed_object import Missing, ObservedObject, absent, is_hidden
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_progress import is_never_read
from tests.builders import NOW, WEB, observed, runbook, switch


def snapshot(*, deleting: bool, stalled: timedelta | None) -> Snapshot:
    """A Switch that has been stalled for so long."""
    made = switch()
    if stalled is not None:
        since = timestamp(NOW - stalled)
        said = Condition(type="Stalled", status="True", reason="MissingRights", last_transition_time=since)
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
    assert is_never_read(snapshot(deleting=deleting, stalled=stalled)) is expected
