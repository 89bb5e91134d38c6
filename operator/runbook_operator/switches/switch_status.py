"""Compute the status of a switch, and the Events about its changes."""

from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import HISTORY, Engagement, Failure, Noted, Phase, Prepared, Record, SwitchStatus
from runbook_operator.automation import desired_state
from runbook_operator.automation.desired_state import held_back, holds, spent, wanted, word
from runbook_operator.automation.effectiveness import judged, looked_back, verdict
from runbook_operator.automation.gates import is_held_back
from runbook_operator.core.durations import spoken
from runbook_operator.core.notices import Notice
from runbook_operator.core.queries import Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.deployments.revision_history import swapped
from runbook_operator.reconcile.snapshot import BUDGETED, World
from runbook_operator.reconcile.steps import Defer, WriteStatus
from runbook_operator.switches import expired_throw, observe_mode, switch_messages
from runbook_operator.switches.action_planning import action_of, scene_of
from runbook_operator.switches.action_progress import complete, counted, engaging, is_over, releasing, stalled
from runbook_operator.switches.action_summary import carries_out, described, does
from runbook_operator.switches.engagement_outcome import ended
from runbook_operator.switches.engagement_phase import completed, phase_of
from runbook_operator.switches.held_field import Part, dropped, parts
from runbook_operator.switches.prewritten_record import is_preparable, kept, prepared
from runbook_operator.switches.status_columns import columns, reported
from runbook_operator.switches.switch_conditions import conditions, silence, withheld, would_engage
from runbook_operator.switches.switch_messages import about_record, about_release, clause, conclusion, said
from runbook_operator.switches.write_ahead_record import drafted


def tell(world: World) -> WriteStatus | None:
    """Return the write of the status, None if it is up to date."""
    if world.record is None and world.deleting:
        return None
    step = _current(world, world.record) if world.record else _idle(world)
    return step if step.status != world.switch.status or world.switch.told is not None else None


def begun(world: World, record: Record) -> WriteStatus:
    """Return the write-ahead write of the record, which comes before any write to a target."""
    return WriteStatus(world.switch.meta, _shown(world, record, "Engaging"), _after_all(world, record))


def foreseen(world: World, record: Record) -> Defer:
    """Return the deferred write of a record whose saved values are in the status already."""
    status = world.switch.status.replace(record=record, phase="Engaging", prepared=None)
    return Defer(world.switch.meta, status)


def count_deviation(part: Part) -> WriteStatus:
    """Return the write-ahead write of a drift correction, so that a crash hides no contest."""
    world, record, contest = part.world, part.record, counted(part)
    entries = list(record.actions)
    entries[part.index] = part.entry.replace(contest=contest)
    shown = _shown(world, record.replace(actions=entries), world.switch.status.phase)
    return WriteStatus(world.switch.meta, shown, switch_messages.put_back(part, contest))


def reapply(world: World, record: Record) -> WriteStatus:
    """Return the write-ahead write of a record whose actions an edit of the Runbook changed."""
    text = f"the Runbook was changed while it is engaged; now {does(world)}"
    notices = about_record(world, record, Reason.REAPPLIED, text)
    return WriteStatus(world.switch.meta, _shown(world, record, "Engaging"), notices)


def refused(world: World, reason: Reason, message: str) -> WriteStatus | None:
    """Return the status after a refused write to the Switch itself: a person must act, and it is tried again."""
    old = world.switch.status
    status = old.replace(phase="Stalled", observed_generation=world.switch.meta.generation)
    status = reported(status, conditions(world, status, (reason, message)))
    return WriteStatus(world.switch.meta, status, _complaint(world, reason, message)) if status != old else None


def finish(world: World, record: Record) -> WriteStatus:
    """Return the write that ends the engagement: it goes into the history, and nothing is held."""
    over = ended(world, expired_throw.closed(world, record))
    engagement = Engagement(
        engagement_id=record.engagement_id,
        reason=record.reason,
        engaged_at=record.engaged_at,
        engaged_by=record.engaged_by,
        source=record.source,
        generation=record.generation,
        helped=verdict(world, record),
        released_at=timestamp(world.now),
        released_by=released.by if (released := desired_state.held_released(world)) else "",
        duration=spoken(_lasted(record, world.now)),
        outcome=conclusion(over),
        templates=swapped(over),
    )
    history = _remembered([engagement, *world.switch.status.history], world.now)
    ready = prepared(world, over) if _throwable(world) else None
    status = world.switch.status.replace(history=history, prepared=ready)
    outcome = (
        switch_messages.acted_as(over, is_expired=spent(world) is not None) if record.momentary else _outcome(over)
    )
    notices = () if record.momentary else about_release(world, record, outcome, conclusion(over))
    shown = _shown(world, None, "Released", status, outcome)
    return WriteStatus(world.switch.meta, shown, (*notices, *_silenced(world)))


