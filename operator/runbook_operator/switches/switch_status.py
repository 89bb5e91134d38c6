"""Compute the status of a switch, and the Events about its changes."""

from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import HISTORY, Engagement, Failure, Noted, Phase, Prepared, Record, SwitchStatus
from runbook_operator.automation import desired_state
from runbook_operator.automation.desired_state import (
    closed_gate,
    current_override,
    expired_momentary_throw,
    holds,
    should_be_engaged,
)
from runbook_operator.automation.effectiveness import judged, verdict, with_late_verdict
from runbook_operator.automation.gates import is_blocked_by_gate
from runbook_operator.core.durations import spoken
from runbook_operator.core.notices import Notice
from runbook_operator.core.queries import NeedsRead
from runbook_operator.core.reasons import Reason
from runbook_operator.deployments.revision_history import swapped
from runbook_operator.reconcile.snapshot import BUDGETED, Snapshot
from runbook_operator.reconcile.steps import DeferStatus, WriteStatus
from runbook_operator.switches import expired_throw, observe_mode, switch_messages
from runbook_operator.switches.action_planning import action_of, plan_context
from runbook_operator.switches.action_progress import complete, counted, engaging, is_over, releasing, stalled
from runbook_operator.switches.action_summary import carries_out, described, does
from runbook_operator.switches.engagement_outcome import ended, outcome_of
from runbook_operator.switches.engagement_phase import completed, phase_of
from runbook_operator.switches.held_field import HeldField, dropped, held_fields
from runbook_operator.switches.prewritten_record import is_preparable, prepared, valid_prepared
from runbook_operator.switches.status_columns import columns, reported
from runbook_operator.switches.switch_conditions import conditions, silence, withheld, would_engage
from runbook_operator.switches.switch_messages import about_record, about_release, clause, conclusion, notices_for
from runbook_operator.switches.write_ahead_record import drafted

Notices = tuple[Notice, ...]


def status_write(snapshot: Snapshot) -> WriteStatus | None:
    """Return the write of the status, None if it is up to date."""
    if snapshot.record is None and snapshot.deleting:
        return None
    step = _current(snapshot, snapshot.record) if snapshot.record else _idle(snapshot)
    return step if step.status != snapshot.switch.status or snapshot.switch.stored_status is not None else None


def begun(snapshot: Snapshot, record: Record) -> WriteStatus:
    """Return the write-ahead write of the record, which comes before any write to a target."""
    return WriteStatus(snapshot.switch.meta, _shown(snapshot, record, "Engaging"), _after_all(snapshot, record))


def deferred_record(snapshot: Snapshot, record: Record) -> DeferStatus:
    """Return the deferred write of a record whose saved values are in the status already."""
    status = snapshot.switch.status.replace(record=record, phase="Engaging", prepared=None)
    return DeferStatus(snapshot.switch.meta, status)


def count_deviation(held_field: HeldField) -> WriteStatus:
    """Return the status write that counts a drift correction before it is made, so that a crash hides no contest."""
    snapshot, record, contest = held_field.snapshot, held_field.record, counted(held_field)
    entries = list(record.actions)
    entries[held_field.index] = held_field.entry.replace(contest=contest)
    shown = _shown(snapshot, record.replace(actions=entries), snapshot.switch.status.phase)
    return WriteStatus(snapshot.switch.meta, shown, switch_messages.drift_corrected(held_field, contest))


def reapply(snapshot: Snapshot, record: Record) -> WriteStatus:
    """Return the write-ahead write of a record whose actions an edit of the Runbook changed."""
    text = f"the Runbook was changed during the engagement; now {does(snapshot)}"
    notices = about_record(snapshot, record, Reason.REAPPLIED, text)
    return WriteStatus(snapshot.switch.meta, _shown(snapshot, record, "Engaging"), notices)


def refused(snapshot: Snapshot, reason: Reason, message: str) -> WriteStatus | None:
    """Return the status after a refused write to the Switch itself: a person must act, and the write is tried again."""
    old = snapshot.switch.status
    status = old.replace(phase="Stalled", observed_generation=snapshot.switch.meta.generation)
    status = reported(status, conditions(snapshot, status, (reason, message)))
    return WriteStatus(snapshot.switch.meta, status, _complaint(snapshot, reason, message)) if status != old else None


def finish(snapshot: Snapshot, record: Record) -> WriteStatus:
    """Return the write that ends the engagement: it goes into the history, and nothing is held."""
    over = ended(snapshot, expired_throw.closed(snapshot, record))
    engagement = Engagement(
        engagement_id=record.engagement_id,
        reason=record.reason,
        engaged_at=record.engaged_at,
        engaged_by=record.engaged_by,
        source=record.source,
        generation=record.generation,
        helped=verdict(snapshot, record),
        released_at=timestamp(snapshot.now),
        released_by=released.by if (released := desired_state.held_released(snapshot)) else "",
        duration=spoken(_lasted(record, snapshot.now)),
        outcome=conclusion(over),
        templates=swapped(over),
    )
    history = _remembered([engagement, *snapshot.switch.status.history], snapshot.now)
    ready = prepared(snapshot, over) if _throwable(snapshot) else None
    status = snapshot.switch.status.replace(history=history, prepared=ready)
    outcome = _acted_as(snapshot, over) if record.momentary else outcome_of(over)
    notices = () if record.momentary else about_release(snapshot, record, outcome, conclusion(over))
    shown = _shown(snapshot, None, "Released", status, outcome)
    return WriteStatus(snapshot.switch.meta, shown, (*notices, *_silenced(snapshot)))


