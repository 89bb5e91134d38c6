"""Compute the progress of each action of an engagement, and the obstacle that keeps it from going on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.switch import Contest, Failure, FieldRecord, Noted, Record, Result
from runbook_operator.automation.desired_state import should_be_engaged
from runbook_operator.core.desired_fields import Progress, Refused
from runbook_operator.core.durations import duration
from runbook_operator.core.observed_object import Missing
from runbook_operator.core.reasons import Reason
from runbook_operator.holds import contests
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_planning import action_of, manifest, plan_context
from runbook_operator.switches.held_field import HeldField, dropped, held_fields
from runbook_operator.switches.not_in_force import accepted, made_otherwise, noted, unforced
from runbook_operator.switches.restore_deadline import is_over_deadline
from runbook_operator.switches.suspended_start import foreign, is_paused

PASSING = frozenset(
    {
        *(Reason.UNAVAILABLE, Reason.WEBHOOK_FAILED, Reason.TARGET_NOT_FOUND, Reason.NOT_VERIFIED),
        *(Reason.PODS_NOT_CREATED, Reason.NOT_IN_FORCE),
    }
)
"""Reasons that may end without a person; any other lasts until a person acts, however often the write is tried."""
SETTLED: tuple[Result, ...] = ("Applied", "Skipped")
"""Results with which an action has nothing left to do while the switch is engaged."""


def engaging(snapshot: Snapshot, record: Record) -> Record:
    """Return the record of a switch that should be engaged: current progress, and no dropped field that is restored."""
    left = [held_field for held_field in dropped(snapshot, record) if not is_over(held_field)]
    actions = [_engaged(held_field) for held_field in held_fields(snapshot, record)]
    return record.replace(
        actions=actions,
        remarks=[*record.remarks, *_additions(record, actions), *_made_otherwise(snapshot, record)],
        dropped=[failing(held_field, unsettled=held_field.restorable) for held_field in left],
    )


def releasing(snapshot: Snapshot, record: Record) -> Record:
    """Return the record with the failures that keep its fields from being restored."""
    return record.replace(
        actions=[failing(held_field, unsettled=held_field.restorable) for held_field in held_fields(snapshot, record)],
        dropped=[failing(held_field, unsettled=held_field.restorable) for held_field in dropped(snapshot, record)],
    )


def _additions(record: Record, actions: Sequence[FieldRecord]) -> Iterator[Noted]:
    """Yield a remark for each action whose template has all that was requested, and additions by admission."""
    for one in actions:
        if one.admitted is not None and one.admitted.suffices:
            text = f"{one.kind}/{one.name} {one.field}: {one.admitted.message}, which the operator did not write"
            remark = Noted(step=one.step, reason=Reason.ADMISSION_ADDED, message=text)
            if remark not in record.remarks:
                yield remark


def _made_otherwise(snapshot: Snapshot, record: Record) -> Iterator[Noted]:
    """Yield a remark for each object that is made once and that admission changed: it is not written again."""
    for held_field in held_fields(snapshot, record):
        if held_field.is_made_once and held_field.accepted is not None and held_field.accepted.changed:
            remark = Noted(step=held_field.entry.step, reason=Reason.NOT_IN_FORCE, message=made_otherwise(held_field))
            if remark not in record.remarks:
                yield remark


def is_over(held_field: HeldField) -> bool:
    """True if nothing is left to restore, or the release no longer waits for the field."""
    return (
        not held_field.restorable
        or is_left_as_held(held_field)
        or given_up(held_field)
        or obstacle(held_field) is not None
    )


def is_left_as_held(held_field: HeldField) -> bool:
    """True if a deletion leaves the field at its held value; an object that the switch made is deleted with it."""
    return held_field.snapshot.deleting and held_field.record.on_delete == "Keep" and not held_field.is_object


def complete(record: Record) -> bool:
    """True if nothing is left to write; also if no action found anything to write: see is_idle."""
    return all(entry.result in SETTLED for entry in record.actions)


def is_idle(record: Record) -> bool:
    """True if the throw has nothing to write, so that nothing is held."""
    return not record.actions


def stalls(snapshot: Snapshot, entry: FieldRecord) -> bool:
    """True if a person must act: trying again does not help, or has not helped for the action's timeout."""
    failure = entry.failure
    if failure is None:
        return False
    return failure.reason not in PASSING or snapshot.now - moment(failure.since) >= duration(entry.timeout)


