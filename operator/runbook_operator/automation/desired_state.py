"""Compute the desired state of a switch: a manual override takes precedence over the automatic signals."""

from datetime import datetime

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.override import Override
from runbook_operator.api.switch import Hold, Holder
from runbook_operator.automation import momentary_throws
from runbook_operator.automation.active_signals import active_signals
from runbook_operator.automation.gates import closed, confirmed
from runbook_operator.core.durations import duration
from runbook_operator.reconcile.automation_pauses import Gate
from runbook_operator.reconcile.snapshot import Snapshot


def should_be_engaged(snapshot: Snapshot) -> bool:
    """True if the switch should be engaged now."""
    if snapshot.deleting:
        return False
    if (said := in_force(snapshot)) is not None:
        return said.engaged
    return bool(automatic_holds(snapshot)) and is_automatic(snapshot) and closed_gate(snapshot) is None


def closed_gate(snapshot: Snapshot) -> Gate | None:
    """Return the gate that keeps automatic holds from engaging the switch; None while it is engaged or overridden."""
    said, automatic = in_force(snapshot), automatic_holds(snapshot)
    if (
        said is not None
        or snapshot.deleting
        or snapshot.record is not None
        or not (automatic and is_automatic(snapshot))
    ):
        return None
    return closed(snapshot, automatic)


def begins_automatically(snapshot: Snapshot) -> bool:
    """True if the next step begins an automatic engagement."""
    is_kept_off = snapshot.observing or snapshot.lacks_account or snapshot.tracked
    if snapshot.record is not None or is_kept_off or snapshot.entry is None or not should_be_engaged(snapshot):
        return False
    return thrown_by(snapshot).source != "Person"


def current_override(snapshot: Snapshot) -> Override | None:
    """Return the override in spec.engaged, with its author, start and end.

    Those stay as the status recorded them until a person changes the spec again.
    """
    spec = snapshot.switch.spec
    if spec.engaged is None:
        return None
    known = _recorded(snapshot)
    since = moment(known.since) if known else _override_set_at(snapshot)
    return Override(
        engaged=spec.engaged,
        by=known.by if known else snapshot.switch.override_author,
        reason="" if spec.reason == earlier_reason(snapshot) else spec.reason,
        rehearsed=_is_rehearsed(snapshot, known),
        since=timestamp(since),
        generation=snapshot.switch.meta.generation,
        expires_after=spec.expires_after,
        expires_at=_end(snapshot, since),
    )


def in_force(snapshot: Snapshot) -> Override | None:
    """Return the override that counts now: neither expired nor a rehearsal."""
    said = current_override(snapshot)
    return None if said is None or said.rehearsed or is_over(snapshot) else said


def is_over(snapshot: Snapshot) -> bool:
    """True if the override has expired."""
    at = expires_at(snapshot)
    return at is not None and snapshot.now >= at


def expires_at(snapshot: Snapshot) -> datetime | None:
    """Return when the override expires, None if it does not; the progress of a momentary throw moves that time."""
    said = current_override(snapshot)
    if said is None or said.expires_at is None:
        return None
    at = moment(said.expires_at)
    if not momentary_throws.is_thrown(snapshot):
        return at
    return None if said.rehearsed else momentary_throws.expires_at(snapshot, at)


def expired_momentary_throw(snapshot: Snapshot) -> Override | None:
    """Return the momentary throw that expired before it had done all its actions: the operator refuses it."""
    said = current_override(snapshot)
    return said if said is not None and momentary_throws.is_thrown(snapshot) and is_over(snapshot) else None


def earlier_reason(snapshot: Snapshot) -> str:
    """Return the text in spec.reason that belongs to an earlier override, and not to this one.

    A release that patches only engaged leaves the reason in the spec. It was given for another throw, perhaps by
    another person.
    """
    spec, status = snapshot.switch.spec, snapshot.switch.status
    if spec.engaged is None:
        return spec.reason
    old = status.override
    if old is None or _recorded(snapshot) is not None or _is_renewal(snapshot, old):
        return status.earlier_reason
    return old.reason or status.earlier_reason


def automatic_holds(snapshot: Snapshot) -> list[Hold]:
    """Return the automatic holds in the status, updated by the signals; a source without data changes none."""
    held = {(hold.source, hold.name): hold for hold in snapshot.switch.status.holds if hold.source != "Person"}
    for signal in active_signals(snapshot):
        key = (signal.source, signal.name)
        if signal.verdict == "Release":
            held.pop(key, None)
        elif signal.verdict == "Engage" and key not in held:
            hold = Hold(source=signal.source, name=signal.name, since=timestamp(snapshot.now), reason=signal.reason)
            held[key] = hold
    return list(held.values())


