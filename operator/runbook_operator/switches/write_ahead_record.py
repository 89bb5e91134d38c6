"""The write-ahead record: what a throw pins of the Runbook, and what it saves of each target."""

from collections.abc import Sequence
from typing import Any

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Declared, Entry, Hold, Noted, Record
from runbook_operator.automation.desired_state import called, holds, thrown_by
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE
from runbook_operator.core.field_values import same
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import MANAGER, Ref
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_planning import action_of, pinned, planned
from runbook_operator.switches.held_field import Part, parts
from runbook_operator.switches.not_in_force import was_written
from runbook_operator.switches.prewritten_record import untold
from runbook_operator.switches.switch_messages import named, shown


def new_record(world: World, entry: KillSwitch) -> Record:
    """Return the record of a throw that begins now; it saves live values, or those from before unrecorded writes."""
    fresh = drafted(world, entry, thrown_by(world))
    # After the reads that every throw needs: in most cases they are enough for this too.
    left = untold(world)
    record = drafted(world, entry, thrown_by(world), left) if left else fresh
    remarks = [_already_set(part) for part in parts(world, record) if _is_already_set(part)]
    return record.replace(remarks=[*record.remarks, *remarks])


def recovered(world: World, left: Sequence[Entry]) -> Record:
    """Return the record of a throw that wrote targets but no record, and that does not go on."""
    entry, prepared, every = world.entry, world.switch.status.prepared, holds(world)
    assert prepared  # noqa: S101 # without it, no write is unrecorded
    name = prepared.service_account_name
    if entry is not None and not entry.momentary:
        record = drafted(world, entry, every[0] if every else None, left)
        return record.replace(service_account_name=name)
    return Record(
        engagement_id=prepared.engagement_id,
        engaged_at=timestamp(world.now),
        generation=world.switch.meta.generation,
        service_account_name=name,
        dropped=list(left),
    )


def drafted(world: World, entry: KillSwitch, first: Hold | None = None, written: Sequence[Entry] = ()) -> Record:
    """Return the record that a throw would have now, with the fields in `written` already in it."""
    account, ready = acting_identity.declared(world.runbook), world.switch.status.prepared
    record = Record(
        engagement_id=ready.engagement_id if ready else world.new_id,
        engaged_at=timestamp(world.now),
        engaged_by=called(first.source, first.name) if first else "",
        source=first.source if first else "Person",
        reason=first.reason if first else "",
        generation=world.switch.meta.generation,
        momentary=entry.momentary,
        service_account_name=account.name if account else None,
        plan=pinned(world, entry),
        actions=list(written),
    )
    return planned(world, _with_policy(record, entry), [one.timeout for one in entry.actions])


def resaved(world: World, record: Record, ref: Ref) -> Record:
    """Return the record with `ref` saved again: the target changed between the save and its first write.

    If the target shows the held value, an earlier leader may have written that; what that leader saved stays saved.
    """
    entries = [
        part.entry.replace(uid=None) if part.ref == ref and _is_outrun(part) else part.entry
        for part in parts(world, record)
    ]
    return planned(world, record.replace(actions=entries))


def outdated(world: World, record: Record) -> KillSwitch | None:
    """Return what the Runbook declares now if that differs from what the record has pinned, else None."""
    entry = world.entry
    if entry is None or record.momentary:
        return None
    now = pinned(world, entry)
    return entry if list(map(_essence, now)) != list(map(_essence, record.plan)) else None


def reapplied(world: World, record: Record, entry: KillSwitch) -> Record:
    """Return the record with the actions declared now; saved values stay, and removed fields are dropped."""
    changed = _with_policy(record.replace(plan=pinned(world, entry)), entry)
    return planned(world, changed, [one.timeout for one in entry.actions])


def replanned(world: World, record: Record) -> Record:
    """Return the record of a throw that has written no target yet, planned again from the current snapshot."""
    entry = world.entry
    return planned(world, record, [one.timeout for one in entry.actions]) if entry else record


def _is_already_set(part: Part) -> bool:
    """True if a release will change nothing: the field has the held value already, and no switch holds it.

    A person set it before, or the record of an earlier throw is lost, as when a Switch is restored without its status.
    """
    entry = part.entry
    if entry.mode != "Hold" or entry.result != "Pending" or entry.field in (OBJECT, TEMPLATE) or part.rivals:
        return False
    return same(entry.field, entry.saved, entry.held)


def _already_set(part: Part) -> Noted:
    value = shown(part.entry.held)
    text = f"{named(part.entry)} was at {value} before the throw, and a release leaves it at {value}"
    return Noted(step=part.entry.step, reason=Reason.ALREADY_SET, message=text)


def _is_outrun(part: Part) -> bool:
    """True if another client changed the target after it was saved and before its first write."""
    if part.entry.resource_version is None or part.saved is None or part.is_object or part.is_as_saved:
        return False
    if was_written(part):
        return False
    return part.deviates or (part.saved.manager(part.entry.field) not in ("", MANAGER) and not _follows(part))


def _follows(part: Part) -> bool:
    """True if the change is an effect of this action: a pinned autoscaler sets the replicas automatically."""
    before = (one for one in parts(part.world, part.record)[: part.index] if one.entry.step == part.entry.step)
    return any(one.is_held for one in before if one.ref != part.ref)


def _with_policy(record: Record, entry: KillSwitch) -> Record:
    return record.replace(
        automatic=entry.automatic, continue_on_failure=entry.continue_on_failure, on_delete=entry.on_delete
    )


def _essence(declared: Declared) -> tuple[Any, ...]:
    """Return what an action does, however it was written down."""
    action, spec = action_of(declared)
    return (action, spec, declared.target)
