"""A deletion and what may not be read: it waits, says so, and is let go, and nothing is told that nobody knows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runbook_operator.api.conditions import Condition, timestamp
from runbook_operator.decide.progress import is_never_read
from runbook_operator.model.reasons import Reason
from runbook_operator.model.seen import Missing, Seen, absent
from runbook_operator.plan.world import World
from tests.builders import NOW, WEB, runbook, seen, switch

HIDDEN = Missing(WEB, Reason.FORBIDDEN, "403")


def world(*, deleting: bool, stalled: timedelta | None) -> World:
    """A Switch that has been stalled for so long."""
    made = switch()
    if stalled is not None:
        since = timestamp(NOW - stalled)
        said = Condition(type="Stalled", status="True", reason="MissingRights", last_transition_time=since)
        made = replace(made, status=made.status.replace(conditions=[said]))
    made = replace(made, meta=replace(made.meta, deleting=deleting))
    return World(made, runbook(), {}, (), NOW, "id-1")


@pytest.mark.parametrize(
    ("deleting", "stalled", "found", "expected"),
    [
        (True, timedelta(seconds=61), HIDDEN, True),
        (True, timedelta(seconds=59), HIDDEN, False),
        (True, None, HIDDEN, False),
        (False, timedelta(hours=1), HIDDEN, False),
        (True, timedelta(hours=1), absent(WEB), False),
        (True, timedelta(hours=1), seen(), False),
        (True, timedelta(hours=1), None, False),
    ],
)
def test_a_deletion_waits_a_minute_for_what_may_not_be_read_and_a_release_for_ever(
    deleting: bool,  # noqa: FBT001 # a row of the table
    stalled: timedelta | None,
    found: Seen | Missing | None,
    expected: bool,  # noqa: FBT001 # as above
) -> None:
    assert is_never_read(world(deleting=deleting, stalled=stalled), found) is expected
