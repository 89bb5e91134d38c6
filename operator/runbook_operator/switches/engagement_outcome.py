"""Compute the outcome of an engagement that is over, for each of its fields."""

from runbook_operator.api.switch import FieldRecord, Record, Result
from runbook_operator.core.field_manager_advice import author
from runbook_operator.core.observed_object import is_hidden
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_progress import failing, given_up, is_left_as_held
from runbook_operator.switches.held_field import HeldField, dropped, held_fields
from runbook_operator.switches.switch_messages import other_holder, shown


def ended(snapshot: Snapshot, record: Record) -> Record:
    """Return the record with the outcome of each field."""
    return record.replace(
        actions=[_ended(held_field) for held_field in held_fields(snapshot, record)],
        dropped=[_ended(held_field) for held_field in dropped(snapshot, record)],
    )


def outcome_of(record: Record) -> Reason:
    """Return the worst outcome of all fields; Released if none was restored and none had to be."""
    results = {entry.result for entry in (*record.actions, *record.dropped)}
    worst = (
        ("NotRestored", Reason.NOT_RESTORED),
        ("RestoreSkipped", Reason.RESTORE_SKIPPED),
        ("Kept", Reason.KEPT),
        ("Restored", Reason.RESTORED),
    )
    return next((reason for result, reason in worst if result in results), Reason.RELEASED)


def _ended(held_field: HeldField) -> FieldRecord:
    result = _outcome(held_field)
    progress = _restore_remark(held_field) if result == "Restored" else held_field.entry.progress
    if result == "RestoreSkipped":
        progress = _changed(held_field)
    entry = failing(held_field, unsettled=given_up(held_field) or held_field.restorable)
    return entry.replace(result=result, progress=progress)


def _restore_remark(held_field: HeldField) -> str:
    """Describe the outcome of a restore that the values alone do not show."""
    if not held_field.is_made_once:
        return other_holder(held_field)
    why = held_field.entry.failure.message if held_field.entry.failure else held_field.entry.progress
    return f"was deleted ({why})" if why else "was deleted"


def _changed(held_field: HeldField) -> str:
    """Describe who changed the field after it was held, and to what."""
    assert held_field.saved  # noqa: S101 # the outcome of a missing object is Gone
    field = held_field.entry.field
    to = "" if held_field.is_object else f" to {shown(held_field.live)}"
    return f"{author(held_field.saved.manager(field), field)} changed it{to}"


def _outcome(held_field: HeldField) -> Result:
    if (
        held_field.is_made_once
        and held_field.entry.uid is not None
        and held_field.saved is not None
        and not held_field.saved.body
    ):
        return "Restored"
    if is_unchanged(held_field):
        return "Unchanged"
    if held_field.record.momentary or held_field.unplanned or held_field.entry.mode != "Hold":
        return held_field.entry.result
    if held_field.saved is None:
        return "NotRestored" if is_hidden(held_field.target) else "Gone"
    if held_field.restorable:
        return "Kept" if is_left_as_held(held_field) else "NotRestored"
    return "Restored" if held_field.overruled or held_field.is_held or _is_restored(held_field) else "RestoreSkipped"


def is_unchanged(held_field: HeldField) -> bool:
    """True if no write of this engagement is known and the object shows the saved value: there is nothing to restore.

    It is also True after a crash between a restore and its record; the outcome Unchanged is right then too.
    """
    if (
        held_field.unplanned
        or held_field.entry.result != "Pending"
        or held_field.saved is None
        or held_field.write_history.accepted is not None
    ):
        return False
    return not held_field.overruled and (
        held_field.live is None if held_field.is_object else held_field.is_restored(held_field.entry.saved)
    )


def _is_restored(held_field: HeldField) -> bool:
    assert held_field.saved  # noqa: S101 # called only if the object exists
    if held_field.is_object:
        return not held_field.saved.body
    heir = (held_field.heir.held,) if held_field.heir else ()
    return any(held_field.is_restored(value) for value in (held_field.entry.saved, *heir))
