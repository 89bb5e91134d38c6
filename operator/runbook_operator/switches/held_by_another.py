"""Skip the acts of a momentary switch on fields that another switch holds, and name the holder.

The holder would undo such an act a moment later; until then the act would work against the purpose of the holder. The
claims of other switches decide if a field is held. Every snapshot has them, so nothing is read.
"""

from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.switch import FieldRecord, Record
from runbook_operator.core import field_values
from runbook_operator.core.desired_fields import TEMPLATE
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.pod_templates import RESTARTED
from runbook_operator.reconcile.snapshot import Claim, Snapshot
from runbook_operator.switches.held_field import HeldField, held_fields
from runbook_operator.switches.not_in_force import accepted, was_written
from runbook_operator.switches.switch_messages import named, shown


def skipped(snapshot: Snapshot, record: Record) -> Record:
    """Return the record of a momentary switch without acts on fields that other switches hold; any other is unchanged.

    The rest of a skipped action is not done either, nor are the actions after it unless continueOnFailure is set.
    """
    if not record.momentary or record.done:
        return record
    every = held_fields(snapshot, record)
    held = {held_field.index: claim for held_field in every if (claim := _holder(held_field)) is not None}
    if not held:
        return record
    first = min(every[index].entry.step for index in held)
    steps = {every[index].entry.step for index in held}
    actions = [
        _skipped(held_field, held.get(held_field.index))
        if _is_open(held_field) and _is_dropped(held_field, first, steps)
        else held_field.entry
        for held_field in every
    ]
    return record.replace(actions=actions)


def _is_dropped(held_field: HeldField, first: int, steps: set[int]) -> bool:
    return held_field.entry.step in steps or (
        held_field.entry.step > first and not held_field.record.continue_on_failure
    )


def _is_open(held_field: HeldField) -> bool:
    """True if the field was not written yet."""
    return held_field.unplanned or (held_field.entry.result == "Pending" and not _is_done(held_field))


def _is_done(held_field: HeldField) -> bool:
    """True if this engagement has written the field, as far as that is known after a restart."""
    return accepted(held_field) is not None or (held_field.overruled and was_written(held_field))


def _holder(held_field: HeldField) -> Claim | None:
    """Return the hold of another switch that keeps the field from being written."""
    if held_field.unplanned or held_field.is_made_once:
        return None
    found = [
        one
        for one in held_field.snapshot.claims
        if one.uid == held_field.entry.uid and _overlaps(held_field.entry.field, one.field)
    ]
    if not found or not _is_open(held_field):
        return None
    return max((one for one in found if _is_in_force(held_field, one)), key=lambda one: one.order, default=None)


def _overlaps(field: str, held: str) -> bool:
    """True if a write of the field changes the held value; a restart changes no held template."""
    if field == held:
        return True
    return held == TEMPLATE and field.startswith(f"{TEMPLATE}.") and RESTARTED not in field


def _is_in_force(held_field: HeldField, claim: Claim) -> bool:
    """False if a switch under release has restored the field already, which its status may not show yet."""
    if not claim.releasing:
        return True
    assert isinstance(held_field.target, ObservedObject)  # noqa: S101 # it was planned
    return field_values.shows(held_field.target, claim.field, claim.held) and not field_values.same(
        claim.field, claim.saved, claim.held
    )


def _skipped(held_field: HeldField, claim: Claim | None) -> FieldRecord:
    text = _sentence(held_field, claim) if claim else ""
    return held_field.entry.replace(result="Skipped", progress=text, failure=None, resource_version=None)


def _sentence(held_field: HeldField, claim: Claim) -> str:
    switch = claim.switch.name
    if claim.releasing:
        return (
            f"{switch} is being released and has not restored {named(held_field.entry)} yet; throw this switch again "
            "after that"
        )
    what = named(held_field.entry) if claim.field == held_field.entry.field else f"the pod template of {held_field.ref}"
    since = f" since {_at(moment(claim.since), held_field.snapshot.now)}" if claim.since else ""
    because = f" ({claim.reason})" if claim.reason else ""
    return f"{switch} holds {what} at {shown(claim.held)}{since}{because}; release it first"


def _at(since: datetime, now: datetime) -> str:
    """Format the time for people, with the day if that is not today."""
    return f"{since:%H:%M}" if since.date() == now.date() else f"{since:%Y-%m-%d %H:%M}"