def _current(world: World, record: Record) -> WriteStatus:
    if wanted(world) or expired_throw.is_unreported(world, record):
        return _engaging(world, record)
    if record.momentary or all(is_over(part) for part in (*parts(world, record), *dropped(world, record))):
        return finish(world, record)
    record = releasing(world, record)
    return _with_complaint(world, record, _shown(world, record, "Releasing"), _silenced(world))


def _engaging(world: World, old: Record) -> WriteStatus:
    record = judged(world, engaging(world, old))
    whole = complete(record)
    fresh = whole and world.switch.status.phase in ("Engaging", "Stalled")
    if fresh:
        record = _noted(world, record)
    record = record.replace(done=whole and record.momentary)
    status = _shown(world, record, phase_of(record))
    if whole and world.latency is not None:
        status = status.replace(latency_milliseconds=world.latency)
    notices = completed(world, record) if fresh else ()
    return _with_complaint(world, record, status, (*notices, *_put_back(world, old), *_in_vain(world, old, record)))


def _noted(world: World, record: Record) -> Record:
    """Return the record with the remarks that need reads after the writes; raises Unread."""
    found: list[Noted] = []
    for step, declared in enumerate(record.plan):
        action, spec = action_of(declared)
        remarks = action.afterwards(spec, scene_of(world, record, step))
        found += [Noted(step=step, reason=one.reason, message=one.message) for one in remarks]
    return record.replace(remarks=[*record.remarks, *(one for one in found if one not in record.remarks)])


def _in_vain(world: World, old: Record, record: Record) -> tuple[Notice, ...]:
    """Return the Events when an engagement is found ineffective; it lasts for as long as it is held."""
    if record.helped is old.helped:
        return ()
    text = f"held for {spoken(_lasted(record, world.now))}, and {record.engaged_by} is as bad as it was"
    return about_record(world, record, Reason.INEFFECTIVE, text)


def _put_back(world: World, record: Record) -> tuple[Notice, ...]:
    """Return the Events on restored fields of actions that an edit of the Runbook removed."""
    over = [part for part in dropped(world, record) if is_over(part)]
    if not over:
        return ()
    gone = ended(world, record).dropped
    text = "; ".join(clause(gone[-1 - part.index]) for part in over)
    skipped = any(gone[-1 - part.index].result == "RestoreSkipped" for part in over)
    return about_record(world, record, Reason.RESTORE_SKIPPED if skipped else Reason.RESTORED, text)


def _with_complaint(world: World, record: Record, status: SwitchStatus, notices: tuple[Notice, ...]) -> WriteStatus:
    """Return the status, stalled if a person must act; an Event reports when that begins."""
    failure = stalled(world, record)
    if failure is None:
        return WriteStatus(world.switch.meta, status, notices)
    trouble = (Reason(failure.reason), failure.message)
    status = reported(status.replace(phase="Stalled"), conditions(world, status, trouble))
    if world.switch.status.phase == "Stalled":
        return WriteStatus(world.switch.meta, status, notices)
    complaint = _complaint(world, trouble[0], f"{_acting(record, failure)}: {trouble[1]}")
    return WriteStatus(world.switch.meta, status, (*notices, *complaint))


def _acting(record: Record, failure: Failure) -> str:
    """Return the failing action, with its target as the Runbook names it."""
    entry = next(one for one in (*record.actions, *record.dropped) if one.failure == failure)
    target = record.plan[entry.step].spec.get("target") if entry in record.actions else None
    return f"{entry.action} of target {target}" if target else entry.action


def _complaint(world: World, reason: Reason, message: str) -> tuple[Notice, ...]:
    """Return the Events on a stall; on the Runbook and the targets, only the text names the switch."""
    engagement = world.record.engagement_id if world.record else world.switch.meta.generation
    suffix = f" [{engagement}]" if world.record else ""
    text = f"{world.switch.meta.ref.name}: {message}{suffix}"
    return said(world, reason, text, f"{world.switch.meta.uid}.{engagement}.{reason}", warning=True)


def _lasted(record: Record, now: datetime) -> timedelta:
    return now - moment(record.engaged_at)


