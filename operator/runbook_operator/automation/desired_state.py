"""Compute the desired state of a switch from the manual override and the automatic signals; the override wins."""

from datetime import datetime

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.override import Word
from runbook_operator.api.switch import Hold, Holder
from runbook_operator.automation import momentary_throws
from runbook_operator.automation.active_signals import heard
from runbook_operator.automation.gates import closed, confirmed
from runbook_operator.core.durations import duration
from runbook_operator.reconcile.automation_pauses import Gate
from runbook_operator.reconcile.snapshot import World


def wanted(world: World) -> bool:
    """True if the switch should be engaged now."""
    if world.deleting:
        return False
    if (said := in_force(world)) is not None:
        return said.engaged
    return bool(automatic_holds(world)) and is_automatic(world) and held_back(world) is None


def held_back(world: World) -> Gate | None:
    """Return the gate that keeps automatic holds from engaging the switch; None while it is engaged or overridden."""
    said, automatic = in_force(world), automatic_holds(world)
    if said is not None or world.deleting or world.record is not None or not (automatic and is_automatic(world)):
        return None
    return closed(world, automatic)


def begins_by_itself(world: World) -> bool:
    """True if the next step begins an automatic engagement."""
    is_kept_off = world.observing or world.barred or world.tracked
    if world.record is not None or is_kept_off or world.entry is None or not wanted(world):
        return False
    return thrown_by(world).source != "Person"


def word(world: World) -> Word | None:
    """Return the override in spec.engaged, with its author, start and end.

    Those stay as the status recorded them until a person changes the spec again.
    """
    spec = world.switch.spec
    if spec.engaged is None:
        return None
    known = _recorded(world)
    since = moment(known.since) if known else _said_at(world)
    return Word(
        engaged=spec.engaged,
        by=known.by if known else world.switch.said_by,
        reason="" if spec.reason == earlier_reason(world) else spec.reason,
        rehearsed=_is_rehearsed(world, known),
        since=timestamp(since),
        generation=world.switch.meta.generation,
        expires_after=spec.expires_after,
        expires_at=_end(world, since),
    )


def in_force(world: World) -> Word | None:
    """Return the override that counts now: neither expired nor a rehearsal."""
    said = word(world)
    return None if said is None or said.rehearsed or is_over(world) else said


def is_over(world: World) -> bool:
    """True if the override has expired."""
    at = expires_at(world)
    return at is not None and world.now >= at


def expires_at(world: World) -> datetime | None:
    """Return when the override expires, None if it does not; the progress of a momentary throw moves that time."""
    said = word(world)
    if said is None or said.expires_at is None:
        return None
    at = moment(said.expires_at)
    if not momentary_throws.is_thrown(world):
        return at
    return None if said.rehearsed else momentary_throws.expires_at(world, at)


def spent(world: World) -> Word | None:
    """Return the momentary throw that expired before it had done all its actions: the operator refuses it."""
    said = word(world)
    return said if said is not None and momentary_throws.is_thrown(world) and is_over(world) else None


def earlier_reason(world: World) -> str:
    """Return the text in spec.reason that belongs to an earlier override, and not to this one.

    A release that patches only engaged leaves the reason in the spec. It was given for another throw, perhaps by
    another person.
    """
    spec, status = world.switch.spec, world.switch.status
    if spec.engaged is None:
        return spec.reason
    old = status.word
    if old is None or _recorded(world) is not None or _is_renewal(world, old):
        return status.earlier_reason
    return old.reason or status.earlier_reason


def automatic_holds(world: World) -> list[Hold]:
    """Return the automatic holds in the status, updated by the signals; a source without data changes none."""
    held = {(hold.source, hold.name): hold for hold in world.switch.status.holds if hold.source != "Person"}
    for signal in heard(world):
        key = (signal.source, signal.name)
        if signal.verdict == "Release":
            held.pop(key, None)
        elif signal.verdict == "Engage" and key not in held:
            hold = Hold(source=signal.source, name=signal.name, since=timestamp(world.now), reason=signal.reason)
            held[key] = hold
    return list(held.values())


