"""Compute how far each action of an engagement is, and what keeps it from going on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from runbook_operator.api.conditions import find, moment, timestamp
from runbook_operator.api.switch import Contest, Entry, Failure, Noted, Record, Result
from runbook_operator.automation.desired_state import wanted
from runbook_operator.core.desired_fields import Progress, Refused
from runbook_operator.core.durations import duration
from runbook_operator.core.observed_object import Missing
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_planning import action_of, manifest, scene_of
from runbook_operator.switches.held_field import Part, dropped, parts
from runbook_operator.switches.not_in_force import accepted, made_otherwise, noted, unforced
from runbook_operator.switches.suspended_start import foreign, is_paused

PASSING = frozenset(
    {
        *(Reason.UNAVAILABLE, Reason.WEBHOOK_FAILED, Reason.TARGET_NOT_FOUND, Reason.NOT_VERIFIED),
        *(Reason.PODS_NOT_CREATED, Reason.NOT_IN_FORCE),
    }
)
"""Reasons that time may cure; for every other one, trying again does not help until a person acts."""
SETTLED: tuple[Result, ...] = ("Applied", "Skipped")
"""Results with which an action has nothing left to do while the switch is engaged."""


def engaging(world: World, record: Record) -> Record:
    """Return the record of a wanted switch with the progress of its fields, without dropped ones that are restored."""
    left = [part for part in dropped(world, record) if not is_over(part)]
    actions = [_engaged(part) for part in parts(world, record)]
    return record.replace(
        actions=actions,
        remarks=[*record.remarks, *_additions(record, actions), *_made_otherwise(world, record)],
        dropped=[failing(part, unsettled=part.restorable) for part in left],
    )


def releasing(world: World, record: Record) -> Record:
    """Return the record with the failures that keep its fields from being restored."""
    return record.replace(
        actions=[failing(part, unsettled=part.restorable) for part in parts(world, record)],
        dropped=[failing(part, unsettled=part.restorable) for part in dropped(world, record)],
    )


def _additions(record: Record, actions: Sequence[Entry]) -> Iterator[Noted]:
    """Yield a remark for each action whose template has all that was requested, and additions by admission."""
    for one in actions:
        if one.admitted is not None and one.admitted.suffices:
            text = f"{one.kind}/{one.name} {one.field}: {one.admitted.message}, which was not asked for"
            remark = Noted(step=one.step, reason=Reason.ADMISSION_ADDED, message=text)
            if remark not in record.remarks:
                yield remark


def _made_otherwise(world: World, record: Record) -> Iterator[Noted]:
    """Yield a remark for each object that is made once and that admission changed: it is not written again."""
    for part in parts(world, record):
        if part.is_made_once and part.accepted is not None and part.accepted.changed:
            remark = Noted(step=part.entry.step, reason=Reason.NOT_IN_FORCE, message=made_otherwise(part))
            if remark not in record.remarks:
                yield remark


def is_over(part: Part) -> bool:
    """True if nothing is left to restore, or the release no longer waits for the field."""
    return not part.restorable or is_kept(part) or given_up(part) or obstacle(part) is not None


def is_kept(part: Part) -> bool:
    """True if a deletion leaves the field at its held value; an object that the switch made is deleted with it."""
    return part.world.deleting and part.record.on_delete == "Keep" and not part.is_object


def complete(record: Record) -> bool:
    """True if nothing is left to write; also if no action found anything to write: see is_idle."""
    return all(entry.result in SETTLED for entry in record.actions)


def is_idle(record: Record) -> bool:
    """True if the throw has nothing to write, so that nothing is held."""
    return not record.actions


def stalls(world: World, entry: Entry) -> bool:
    """True if a person must act: trying again does not help, or has not helped for the action's timeout."""
    failure = entry.failure
    if failure is None:
        return False
    return failure.reason not in PASSING or world.now - moment(failure.since) >= duration(entry.timeout)


def stalled(world: World, record: Record) -> Failure | None:
    """Return the first failure that needs a person."""
    entries = (*record.actions, *record.dropped)
    return next((entry.failure for entry in entries if stalls(world, entry)), None)


def contest(part: Part) -> Contest | None:
    """Return the contest about this field, None if it had no deviation lately."""
    known = part.entry.contest
    if known is None or part.world.now - moment(known.last) >= part.world.policy.budget.calm:
        return None
    return known


def counted(part: Part) -> Contest:
    """Return the contest with the current deviation counted, which is about to be corrected."""
    known, current, now = part.entry.contest, contest(part), timestamp(part.world.now)
    return Contest(
        manager=part.saved.manager(part.entry.field) if part.saved else "",
        count=known.count + 1 if known else 1,
        streak=current.streak + 1 if current else 1,
        since=current.since if current else now,
        last=now,
        pending=True,
    )


def is_contested(part: Part) -> bool:
    """True if a deviation from the held value was counted and is not corrected yet."""
    return part.entry.contest is not None and part.entry.contest.pending


