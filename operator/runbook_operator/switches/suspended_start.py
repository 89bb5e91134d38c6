"""Start an object that is made once: create it paused, record its uid, then resume it.

So a Job never runs twice: if it is gone after a crash, it had not begun, or the record has its uid.
"""

from datetime import datetime

from runbook_operator.core import field_paths, field_values
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import Change, WriteTarget
from runbook_operator.switches.held_field import HeldField, is_going

RESUMED = "resumed"
"""The value that the audit shows for the resuming write."""


def is_paused(held_field: HeldField) -> bool:
    """True if the object exists and is still to be resumed; the operator ignores a pause that is set later."""
    if (
        not held_field.is_made_once
        or held_field.entry.result != "Pending"
        or held_field.entry.begun
        or not held_field.action.paused_by
    ):
        return False
    if held_field.saved is None or not held_field.saved.body or held_field.is_foreign or is_going(held_field.saved):
        return False
    return bool(field_paths.get(held_field.saved.body, held_field.action.paused_by))


def is_unrecorded(held_field: HeldField) -> bool:
    """True if the object waits until its uid is recorded."""
    return is_paused(held_field) and held_field.entry.uid is None


def resumed_at(held_field: HeldField) -> datetime:
    """Return when the object may be resumed: at once, or after a growing pause if another client paused it again."""
    now, failed, before = held_field.snapshot.now, held_field.write_history.failed, held_field.write_history.accepted
    if failed is not None:
        return failed.due
    if before is None or before.asked != RESUMED:
        return now
    return before.last + held_field.snapshot.policy.budget.pause(
        before.times, f"{held_field.record.engagement_id}.{held_field.index}"
    )


def resume(held_field: HeldField) -> WriteTarget | None:
    """Return the write that resumes the recorded object; None if it has begun, or may not be resumed yet."""
    if not is_paused(held_field) or held_field.entry.uid is None or resumed_at(held_field) > held_field.snapshot.now:
        return None
    assert held_field.saved  # noqa: S101 # it is paused
    effect = field_values.effect(held_field.saved, [(held_field.action.paused_by, False)], {})
    return WriteTarget(effect, (Change(held_field.field_key, "paused", RESUMED),), held_field.record)


def foreign(held_field: HeldField) -> Refused | None:
    """Return why the object is not created if another one has its name, else None."""
    if not held_field.is_foreign:
        return None
    return Refused(
        Reason.NAME_COLLISION,
        f"{held_field.ref} exists already and does not belong to this switch; delete or rename it",
    )