def stalled(snapshot: Snapshot, record: Record) -> Failure | None:
    """Return the first failure that needs a person."""
    entries = (*record.actions, *record.dropped)
    return next((entry.failure for entry in entries if stalls(snapshot, entry)), None)


def contest(held_field: HeldField) -> Contest | None:
    """Return the contest about this field, None if there was no drift within the quiet period."""
    known = held_field.entry.contest
    return (
        known
        if known and contests.lasts(known.last, held_field.snapshot.now, held_field.snapshot.policy.budget)
        else None
    )


def counted(held_field: HeldField) -> Contest:
    """Return the contest with the current drift counted; its correction comes next."""
    known, current, now = held_field.entry.contest, contest(held_field), timestamp(held_field.snapshot.now)
    return Contest(
        manager=held_field.saved.manager(held_field.entry.field) if held_field.saved else "",
        count=known.count + 1 if known else 1,
        streak=current.streak + 1 if current else 1,
        since=current.since if current else now,
        last=now,
        pending=True,
    )


def is_contested(held_field: HeldField) -> bool:
    """True if drift of the field was counted and is not corrected yet."""
    return held_field.entry.contest is not None and held_field.entry.contest.pending


def done(held_field: HeldField, *, busy: bool = False) -> Progress:
    """Return how far the cluster has put the written value into effect; raises NeedsRead if that must be read.

    `busy` is True while the next write is decided: nothing is read then, since the write would wait for the read.
    """
    if held_field.unplanned or held_field.deviates or held_field.record.done:
        return Progress()
    if (
        held_field.is_made_once
        and held_field.entry.result == "Applied"
        and not (held_field.saved and held_field.saved.body)
    ):
        return Progress(text=held_field.entry.progress)
    _, spec = action_of(held_field.record.plan[held_field.entry.step])
    context = replace(plan_context(held_field.snapshot, held_field.record, held_field.entry.step), busy=busy)
    observed = held_field.saved if held_field.is_made_once and held_field.saved else held_field.target
    return held_field.action.progress(spec, context, held_field.entry.desired(context.namespace), observed)


def blocks(held_field: HeldField) -> bool:
    """True if the actions after this one must wait for it."""
    if held_field.entry.result in SETTLED or held_field.record.continue_on_failure:
        return False
    return held_field.deviates or held_field.waiting or is_paused(held_field) or not done(held_field, busy=True).done


def _engaged(held_field: HeldField) -> FieldRecord:
    if held_field.unplanned:
        return held_field.entry
    far = done(held_field)
    goes_on = held_field.deviates or held_field.waiting or is_paused(held_field) or not far.done
    entry = failing(held_field, unsettled=goes_on or is_stuck(far), far=far)
    if entry.contest is not None and not held_field.deviates:
        entry = entry.replace(contest=entry.contest.replace(pending=False))
    if (
        entry.result == "Pending"
        and held_field.saved is not None
        and not held_field.deviates
        and not held_field.record.done
    ):
        entry = _written(held_field, entry, far)
    return _telling(held_field, entry, far)


def is_stuck(far: Progress) -> bool:
    """True if the value is written and the cluster does not act on it."""
    return far.stuck is not None


