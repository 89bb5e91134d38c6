"""The switch engine: decide the one next step of a switch.

Each rule reads the snapshot and returns a step or None. The first step is carried out, and the rules run on a new
snapshot. A crash between two steps is harmless: nothing but the snapshot determines the next step.
"""

from collections.abc import Callable

from runbook_operator.api.switch import FINALIZER, Record
from runbook_operator.automation.desired_state import (
    current_override,
    expired_momentary_throw,
    rehearsed,
    should_be_engaged,
)
from runbook_operator.automation.desired_state import is_over as override_is_over
from runbook_operator.core.field_manager_advice import UNNAMED_CLIENT
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import Begin, ClearOverride, SetFinalizers, Step, WriteTarget
from runbook_operator.switches import expired_throw
from runbook_operator.switches.action_planning import planned
from runbook_operator.switches.action_progress import obstacle
from runbook_operator.switches.held_field import dropped, held_fields
from runbook_operator.switches.prewritten_record import covers, unrecorded_writes
from runbook_operator.switches.requeue import tried_again_at
from runbook_operator.switches.suspended_start import is_unrecorded
from runbook_operator.switches.switch_messages import notices_for
from runbook_operator.switches.switch_status import (
    begun,
    deferred_record,
    finish,
    reapply,
    status_write,
)
from runbook_operator.switches.target_steps import deviations, drift_correction, restorations
from runbook_operator.switches.write_ahead_record import new_record, outdated, reapplied, recovered

Rule = Callable[[Snapshot], Step | None]


def next_step(snapshot: Snapshot) -> Step | None:
    """Return the next step, or None if everything is as it should be."""
    found = decided(snapshot)
    return found[1] if found else None


def decided(snapshot: Snapshot) -> tuple[str, Step] | None:
    """Return the next step with the name of its rule."""
    return next(((rule.__name__, step) for rule in RULES if (step := rule(snapshot))), None)


def awaits_record(snapshot: Snapshot) -> bool:
    """True if a created Job stays paused until its uid is recorded, so that the status must not be deferred."""
    return (
        snapshot.record is not None
        and should_be_engaged(snapshot)
        and any(map(is_unrecorded, held_fields(snapshot, snapshot.record)))
    )


def expire(snapshot: Snapshot) -> Step | None:
    """Clear an override that has expired."""
    spoken = current_override(snapshot)
    if spoken is None or snapshot.deleting or not override_is_over(snapshot):
        return None
    if expired_momentary_throw(snapshot) is not None:
        return _refuse(snapshot) if expired_throw.is_reported(snapshot) else None
    text = (
        f"engaged: {str(spoken.engaged).lower()}, set by {spoken.by or UNNAMED_CLIENT} at {spoken.since}, has expired"
    )
    notices = notices_for(
        snapshot, Reason.EXPIRED, text, f"{snapshot.switch.meta.uid}.{snapshot.switch.meta.generation}.Expired"
    )
    return ClearOverride(snapshot.switch.meta, notices)


def _refuse(snapshot: Snapshot) -> ClearOverride:
    """Clear an expired momentary throw once the status reports that it expired."""
    text = f"{snapshot.switch.meta.ref.name} {expired_throw.sentence(snapshot, snapshot.switch.status)}"
    identity = f"{snapshot.switch.meta.uid}.{snapshot.switch.meta.generation}.Expired"
    return ClearOverride(snapshot.switch.meta, notices_for(snapshot, Reason.EXPIRED, text, identity, warning=True))


def recover(snapshot: Snapshot) -> Step | None:
    """Rebuild the record of a throw that wrote targets but no record and must not go on: the restore needs it."""
    goes_on = should_be_engaged(snapshot) and not (snapshot.observing or snapshot.lacks_account)
    if goes_on and snapshot.entry is not None and not snapshot.entry.momentary:
        return None
    return begun(snapshot, recovered(snapshot, left)) if (left := unrecorded_writes(snapshot)) else None


def begin(snapshot: Snapshot) -> Step | None:
    """Begin a throw: before any write to a target, write the finalizer and, unless values are prepared, the record."""
    entry = snapshot.entry
    if not should_be_engaged(snapshot) or entry is None or not _is_new(snapshot):
        return None
    if snapshot.observing or snapshot.lacks_account or snapshot.tracked:
        return None
    if snapshot.record is not None:
        return finish(snapshot, snapshot.record)
    record, meta = new_record(snapshot, entry), snapshot.switch.meta
    is_marked, marked = entry.momentary or FINALIZER in meta.finalizers, (*meta.finalizers, FINALIZER)
    if covers(snapshot, record):
        return deferred_record(snapshot, record) if is_marked else SetFinalizers(meta, marked)
    first = begun(snapshot, record)
    return first if is_marked else Begin(first.meta, first.status, first.notices, marked)


