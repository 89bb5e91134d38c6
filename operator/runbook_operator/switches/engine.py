"""The switch engine: decide the one next step of a switch.

Each rule reads the snapshot and returns a step or None. The first step is carried out, and the rules run on a new
snapshot. A crash between two steps is harmless: nothing but the snapshot determines the next step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from runbook_operator.api.switch import FINALIZER, Record
from runbook_operator.automation.desired_state import held_released, rehearsed, spent, wanted, word
from runbook_operator.automation.desired_state import is_over as word_is_over
from runbook_operator.core.field_manager_advice import UNNAMED_CLIENT
from runbook_operator.core.field_values import effect, told
from runbook_operator.core.reasons import Reason
from runbook_operator.core.writes import Delete, Patch
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.snapshot import World
from runbook_operator.reconcile.steps import Act, Begin, Change, SetFinalizers, Step, Unsay
from runbook_operator.switches import expired_throw
from runbook_operator.switches.action_planning import manifest, planned
from runbook_operator.switches.action_progress import blocks, is_contested, is_over, obstacle
from runbook_operator.switches.held_field import Part, dropped, parts, together
from runbook_operator.switches.not_in_force import was_written
from runbook_operator.switches.prewritten_record import covers, untold
from runbook_operator.switches.requeue import put_back_at, tried_again_at
from runbook_operator.switches.suspended_start import is_unrecorded, resume
from runbook_operator.switches.switch_messages import said
from runbook_operator.switches.switch_status import begun, count_deviation, finish, foreseen, reapply, tell
from runbook_operator.switches.write_ahead_record import new_record, outdated, reapplied, recovered

Rule = Callable[[World], Step | None]


def next_step(world: World) -> Step | None:
    """Return the next step, or None if everything is as it should be."""
    found = decided(world)
    return found[1] if found else None


def decided(world: World) -> tuple[str, Step] | None:
    """Return the next step with the name of its rule."""
    return next(((rule.__name__, step) for rule in RULES if (step := rule(world))), None)


def awaits_record(world: World) -> bool:
    """True if a Job that was made waits for its uid to be recorded, so that the status must not be deferred."""
    return world.record is not None and wanted(world) and any(map(is_unrecorded, parts(world, world.record)))


def expire(world: World) -> Step | None:
    """Clear an override that has expired."""
    spoken = word(world)
    if spoken is None or world.deleting or not word_is_over(world):
        return None
    if spent(world) is not None:
        return _refuse(world) if expired_throw.is_reported(world) else None
    text = (
        f"engaged: {str(spoken.engaged).lower()}, set by {spoken.by or UNNAMED_CLIENT} at {spoken.since}, has expired"
    )
    notices = said(world, Reason.EXPIRED, text, f"{world.switch.meta.uid}.{world.switch.meta.generation}.Expired")
    return Unsay(world.switch.meta, notices)


def _refuse(world: World) -> Unsay:
    """Clear an expired momentary throw once the status reports that it expired."""
    text = f"{world.switch.meta.ref.name} {expired_throw.sentence(world, world.switch.status)}"
    identity = f"{world.switch.meta.uid}.{world.switch.meta.generation}.Expired"
    return Unsay(world.switch.meta, said(world, Reason.EXPIRED, text, identity, warning=True))


def recover(world: World) -> Step | None:
    """Rebuild the record of a throw that wrote targets but no record, and that does not go on, to restore from it."""
    goes_on = wanted(world) and not (world.observing or world.barred)
    if goes_on and world.entry is not None and not world.entry.momentary:
        return None
    return begun(world, recovered(world, left)) if (left := untold(world)) else None


def begin(world: World) -> Step | None:
    """Begin a throw: before any write to a target, write the finalizer and, unless values are prepared, the record."""
    entry = world.entry
    if not wanted(world) or entry is None or not _is_new(world):
        return None
    if world.observing or world.barred or world.tracked:
        return None
    if world.record is not None:
        return finish(world, world.record)
    record, meta = new_record(world, entry), world.switch.meta
    is_marked, marked = entry.momentary or FINALIZER in meta.finalizers, (*meta.finalizers, FINALIZER)
    if covers(world, record):
        return foreseen(world, record) if is_marked else SetFinalizers(meta, marked)
    first = begun(world, record)
    return first if is_marked else Begin(first.meta, first.status, first.notices, marked)


def adopt(world: World) -> Step | None:
    """Add the finalizer to a record without one: an uninstall that keeps held values removes it."""
    record, meta = world.record, world.switch.meta
    if record is None or record.momentary or world.deleting or FINALIZER in meta.finalizers:
        return None
    return SetFinalizers(meta, (*meta.finalizers, FINALIZER))


def change(world: World) -> Step | None:
    """Apply an edit of the Runbook with reapplyOnChange, unless the edit names another service account."""
    record = world.record
    if record is None or not _active(world, record):
        return None
    entry = (
        outdated(world, record)
        if acting_identity.declared(world.runbook) == acting_identity.of_switch(world.switch, None)
        else None
    )
    return reapply(world, reapplied(world, record, entry)) if entry and entry.reapply_on_change else None


def save(world: World) -> Step | None:
    """Save the live values of a target that appeared, or that is another object now, before it is written."""
    if world.record is None or not _active(world, world.record):
        return None
    record = planned(world, world.record)
    return begun(world, record) if record != world.record else None


def hold(world: World) -> Step | None:
    """Write the held values in their order, and correct drift."""
    if world.record is None or not _active(world, world.record):
        return None
    return next(_deviations(world, world.record), None)


def restore(world: World) -> Step | None:
    """Restore the saved values, last action first, where the live value is still the held one.

    Neither the health of the target nor any automatic signal is considered.
    """
    record = world.record
    if record is None or (record.momentary and (record.done or wanted(world))):
        return None
    left = (*reversed(parts(world, record)), *dropped(world, record))
    if record.momentary:
        left = tuple(part for part in left if part.is_made_once)
    return next(_restorations(dropped(world, record) if wanted(world) else left), None)


def alone(world: World, index: int) -> Act | None:
    """Hold or restore one field of the record without reading the others: one of them has failed.

    No status can be written then, so that a drift correction does not count as a contest.
    """
    record = world.record
    if record is None or record.momentary:
        return None
    part = parts(world, record)[index]
    if not wanted(world):
        return next(_restorations((part,)), None)
    is_changed = _active(world, record) and part.entry.result == "Applied" and part.deviates
    if not is_changed or tried_again_at(part) > world.now or obstacle(part) is not None:
        return None
    return replace(_act([part], [part.entry.held]), put_back=True)


def spring_back(world: World) -> Step | None:
    """Clear the override of a momentary switch that has acted or was rehearsed."""
    entry, is_rehearsed = world.entry, rehearsed(world) is not None
    if is_rehearsed and entry is not None and entry.momentary and world.record is None and not world.deleting:
        return Unsay(world.switch.meta)
    if world.record and world.record.done and world.switch.spec.engaged and not world.deleting:
        return Unsay(world.switch.meta)
    return None


def let_go(world: World) -> Step | None:
    """Remove the finalizer when nothing is held: the object may be deleted."""
    if world.record is not None or FINALIZER not in world.switch.meta.finalizers:
        return None
    return SetFinalizers(world.switch.meta, tuple(f for f in world.switch.meta.finalizers if f != FINALIZER))


RULES: tuple[Rule, ...] = (expire, recover, begin, adopt, change, save, hold, restore, tell, spring_back, let_go)


def _is_new(world: World) -> bool:
    """True if the throw has no record yet, or a momentary switch was thrown again before its last record was closed."""
    record, meta = world.record, world.switch.meta
    return record is None or (record.done and bool(world.switch.spec.engaged) and record.generation != meta.generation)


def _active(world: World, record: Record) -> bool:
    """True if the record should be carried out: the switch is wanted, may write, and has not finished."""
    return wanted(world) and not (world.observing or world.barred or record.done)


def _deviations(world: World, record: Record) -> Iterator[Step]:
    every = parts(world, record)
    for part in every:
        applied = part.entry.result == "Applied"
        if part.deviates and applied and not record.momentary:
            yield from _put_back(part)
        elif not applied and _is_due(part):
            yield _first([one for one in together(part, every[part.index + 1 :]) if _is_due(one)])
        elif (resumed := resume(part)) is not None:
            yield resumed
        if blocks(part):
            return


def _is_due(part: Part) -> bool:
    """True if the first write of this field may be tried now."""
    if part.entry.result == "Applied" or not part.deviates or obstacle(part) is not None:
        return False
    return tried_again_at(part) <= part.world.now and not _is_early(part, lambda one: one.deviates or one.waiting)


def _restorations(left: tuple[Part, ...]) -> Iterator[Act]:
    for number, part in enumerate(left):
        if _is_to_restore(part):
            group = [one for one in together(part, left[number + 1 :]) if _is_to_restore(one)]
            act = _act(group, [one.put_back_value for one in group])
            yield _unseen_work(part, replace(act, released_by=_released_by(part.world)))


def _released_by(world: World) -> tuple[str, str] | None:
    """Return the author and the reason of the override that holds the switch released."""
    said = held_released(world)
    return (said.by, said.reason) if said is not None else None


def _unseen_work(part: Part, act: Act) -> Act:
    """Add the resourceVersion to a deletion: an object that has begun its work since it was read stays."""
    if not (part.is_made_once and part.saved and isinstance(act.effect, Delete)):
        return act
    return replace(act, effect=replace(act.effect, resource_version=part.saved.resource_version))


def _is_to_restore(part: Part) -> bool:
    if not _is_left(part) or _is_early(part, _is_left):
        return False
    return tried_again_at(part) <= part.world.now


def _is_left(part: Part) -> bool:
    return part.restorable and not is_over(part)


def _is_early(part: Part, left: Callable[[Part], bool]) -> bool:
    """True if the write makes other fields of its action take effect, some of which are not written yet."""
    if not part.entry.last:
        return False
    every = (parts if part.index >= 0 else dropped)(part.world, part.record)
    return any(left(one) for one in every if one.entry.step == part.entry.step and not one.entry.last)


def _put_back(part: Part) -> Iterator[Step]:
    """Yield the status write that counts the deviation, then its correction, as the back-offs allow."""
    if not is_contested(part):
        if put_back_at(part) <= part.world.now:
            yield count_deviation(part)
    elif tried_again_at(part) <= part.world.now and obstacle(part) is None:
        yield replace(_act([part], [part.entry.held]), put_back=True)


def _first(group: Sequence[Part]) -> Act:
    """Return the first write of the fields, which goes only to the object that was saved.

    If the fields show the saved values, any version of the object will do: its status may have changed. If they do not,
    the write requires the saved version, so that a change since is saved again and not lost. After an accepted write,
    the live value is the operator's own, and nothing is saved again.
    """
    values = [manifest(part) if part.is_made_once else part.entry.held for part in group]
    act, moved = _act(group, values), any(not (part.is_as_saved or was_written(part)) for part in group)
    version = group[0].entry.resource_version if moved else None
    pinned = replace(act.effect, resource_version=version) if version and isinstance(act.effect, Patch) else act.effect
    return replace(act, effect=pinned, timed=True)


def _act(group: Sequence[Part], values: Sequence[object]) -> Act:
    first = group[0]
    assert first.saved  # noqa: S101 # called only if the target exists
    written = [(part.entry.field, value) for part, value in zip(group, values, strict=True)]
    changes = tuple(
        Change(part.place, told(part.entry.field, part.live), told(part.entry.field, value))
        for part, value in zip(group, values, strict=True)
    )
    # A write of a pod template keeps other holds inside it: reapplying them would cost one more rollout.
    kept = [claim for part in group if part.saved for claim in part.inside(part.saved) if not claim.releasing]
    inside = [(claim.field, claim.held) for claim in kept]
    return Act(effect(first.saved, written, first.world.answers, inside), changes, first.record)