def holds(snapshot: Snapshot) -> list[Hold]:
    """Return all holds that engage the switch, the person's first."""
    said = in_force(snapshot)
    if said is None or not said.engaged:
        return automatic_holds(snapshot)
    person = Hold(source="Person", name=said.by or "somebody", since=said.since, reason=said.reason)
    return [person, *automatic_holds(snapshot)]


def thrown_by(snapshot: Snapshot) -> Hold:
    """Return the hold that engages the switch: a person's, else the first that a signal confirms, else the first."""
    every = holds(snapshot)
    return every[0] if every[0].source == "Person" else next(iter(confirmed(snapshot, every)), every[0])


def format_holder(source: Holder, name: str) -> str:
    """Format a holder: a person by user name, or else by the name of the tool."""
    return name if source == "Person" else f"{source} {name}"


def is_automatic(snapshot: Snapshot) -> bool:
    """True if automatic sources may engage the switch: by its Runbook entry or, if that is gone, by the record."""
    if snapshot.entry is not None:
        return snapshot.entry.automatic
    return snapshot.record is not None and snapshot.record.automatic


def rehearsed(snapshot: Snapshot) -> Override | None:
    """Return the throw that was made in mode Observe, and that does nothing."""
    said = current_override(snapshot)
    return said if said is not None and said.rehearsed else None


def held_released(snapshot: Snapshot) -> Override | None:
    """Return the override in force, if it holds the switch released."""
    said = in_force(snapshot)
    return said if said is not None and not said.engaged else None


def silenced(snapshot: Snapshot) -> Override | None:
    """Return the override that holds the switch released while automatic sources might engage it."""
    return held_released(snapshot) if is_automatic(snapshot) and not momentary_throws.is_momentary(snapshot) else None


def _recorded(snapshot: Snapshot) -> Override | None:
    """Return the override in the status, if the spec is still the one that it was recorded for.

    Only a change of the spec raises the generation; annotations and labels do not, although they move the time in
    managedFields. A deletion raises it too, and is no override. A restored Switch counts from 1 again, with its old
    override.
    """
    spec, status = snapshot.switch.spec, snapshot.switch.status
    old = status.override
    if old is None or (old.engaged, old.expires_after) != (spec.engaged, spec.expires_after):
        return None
    generation = old.generation or status.observed_generation
    return old if snapshot.deleting or snapshot.switch.meta.generation <= generation else None


def _is_renewal(snapshot: Snapshot, old: Override) -> bool:
    """True if the person changed the spec once since `old` and left engaged as it was: the same throw goes on."""
    return old.engaged is snapshot.switch.spec.engaged and snapshot.switch.meta.generation == old.generation + 1


def _is_rehearsed(snapshot: Snapshot, known: Override | None) -> bool:
    """True for a throw made in mode Observe: it stays a rehearsal when the mode changes.

    A throw that prolongs an engagement under way is no rehearsal, nor is one that may have acted before the mode
    changed.
    """
    switch = snapshot.switch
    if not switch.spec.engaged or (known is not None and known.rehearsed):
        return bool(switch.spec.engaged)
    old = switch.status.override
    is_wanted = (old is not None and old.engaged and not old.rehearsed) or bool(automatic_holds(snapshot))
    is_held = snapshot.record is not None and is_wanted
    return snapshot.observing and not (is_held or switch.maybe_thrown)


def _override_set_at(snapshot: Snapshot) -> datetime:
    """Return when the API server noted a new override; now if that note is in the future, or is an older one.

    A person who only removes a field leaves no new note.
    """
    noted, old = snapshot.switch.override_time, snapshot.switch.status.override
    at = moment(noted) if noted else snapshot.now
    is_old = old is not None and at <= moment(old.since)
    return snapshot.now if is_old else min(at, snapshot.now)


def _end(snapshot: Snapshot, since: datetime) -> str | None:
    spec = snapshot.switch.spec
    if spec.expires_after is not None:
        return timestamp(since + duration(spec.expires_after))
    if momentary_throws.is_thrown(snapshot):
        # A tool that tracks the Switch would set engaged again as often as the operator removed it.
        return None if snapshot.tracked else timestamp(since + momentary_throws.MUST_ACT_WITHIN)
    runbook = snapshot.runbook.spec if snapshot.runbook else None
    sensed = bool(snapshot.signals) or bool(automatic_holds(snapshot))
    if spec.engaged is False and sensed and is_automatic(snapshot) and runbook is not None:
        return timestamp(since + duration(runbook.silence_for))
    return None