def adopt(snapshot: Snapshot) -> Step | None:
    """Add the finalizer to an engaged switch that lacks it: an uninstall that keeps held values has removed it."""
    record, meta = snapshot.record, snapshot.switch.meta
    if record is None or record.momentary or snapshot.deleting or FINALIZER in meta.finalizers:
        return None
    return SetFinalizers(meta, (*meta.finalizers, FINALIZER))


def change(snapshot: Snapshot) -> Step | None:
    """Apply an edit of the Runbook if it sets reapplyOnChange and names the same service account as before."""
    record = snapshot.record
    if record is None or not _active(snapshot, record):
        return None
    entry = (
        outdated(snapshot, record)
        if acting_identity.declared(snapshot.runbook) == acting_identity.of_switch(snapshot.switch, None)
        else None
    )
    return reapply(snapshot, reapplied(snapshot, record, entry)) if entry and entry.reapply_on_change else None


def save(snapshot: Snapshot) -> Step | None:
    """Save the live values of a target that has appeared or was replaced, before the first write to it."""
    if snapshot.record is None or not _active(snapshot, snapshot.record):
        return None
    record = planned(snapshot, snapshot.record)
    return begun(snapshot, record) if record != snapshot.record else None


def hold(snapshot: Snapshot) -> Step | None:
    """Write the held values in the order of the record, and correct drift."""
    if snapshot.record is None or not _active(snapshot, snapshot.record):
        return None
    return next(deviations(snapshot, snapshot.record), None)


def restore(snapshot: Snapshot) -> Step | None:
    """Restore the saved values, last action first, where the live value is still the held one.

    Neither the health of the target nor any automatic signal is considered.
    """
    record = snapshot.record
    if record is None or (record.momentary and (record.done or should_be_engaged(snapshot))):
        return None
    left = (*reversed(held_fields(snapshot, record)), *dropped(snapshot, record))
    if record.momentary:
        left = tuple(held_field for held_field in left if held_field.is_made_once)
    return next(restorations(dropped(snapshot, record) if should_be_engaged(snapshot) else left), None)


def hold_or_restore_one(snapshot: Snapshot, index: int) -> WriteTarget | None:
    """Hold or restore one field of the record without the others, when the decision about the whole switch has failed.

    No status can be written then, so a drift correction is not counted towards a contest.
    """
    record = snapshot.record
    if record is None or record.momentary:
        return None
    held_field = held_fields(snapshot, record)[index]
    if not should_be_engaged(snapshot):
        return next(restorations((held_field,)), None)
    is_changed = _active(snapshot, record) and held_field.entry.result == "Applied" and held_field.deviates
    if not is_changed or tried_again_at(held_field) > snapshot.now or obstacle(held_field) is not None:
        return None
    return drift_correction(held_field)


def clear_momentary_override(snapshot: Snapshot) -> Step | None:
    """Clear the override of a momentary switch that has acted or was rehearsed."""
    entry, is_rehearsed = snapshot.entry, rehearsed(snapshot) is not None
    if is_rehearsed and entry is not None and entry.momentary and snapshot.record is None and not snapshot.deleting:
        return ClearOverride(snapshot.switch.meta)
    if snapshot.record and snapshot.record.done and snapshot.switch.spec.engaged and not snapshot.deleting:
        return ClearOverride(snapshot.switch.meta)
    return None


def remove_finalizer(snapshot: Snapshot) -> Step | None:
    """Remove the finalizer when nothing is held: the object may be deleted."""
    if snapshot.record is not None or FINALIZER not in snapshot.switch.meta.finalizers:
        return None
    return SetFinalizers(snapshot.switch.meta, tuple(f for f in snapshot.switch.meta.finalizers if f != FINALIZER))


RULES: tuple[Rule, ...] = (
    expire,
    recover,
    begin,
    adopt,
    change,
    save,
    hold,
    restore,
    status_write,
    clear_momentary_override,
    remove_finalizer,
)


def _is_new(snapshot: Snapshot) -> bool:
    """True if the throw has no record yet, or if a momentary switch was thrown again before its last record ended."""
    record, meta = snapshot.record, snapshot.switch.meta
    return record is None or (
        record.done and bool(snapshot.switch.spec.engaged) and record.generation != meta.generation
    )


def _active(snapshot: Snapshot, record: Record) -> bool:
    """True if the record is to be carried out: the switch should be engaged, may write, and is not done."""
    return should_be_engaged(snapshot) and not (snapshot.observing or snapshot.lacks_account or record.done)