def _acted_as(snapshot: Snapshot, over: Record) -> Reason:
    return switch_messages.acted_as(over, is_expired=expired_momentary_throw(snapshot) is not None)


def _current(snapshot: Snapshot, record: Record) -> WriteStatus:
    if should_be_engaged(snapshot) or expired_throw.is_unreported(snapshot, record):
        return _engaging(snapshot, record)
    if record.momentary or all(map(is_over, (*held_fields(snapshot, record), *dropped(snapshot, record)))):
        return finish(snapshot, record)
    record = releasing(snapshot, record)
    return _with_complaint(snapshot, record, _shown(snapshot, record, "Releasing"), _silenced(snapshot))


def _engaging(snapshot: Snapshot, old: Record) -> WriteStatus:
    record = judged(snapshot, engaging(snapshot, old))
    whole = complete(record)
    fresh = whole and snapshot.switch.status.phase in ("Engaging", "Stalled")
    if fresh:
        record = _noted(snapshot, record)
    record = record.replace(done=whole and record.momentary)
    status = _shown(snapshot, record, phase_of(record))
    if whole and snapshot.latency is not None:
        status = status.replace(latency_milliseconds=snapshot.latency)
    notices = completed(snapshot, record) if fresh else ()
    notices = (*notices, *_dropped_restored_notices(snapshot, old), *_in_vain(snapshot, old, record))
    return _with_complaint(snapshot, record, status, notices)


def _noted(snapshot: Snapshot, record: Record) -> Record:
    """Return the record with the remarks that need reads after the writes; raises NeedsRead."""
    found: list[Noted] = []
    for step, declared in enumerate(record.plan):
        action, spec = action_of(declared)
        remarks = action.afterwards(spec, plan_context(snapshot, record, step))
        found += [Noted(step=step, reason=one.reason, message=one.message) for one in remarks]
    return record.replace(remarks=[*record.remarks, *(one for one in found if one not in record.remarks)])


def _in_vain(snapshot: Snapshot, old: Record, record: Record) -> tuple[Notice, ...]:
    """Return the Events when an engagement is found ineffective; the switch stays engaged."""
    if record.helped is old.helped:
        return ()
    text = f"held for {spoken(_lasted(record, snapshot.now))}, and {record.engaged_by} did not recover"
    return about_record(snapshot, record, Reason.INEFFECTIVE, text)


def _dropped_restored_notices(snapshot: Snapshot, record: Record) -> tuple[Notice, ...]:
    """Return the Events on restored fields of actions that an edit of the Runbook removed."""
    over = [one.index for one in dropped(snapshot, record) if is_over(one)]
    if not over:
        return ()
    gone = [ended(snapshot, record).dropped[-1 - index] for index in over]
    text, skipped = "; ".join(map(clause, gone)), any(one.result == "RestoreSkipped" for one in gone)
    return about_record(snapshot, record, Reason.RESTORE_SKIPPED if skipped else Reason.RESTORED, text)


def _with_complaint(snapshot: Snapshot, record: Record, status: SwitchStatus, notices: Notices) -> WriteStatus:
    """Return the status, stalled if a person must act; an Event reports when that begins."""
    failure = stalled(snapshot, record)
    if failure is None:
        return WriteStatus(snapshot.switch.meta, status, notices)
    trouble = (Reason(failure.reason), failure.message)
    status = reported(status.replace(phase="Stalled"), conditions(snapshot, status, trouble))
    if snapshot.switch.status.phase == "Stalled":
        return WriteStatus(snapshot.switch.meta, status, notices)
    complaint = _complaint(snapshot, trouble[0], f"{_failing_action(record, failure)}: {trouble[1]}")
    return WriteStatus(snapshot.switch.meta, status, (*notices, *complaint))


def _failing_action(record: Record, failure: Failure) -> str:
    """Return the failing action, with its target as the Runbook names it."""
    entry = next(one for one in (*record.actions, *record.dropped) if one.failure == failure)
    target = record.plan[entry.step].spec.get("target") if entry in record.actions else None
    return f"{entry.action} of target {target}" if target else entry.action


def _complaint(snapshot: Snapshot, reason: Reason, message: str) -> tuple[Notice, ...]:
    """Return the Events on a stall. The text names the switch, since they are on the Runbook too."""
    engagement = snapshot.record.engagement_id if snapshot.record else snapshot.switch.meta.generation
    suffix = f" [{engagement}]" if snapshot.record else ""
    text = f"{snapshot.switch.meta.ref.name}: {message}{suffix}"
    return notices_for(snapshot, reason, text, f"{snapshot.switch.meta.uid}.{engagement}.{reason}", warning=True)


