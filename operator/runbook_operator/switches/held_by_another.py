"""Skip the acts of a momentary switch on fields that another switch holds, and name the holder.

A momentary switch holds nothing: the holder would undo its act a moment later, and until then the act would break what
the holder is engaged for. The claims of other switches decide; every snapshot has them, so nothing is read.
"""

from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.switch import Entry, Record
from runbook_operator.core import field_values
from runbook_operator.core.desired_fields import TEMPLATE
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.pod_templates import RESTARTED
from runbook_operator.reconcile.snapshot import Claim, World
from runbook_operator.switches.held_field import Part, parts
from runbook_operator.switches.not_in_force import accepted, was_written
from runbook_operator.switches.switch_messages import named, shown


def skipped(world: World, record: Record) -> Record:
    """Return the record of a momentary switch without acts on fields that other switches hold; else unchanged.

    The rest of a skipped action is not done either, nor are the actions after it unless continueOnFailure is set.
    """
    if not record.momentary or record.done:
        return record
    every = parts(world, record)
    held = {part.index: claim for part in every if (claim := _holder(part)) is not None}
    if not held:
        return record
    first = min(every[index].entry.step for index in held)
    steps = {every[index].entry.step for index in held}
    actions = [
        _skipped(part, held.get(part.index)) if _is_open(part) and _is_dropped(part, first, steps) else part.entry
        for part in every
    ]
    return record.replace(actions=actions)


def _is_dropped(part: Part, first: int, steps: set[int]) -> bool:
    return part.entry.step in steps or (part.entry.step > first and not part.record.continue_on_failure)


def _is_open(part: Part) -> bool:
    """True if the field was not written yet."""
    return part.unplanned or (part.entry.result == "Pending" and not _is_done(part))


def _is_done(part: Part) -> bool:
    """True if this engagement has written the field, as far as that is known after a restart."""
    return accepted(part) is not None or (part.overruled and was_written(part))


def _holder(part: Part) -> Claim | None:
    """Return the hold of another switch that keeps the field from being written."""
    if part.unplanned or part.is_made_once:
        return None
    found = [one for one in part.world.claims if one.uid == part.entry.uid and _overlaps(part.entry.field, one.field)]
    if not found or not _is_open(part):
        return None
    return max((one for one in found if _is_in_force(part, one)), key=lambda one: one.order, default=None)


def _overlaps(field: str, held: str) -> bool:
    """True if a write of the field changes the held value; a restart changes no held template."""
    if field == held:
        return True
    return held == TEMPLATE and field.startswith(f"{TEMPLATE}.") and RESTARTED not in field


def _is_in_force(part: Part, claim: Claim) -> bool:
    """False if a switch under release has restored the field and could not report that yet."""
    if not claim.releasing:
        return True
    assert isinstance(part.target, Seen)  # noqa: S101 # it was planned
    return field_values.shows(part.target, claim.field, claim.held) and not field_values.same(
        claim.field, claim.saved, claim.held
    )


def _skipped(part: Part, claim: Claim | None) -> Entry:
    text = _sentence(part, claim) if claim else ""
    return part.entry.replace(result="Skipped", progress=text, failure=None, resource_version=None)


def _sentence(part: Part, claim: Claim) -> str:
    switch = claim.switch.name
    if claim.releasing:
        return f"{switch} is being released and has not restored {named(part.entry)} yet; throw it again after that"
    what = named(part.entry) if claim.field == part.entry.field else f"the pod template of {part.ref}"
    since = f" since {_at(moment(claim.since), part.world.now)}" if claim.since else ""
    because = f" ({claim.reason})" if claim.reason else ""
    return f"{switch} holds {what} at {shown(claim.held)}{since}{because}; release it first"


def _at(since: datetime, now: datetime) -> str:
    """Format the time for people, with the day if that is not today."""
    return f"{since:%H:%M}" if since.date() == now.date() else f"{since:%Y-%m-%d %H:%M}"
