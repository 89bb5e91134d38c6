"""The write-ahead record of a throw: the pinned actions of the Runbook, and the saved values of each target."""

from collections.abc import Sequence
from typing import Any

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Declared, FieldRecord, Hold, Noted, Record
from runbook_operator.automation.desired_state import format_holder, holds, thrown_by
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE
from runbook_operator.core.field_values import same
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import MANAGER, Ref
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_planning import action_of, pinned, planned
from runbook_operator.switches.held_field import HeldField, held_fields
from runbook_operator.switches.not_in_force import was_written
from runbook_operator.switches.prewritten_record import unrecorded_writes
from runbook_operator.switches.switch_messages import named, shown


def new_record(snapshot: Snapshot, entry: KillSwitch) -> Record:
    """Return the record of a throw that begins now, with the live values or those from before unrecorded writes."""
    fresh = drafted(snapshot, entry, thrown_by(snapshot))
    # It comes after drafted(), whose reads every throw needs: in most cases they are enough for this too.
    left = unrecorded_writes(snapshot)
    record = drafted(snapshot, entry, thrown_by(snapshot), left) if left else fresh
    remarks = [_already_set(held_field) for held_field in held_fields(snapshot, record) if _is_already_set(held_field)]
    return record.replace(remarks=[*record.remarks, *remarks])


def recovered(snapshot: Snapshot, left: Sequence[FieldRecord]) -> Record:
    """Return the record of a throw that wrote targets but no record and must not go on."""
    entry, prepared, every = snapshot.entry, snapshot.switch.status.prepared, holds(snapshot)
    assert prepared  # noqa: S101 # without it, no write is unrecorded
    name = prepared.service_account_name
    if entry is not None and not entry.momentary:
        record = drafted(snapshot, entry, every[0] if every else None, left)
        return record.replace(service_account_name=name)
    return Record(
        engagement_id=prepared.engagement_id,
        engaged_at=timestamp(snapshot.now),
        generation=snapshot.switch.meta.generation,
        service_account_name=name,
        dropped=list(left),
    )


def drafted(
    snapshot: Snapshot, entry: KillSwitch, first: Hold | None = None, written: Sequence[FieldRecord] = ()
) -> Record:
    """Return the record that a throw would have now, with the fields in `written` already in it."""
    account, ready = acting_identity.declared(snapshot.runbook), snapshot.switch.status.prepared
    record = Record(
        engagement_id=ready.engagement_id if ready else snapshot.new_id,
        engaged_at=timestamp(snapshot.now),
        engaged_by=format_holder(first.source, first.name) if first else "",
        source=first.source if first else "Person",
        reason=first.reason if first else "",
        generation=snapshot.switch.meta.generation,
        momentary=entry.momentary,
        service_account_name=account.name if account else None,
        plan=pinned(snapshot, entry),
        actions=list(written),
    )
    return planned(snapshot, _with_policy(record, entry), [one.timeout for one in entry.actions])


def resaved(snapshot: Snapshot, record: Record, ref: Ref) -> Record:
    """Return the record with `ref` saved again: the target changed between the save and its first write.

    If the target shows the held value, an earlier leader may have written it: the recorded saved value stays.
    """
    entries = [
        held_field.entry.replace(uid=None) if held_field.ref == ref and _is_outrun(held_field) else held_field.entry
        for held_field in held_fields(snapshot, record)
    ]
    return planned(snapshot, record.replace(actions=entries))


def outdated(snapshot: Snapshot, record: Record) -> KillSwitch | None:
    """Return what the Runbook declares now if that differs from what the record has pinned, else None."""
    entry = snapshot.entry
    if entry is None or record.momentary:
        return None
    now = pinned(snapshot, entry)
    return entry if list(map(_essence, now)) != list(map(_essence, record.plan)) else None


def reapplied(snapshot: Snapshot, record: Record, entry: KillSwitch) -> Record:
    """Return the record with the actions declared now; saved values stay, and removed fields are dropped."""
    changed = _with_policy(record.replace(plan=pinned(snapshot, entry)), entry)
    return planned(snapshot, changed, [one.timeout for one in entry.actions])


def replanned(snapshot: Snapshot, record: Record) -> Record:
    """Return the record of a throw that has written no target yet, planned again from the current snapshot."""
    entry = snapshot.entry
    return planned(snapshot, record, [one.timeout for one in entry.actions]) if entry else record


def _is_already_set(held_field: HeldField) -> bool:
    """True if a release will change nothing: the field has the held value already, and no switch holds it.

    A person set it before, or the record of an earlier throw is lost, as when a Switch is restored without its status.
    """
    entry = held_field.entry
    if entry.mode != "Hold" or entry.result != "Pending" or entry.field in (OBJECT, TEMPLATE) or held_field.rivals:
        return False
    return same(entry.field, entry.saved, entry.held)


def _already_set(held_field: HeldField) -> Noted:
    value = shown(held_field.entry.held)
    text = f"{named(held_field.entry)} was at {value} before the throw, and a release leaves it at {value}"
    return Noted(step=held_field.entry.step, reason=Reason.ALREADY_SET, message=text)


def _is_outrun(held_field: HeldField) -> bool:
    """True if another client changed the target after it was saved and before its first write."""
    if (
        held_field.entry.resource_version is None
        or held_field.saved is None
        or held_field.is_object
        or held_field.is_as_saved
    ):
        return False
    if was_written(held_field):
        return False
    return held_field.deviates or (
        held_field.saved.manager(held_field.entry.field) not in ("", MANAGER) and not _follows(held_field)
    )


def _follows(held_field: HeldField) -> bool:
    """True if the change is an effect of this action: a pinned autoscaler sets the replicas automatically."""
    before = (
        one
        for one in held_fields(held_field.snapshot, held_field.record)[: held_field.index]
        if one.entry.step == held_field.entry.step
    )
    return any(one.is_held for one in before if one.ref != held_field.ref)


def _with_policy(record: Record, entry: KillSwitch) -> Record:
    return record.replace(
        automatic=entry.automatic, continue_on_failure=entry.continue_on_failure, on_delete=entry.on_delete
    )


def _essence(declared: Declared) -> tuple[Any, ...]:
    """Return what identifies an action when two are compared: parsed, so that spellings of its spec do not matter."""
    action, spec = action_of(declared)
    return (action, spec, declared.target)