def _lasted(record: Record, now: datetime) -> timedelta:
    return now - moment(record.engaged_at)


def _idle(snapshot: Snapshot) -> WriteStatus:
    status = snapshot.switch.status.replace(prepared=_prepared(snapshot))
    notices = (*_observed(snapshot), *_silenced(snapshot), *_gate_notices(snapshot))
    return WriteStatus(snapshot.switch.meta, _shown(snapshot, None, "Released", status), notices)


def _prepared(snapshot: Snapshot) -> Prepared | None:
    """Return what a throw would save. Raises NeedsRead if that is missing; in a deep check Ready raises it."""
    if (entry := _throwable(snapshot)) is None:
        return None
    if not snapshot.thorough and (stored := valid_prepared(snapshot)) is not None:
        return stored
    try:
        return prepared(snapshot, drafted(snapshot, entry))
    except NeedsRead as needed:
        if not snapshot.thorough and is_preparable(snapshot, entry):
            raise NeedsRead(needed.queries, urgent=False) from None
    return valid_prepared(snapshot)


def _throwable(snapshot: Snapshot) -> KillSwitch | None:
    """Return the kill switch that a throw would engage, None if nothing may be done."""
    return None if snapshot.deleting or snapshot.observing or snapshot.lacks_account else snapshot.entry


def _observed(snapshot: Snapshot) -> tuple[Notice, ...]:
    if observed := observe_mode.notices(snapshot):
        return observed
    identity = f"{snapshot.switch.meta.uid}.{snapshot.switch.meta.generation}"
    if should_be_engaged(snapshot) and snapshot.entry and (refused := withheld(snapshot)) is not None:
        return notices_for(snapshot, *refused, f"{identity}.{refused[0]}", warning=True)
    return ()


def _silenced(snapshot: Snapshot) -> tuple[Notice, ...]:
    """Return an Event when a person begins to hold the switch released against automatic sources."""
    now, old = desired_state.silenced(snapshot), snapshot.switch.status.override
    if now is None or (old is not None and (old.engaged, old.generation) == (now.engaged, now.generation)):
        return ()
    identity = f"{snapshot.switch.meta.uid}.{now.generation}.{Reason.SILENCED}"
    text = f"{snapshot.switch.meta.ref.name}: {silence(snapshot, now)}"
    return notices_for(snapshot, Reason.SILENCED, text, identity)


def _gate_notices(snapshot: Snapshot) -> tuple[Notice, ...]:
    """Return the Events when a gate begins to keep automatic holds from engaging the switch."""
    gate, status = closed_gate(snapshot), snapshot.switch.status
    if gate is None or is_blocked_by_gate(status):
        return ()
    last = status.history[0].engagement_id if status.history else "first"
    identity = f"{snapshot.switch.meta.uid}.{snapshot.switch.meta.generation}.{last}.{gate.reason}"
    text = f"{snapshot.switch.meta.ref.name} is blocked: {gate.message}; {would_engage(snapshot)}"
    return notices_for(snapshot, Reason.ENGAGEMENT_BLOCKED, text, identity, warning=True)


def _after_all(snapshot: Snapshot, record: Record) -> tuple[Notice, ...]:
    """Return the Events when the last closed gate has opened."""
    if record.source == "Person" or not is_blocked_by_gate(snapshot.switch.status):
        return ()
    text = "the gate that blocked it has opened, and the switch engages now"
    return about_record(snapshot, record, Reason.UNBLOCKED, text)


def _remembered(history: list[Engagement], now: datetime) -> list[Engagement]:
    """Return the last engagements, and the automatic ones that are recent enough for budgets to count."""
    counted_on = (one for one in history[HISTORY:] if one.source != "Person")
    return [*history[:HISTORY], *(one for one in counted_on if now - moment(one.engaged_at) < BUDGETED)]


def _shown(
    snapshot: Snapshot,
    record: Record | None,
    phase: Phase,
    status: SwitchStatus | None = None,
    outcome: Reason | None = None,
) -> SwitchStatus:
    """Return the status with this record, and with all fields that people and tools read."""
    status = status or snapshot.switch.status
    title, description, contacts = described(snapshot)
    status = status.replace(
        record=record,
        prepared=status.prepared if record is None else None,
        phase="Stalled" if snapshot.unsettled else phase,
        observed_generation=snapshot.switch.meta.generation,
        does=carries_out(snapshot, record),
        title=title,
        description=description,
        contacts=contacts,
        engaged_at=record.engaged_at if record else None,
        engaged_by=(record.engaged_by or None) if record else None,
        override=current_override(snapshot),
        earlier_reason=desired_state.earlier_reason(snapshot),
        holds=holds(snapshot),
        history=with_late_verdict(snapshot, status.history),
    )
    status = status.replace(conditions=conditions(snapshot, status, None, outcome))
    return status.replace(columns=columns(snapshot, status))