def done(part: Part, *, busy: bool = False) -> Progress:
    """Return how far the cluster is with the written value; raises Unread if that must be read.

    `busy` while the next write is decided: nothing is read then, since the write would wait for it.
    """
    if part.unplanned or part.deviates or part.record.done:
        return Progress()
    if part.is_made_once and part.entry.result == "Applied" and not (part.saved and part.saved.body):
        return Progress(text=part.entry.progress)
    _, spec = action_of(part.record.plan[part.entry.step])
    scene = replace(scene_of(part.world, part.record, part.entry.step), busy=busy)
    seen = part.saved if part.is_made_once and part.saved else part.target
    return part.action.progress(spec, scene, part.entry.aim(scene.namespace), seen)


def blocks(part: Part) -> bool:
    """True if the actions after this one must wait for it."""
    if part.entry.result in SETTLED or part.record.continue_on_failure:
        return False
    return part.deviates or part.waiting or is_paused(part) or not done(part, busy=True).done


def _engaged(part: Part) -> Entry:
    if part.unplanned:
        return part.entry
    far = done(part)
    goes_on = part.deviates or part.waiting or is_paused(part) or not far.done
    entry = failing(part, unsettled=goes_on or is_stuck(far), far=far)
    if entry.contest is not None and not part.deviates:
        entry = entry.replace(contest=entry.contest.replace(pending=False))
    if entry.result == "Pending" and part.saved is not None and not part.deviates and not part.record.done:
        entry = _written(part, entry, far)
    return _telling(part, entry, far)


def is_stuck(far: Progress) -> bool:
    """True if the value is written and the cluster does not act on it."""
    return far.stuck is not None


def _written(part: Part, entry: Entry, far: Progress) -> Entry:
    """Return the field of a written value; it counts as applied once no later action must wait for it."""
    entry = entry.replace(resource_version=None, uid=entry.uid or (part.saved.uid if part.saved else None))
    if is_paused(part):
        return entry
    entry = entry.replace(begun=part.is_made_once and bool(part.action.paused_by))
    return entry.replace(result="Applied", applied_at=timestamp(part.world.now)) if far.done else entry


def _telling(part: Part, entry: Entry, far: Progress) -> Entry:
    """Return the field with its progress text: none in the first moments, and then at most one per pause."""
    if entry.applied_at is None or far.text == entry.progress:
        return entry
    if far.text and part.world.now < tells_at(part.world, entry):
        return entry
    return entry.replace(progress=far.text, applied_at=timestamp(part.world.now))


def tells_at(world: World, entry: Entry) -> datetime:
    """Return when the progress text of a field may change; call it only for an applied one."""
    return moment(entry.applied_at or "") + world.policy.progress_pause


def failing(part: Part, *, unsettled: bool, far: Progress | None = None) -> Entry:
    if part.unplanned:
        return part.entry.replace(failure=_failure(part, far) if unsettled else None)
    entry = noted(part)
    is_enough = entry.admitted is not None and entry.admitted.suffices and entry.admitted != part.entry.admitted
    return entry.replace(failure=_failure(part, far) if unsettled and not is_enough else None)


def _failure(part: Part, far: Progress | None = None) -> Failure | None:
    known, why = _known(part, far), _why(part, far)
    if why is None:
        return known
    reason, message = why
    since = known.since if known else timestamp(_since(part))
    return Failure(reason=reason, message=message, since=since)


def _since(part: Part) -> datetime:
    """Return when the failing writes began."""
    tried = part.effort.failed or accepted(part)
    return tried.since if tried else part.world.now


def _known(part: Part, far: Progress | None) -> Failure | None:
    """Return the recorded failure; in a release, PodsNotCreated does not count and is no reason to stop waiting."""
    noted = part.entry.failure
    return None if far is None and noted is not None and noted.reason == Reason.PODS_NOT_CREATED else noted


def _why(part: Part, far: Progress | None) -> tuple[Reason, str] | None:
    """Return what keeps the field from going on, None if nothing new is known."""
    if part.effort.failed is not None:
        return part.effort.failed.reason, part.effort.failed.message
    if part.waiting and not part.unplanned and isinstance(part.target, Missing):
        return part.target.reason, part.target.message
    if (hindered := (None if part.unplanned else unforced(part)) or obstacle(part)) is not None:
        return hindered.reason, hindered.message
    if far is not None and far.stuck is not None:
        return far.stuck, far.text
    if far is not None and not far.done:
        return far.failed or Reason.NOT_VERIFIED, far.text
    return None


def obstacle(part: Part) -> Refused | None:
    """Return why the next value cannot be written, None if it can."""
    if part.is_made_once:
        return _unmakable(part) if part.deviates else None
    return part.obstacle(part.entry.held if wanted(part.world) else part.put_back_value)


def _unmakable(part: Part) -> Refused | None:
    if (refused := foreign(part)) is not None:
        return refused
    try:
        manifest(part)
    except Refused as refused:
        return refused
    return None


def is_given_up(world: World, since: str | None) -> bool:
    """True if a deletion no longer waits for what fails since that time, RFC 3339; None if nothing fails."""
    return world.deleting and since is not None and world.now - moment(since) >= world.policy.let_go_after


def is_never_read(world: World) -> bool:
    """True if a deletion no longer waits for an object that cannot be read."""
    stalled = find(world.switch.status.conditions, "Stalled")
    return is_given_up(world, stalled.last_transition_time if stalled else None)


def given_up(part: Part) -> bool:
    failure = _failure(part)
    return is_given_up(part.world, failure.since if failure else None)