def holds(world: World) -> list[Hold]:
    """Return all holds that engage the switch, the person's first."""
    said = in_force(world)
    if said is None or not said.engaged:
        return automatic_holds(world)
    person = Hold(source="Person", name=said.by or "somebody", since=said.since, reason=said.reason)
    return [person, *automatic_holds(world)]


def thrown_by(world: World) -> Hold:
    """Return the hold that engages the switch: a person's, else the first that a signal confirms, else the first."""
    every = holds(world)
    return every[0] if every[0].source == "Person" else next(iter(confirmed(world, every)), every[0])


def called(source: Holder, name: str) -> str:
    """Format a holder: a person by user name, or else by the name of the tool."""
    return name if source == "Person" else f"{source} {name}"


def is_automatic(world: World) -> bool:
    """True if automatic sources may engage the switch: by its Runbook entry or, if that is gone, by the record."""
    if world.entry is not None:
        return world.entry.automatic
    return world.record is not None and world.record.automatic


def rehearsed(world: World) -> Word | None:
    """Return the throw that was made in mode Observe, and that does nothing."""
    said = word(world)
    return said if said is not None and said.rehearsed else None


def held_released(world: World) -> Word | None:
    """Return the override in force, if it holds the switch released."""
    said = in_force(world)
    return said if said is not None and not said.engaged else None


def silenced(world: World) -> Word | None:
    """Return the override that holds the switch released while automatic sources might engage it."""
    return held_released(world) if is_automatic(world) and not momentary_throws.is_momentary(world) else None


def _recorded(world: World) -> Word | None:
    """Return the override in the status, if the spec is still the one that it was recorded for.

    Only a change of the spec raises the generation; annotations and labels do not, although they move the time in
    managedFields. A deletion raises it too, and is no override. A restored Switch counts from 1 again, with its old
    override.
    """
    spec, status = world.switch.spec, world.switch.status
    old = status.word
    if old is None or (old.engaged, old.expires_after) != (spec.engaged, spec.expires_after):
        return None
    generation = old.generation or status.observed_generation
    return old if world.deleting or world.switch.meta.generation <= generation else None


def _is_renewal(world: World, old: Word) -> bool:
    """True if the person changed the spec once since `old` and left engaged as it was: the same throw goes on."""
    return old.engaged is world.switch.spec.engaged and world.switch.meta.generation == old.generation + 1


def _is_rehearsed(world: World, known: Word | None) -> bool:
    """True for a throw made in mode Observe: it stays a rehearsal when the mode changes.

    A throw that prolongs an engagement under way is no rehearsal, nor is one that may have acted before the mode
    changed.
    """
    switch = world.switch
    if not switch.spec.engaged or (known is not None and known.rehearsed):
        return bool(switch.spec.engaged)
    old = switch.status.word
    is_wanted = (old is not None and old.engaged and not old.rehearsed) or bool(automatic_holds(world))
    is_held = world.record is not None and is_wanted
    return world.observing and not (is_held or switch.is_in_doubt)


def _said_at(world: World) -> datetime:
    """Return when the API server noted a new override; now if that note is in the future, or is an older one.

    A person who only removes a field leaves no new note.
    """
    noted, old = world.switch.said_at, world.switch.status.word
    at = moment(noted) if noted else world.now
    is_old = old is not None and at <= moment(old.since)
    return world.now if is_old else min(at, world.now)


def _end(world: World, since: datetime) -> str | None:
    spec = world.switch.spec
    if spec.expires_after is not None:
        return timestamp(since + duration(spec.expires_after))
    if momentary_throws.is_thrown(world):
        # A tool that tracks the Switch would set engaged again as often as the operator removed it.
        return None if world.tracked else timestamp(since + momentary_throws.ACTS_WITHIN)
    runbook = world.runbook.spec if world.runbook else None
    sensed = bool(world.signals) or bool(automatic_holds(world))
    if spec.engaged is False and sensed and is_automatic(world) and runbook is not None:
        return timestamp(since + duration(runbook.silence_for))
    return None