def _outcome(record: Record) -> Reason:
    """Return the worst outcome of all fields; Released if none was restored and none had to be."""
    results = {entry.result for entry in (*record.actions, *record.dropped)}
    worst = (
        ("NotRestored", Reason.NOT_RESTORED),
        ("RestoreSkipped", Reason.RESTORE_SKIPPED),
        ("Kept", Reason.KEPT),
        ("Restored", Reason.RESTORED),
    )
    return next((reason for result, reason in worst if result in results), Reason.RELEASED)


def _idle(world: World) -> WriteStatus:
    status = world.switch.status.replace(prepared=_prepared(world))
    notices = (*_observed(world), *_silenced(world), *_held_back(world))
    return WriteStatus(world.switch.meta, _shown(world, None, "Released", status), notices)


def _prepared(world: World) -> Prepared | None:
    """Return what the next throw would save; outside a close look, read it only if it is missing and can be known."""
    if (entry := _throwable(world)) is None:
        return None
    if not world.thorough and (stored := kept(world)) is not None:
        return stored
    try:
        return prepared(world, drafted(world, entry))
    except Unread as unread:
        if not world.thorough and is_preparable(world, entry):
            raise Unread(unread.queries, urgent=False) from None
    return kept(world)


def _throwable(world: World) -> KillSwitch | None:
    """Return the kill switch that a throw would engage, None if nothing may be done."""
    return None if world.deleting or world.observing or world.barred else world.entry


def _observed(world: World) -> tuple[Notice, ...]:
    if observed := observe_mode.notices(world):
        return observed
    identity = f"{world.switch.meta.uid}.{world.switch.meta.generation}"
    if wanted(world) and world.entry and (barred := withheld(world)) is not None:
        return said(world, *barred, f"{identity}.{barred[0]}", warning=True)
    return ()


def _silenced(world: World) -> tuple[Notice, ...]:
    """Return an Event when a person begins to hold the switch released against automatic sources."""
    now, old = desired_state.silenced(world), world.switch.status.word
    if now is None or (old is not None and (old.engaged, old.generation) == (now.engaged, now.generation)):
        return ()
    identity = f"{world.switch.meta.uid}.{now.generation}.{Reason.SILENCED}"
    return said(world, Reason.SILENCED, f"{world.switch.meta.ref.name}: {silence(world, now)}", identity)


def _held_back(world: World) -> tuple[Notice, ...]:
    """Return the Events when a gate begins to keep automatic holds from engaging the switch."""
    gate, status = held_back(world), world.switch.status
    if gate is None or is_held_back(status):
        return ()
    last = status.history[0].engagement_id if status.history else "first"
    identity = f"{world.switch.meta.uid}.{world.switch.meta.generation}.{last}.{gate.reason}"
    text = f"{world.switch.meta.ref.name} is held back: {gate.message}; {would_engage(world)}"
    return said(world, Reason.HELD_BACK, text, identity, warning=True)


def _after_all(world: World, record: Record) -> tuple[Notice, ...]:
    """Return the Events when the last closed gate has opened."""
    if record.source == "Person" or not is_held_back(world.switch.status):
        return ()
    return about_record(world, record, Reason.ENGAGES_AFTER_ALL, "it was held back, and engages now")


def _remembered(history: list[Engagement], now: datetime) -> list[Engagement]:
    """Return the last engagements, and the automatic ones that are recent enough for budgets to count."""
    counted_on = (one for one in history[HISTORY:] if one.source != "Person")
    return [*history[:HISTORY], *(one for one in counted_on if now - moment(one.engaged_at) < BUDGETED)]


def _shown(
    world: World,
    record: Record | None,
    phase: Phase,
    status: SwitchStatus | None = None,
    outcome: Reason | None = None,
) -> SwitchStatus:
    """Return the status around `record`, with all fields that people and tools read."""
    status = status or world.switch.status
    title, description, contacts = described(world)
    status = status.replace(
        record=record,
        prepared=status.prepared if record is None else None,
        phase="Stalled" if world.unsettled else phase,
        observed_generation=world.switch.meta.generation,
        does=carries_out(world, record),
        title=title,
        description=description,
        contacts=contacts,
        engaged_at=record.engaged_at if record else None,
        engaged_by=(record.engaged_by or None) if record else None,
        word=word(world),
        earlier_reason=desired_state.earlier_reason(world),
        holds=holds(world),
        history=looked_back(world, status.history),
    )
    status = status.replace(conditions=conditions(world, status, None, outcome))
    return status.replace(columns=columns(world, status))