def _written(held_field: HeldField, entry: FieldRecord, far: Progress) -> FieldRecord:
    """Return the field with its written value recorded; it becomes Applied once no later action must wait for it."""
    entry = entry.replace(resource_version=None, uid=entry.uid or (held_field.saved.uid if held_field.saved else None))
    if is_paused(held_field):
        return entry
    entry = entry.replace(begun=held_field.is_made_once and bool(held_field.action.paused_by))
    return entry.replace(result="Applied", applied_at=timestamp(held_field.snapshot.now)) if far.done else entry


def _telling(held_field: HeldField, entry: FieldRecord, far: Progress) -> FieldRecord:
    """Return the field with its progress text, which appears and changes at most once per `progress_pause`."""
    if entry.applied_at is None or far.text == entry.progress:
        return entry
    if far.text and held_field.snapshot.now < progress_changes_at(held_field.snapshot, entry):
        return entry
    return entry.replace(progress=far.text, applied_at=timestamp(held_field.snapshot.now))


def progress_changes_at(snapshot: Snapshot, entry: FieldRecord) -> datetime:
    """Return when the progress text of a field may change; call it only for an applied one."""
    return moment(entry.applied_at or "") + snapshot.policy.progress_pause


def failing(held_field: HeldField, *, unsettled: bool, far: Progress | None = None) -> FieldRecord:
    if held_field.unplanned:
        return held_field.entry.replace(failure=_failure(held_field, far) if unsettled else None)
    entry = noted(held_field)
    is_enough = entry.admitted is not None and entry.admitted.suffices and entry.admitted != held_field.entry.admitted
    return entry.replace(failure=_failure(held_field, far) if unsettled and not is_enough else None)


def _failure(held_field: HeldField, far: Progress | None = None) -> Failure | None:
    known, why = _known(held_field, far), _why(held_field, far)
    if why is None:
        return known
    reason, message = why
    since = known.since if known else timestamp(_since(held_field))
    return Failure(reason=reason, message=message, since=since)


def _since(held_field: HeldField) -> datetime:
    """Return when the failing writes began."""
    tried = held_field.write_history.failed or accepted(held_field)
    return tried.since if tried else held_field.snapshot.now


def _known(held_field: HeldField, far: Progress | None) -> Failure | None:
    """Return the recorded failure. A release ignores PodsNotCreated: no deletion stops waiting because of it."""
    noted = held_field.entry.failure
    return None if far is None and noted is not None and noted.reason == Reason.PODS_NOT_CREATED else noted


def _why(held_field: HeldField, far: Progress | None) -> tuple[Reason, str] | None:
    """Return what keeps the field from going on, None if nothing new is known."""
    if held_field.write_history.failed is not None:
        return held_field.write_history.failed.reason, held_field.write_history.failed.message
    if held_field.waiting and not held_field.unplanned and isinstance(held_field.target, Missing):
        return held_field.target.reason, held_field.target.message
    if (hindered := (None if held_field.unplanned else unforced(held_field)) or obstacle(held_field)) is not None:
        return hindered.reason, hindered.message
    if far is not None and far.stuck is not None:
        return far.stuck, far.text
    if far is not None and not far.done:
        return far.failed or Reason.NOT_VERIFIED, far.text
    return None


def obstacle(held_field: HeldField) -> Refused | None:
    """Return why the next value cannot be written, None if it can."""
    if held_field.is_made_once:
        return _unmakable(held_field) if held_field.deviates else None
    return held_field.obstacle(
        held_field.entry.held if should_be_engaged(held_field.snapshot) else held_field.value_after_release
    )


def _unmakable(held_field: HeldField) -> Refused | None:
    if (refused := foreign(held_field)) is not None:
        return refused
    try:
        manifest(held_field)
    except Refused as refused:
        return refused
    return None


def given_up(held_field: HeldField) -> bool:
    """True if a deletion no longer waits for the field to be restored."""
    failure = _failure(held_field)
    return failure is not None and is_over_deadline(held_field.snapshot, failure.since, failure.reason)
