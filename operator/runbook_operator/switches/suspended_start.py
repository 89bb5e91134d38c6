"""Start an object that is made once: make it paused, record its uid, then resume it.

A Job that is gone after a crash has never begun, or its uid is in the record: it never runs twice.
"""

from datetime import datetime

from runbook_operator.core import field_paths, field_values
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import Act, Change
from runbook_operator.switches.held_field import Part, is_going

RESUMED = "resumed"
"""The value that the audit shows for the resuming write."""


def is_paused(part: Part) -> bool:
    """True if the object exists and is still to be resumed; a pause set later is left alone."""
    if not part.is_made_once or part.entry.result != "Pending" or part.entry.begun or not part.action.paused_by:
        return False
    if part.saved is None or not part.saved.body or part.is_foreign or is_going(part.saved):
        return False
    return bool(field_paths.get(part.saved.body, part.action.paused_by))


def is_unrecorded(part: Part) -> bool:
    """True if the object waits until its uid is recorded."""
    return is_paused(part) and part.entry.uid is None


def resumed_at(part: Part) -> datetime:
    """Return when it may be resumed: at once, or after a growing pause if it was paused again."""
    now, failed, before = part.world.now, part.effort.failed, part.effort.accepted
    if failed is not None:
        return failed.due
    if before is None or before.asked != RESUMED:
        return now
    return before.last + part.world.policy.budget.pause(before.times, f"{part.record.engagement_id}.{part.index}")


def resume(part: Part) -> Act | None:
    """Return the write that resumes the recorded object; None if it has begun or may not yet."""
    if not is_paused(part) or part.entry.uid is None or resumed_at(part) > part.world.now:
        return None
    assert part.saved  # noqa: S101 # it is paused
    effect = field_values.effect(part.saved, [(part.action.paused_by, False)], {})
    return Act(effect, (Change(part.place, "paused", RESUMED),), part.record)


def foreign(part: Part) -> Refused | None:
    """Return why nothing is made, if another object has the name."""
    if not part.is_foreign:
        return None
    return Refused(Reason.NAME_COLLISION, f"{part.ref} is there and is not this switch's; delete or rename it")
