"""The switch engine: the one next step of a switch.

Each rule looks at the world and asks for a step or passes; the first that asks is done, and then the world is looked
at again. A crash between any two steps therefore goes on where it was: nothing but the world says what comes next.
"""

from collections.abc import Callable, Iterator

from runbook_operator.api.switch import FINALIZER, Entry, Record
from runbook_operator.decide.notices import put_back
from runbook_operator.decide.record import (
    action_of,
    is_saved,
    live,
    new_record,
    overruled,
    rivals,
    saved,
    target,
)
from runbook_operator.decide.status import begun, tell
from runbook_operator.model.seen import Seen
from runbook_operator.plan.steps import Act, SetFinalizers, SpringBack, Step
from runbook_operator.plan.world import World, order

Rule = Callable[[World], Step | None]


def next_step(world: World) -> Step | None:
    """The next step, or None where everything is as it should be."""
    return next((step for rule in RULES if (step := rule(world))), None)


def begin(world: World) -> Step | None:
    """A throw: first what lets nothing be lost (finalizer, record), and only then anything else."""
    entry = world.entry
    if not world.wanted or world.observing or entry is None or not _is_new(world):
        return None
    if not entry.momentary and FINALIZER not in world.switch.meta.finalizers:
        return SetFinalizers(world.switch.meta, (*world.switch.meta.finalizers, FINALIZER))
    return begun(world, new_record(world, entry))


def save(world: World) -> Step | None:
    """A target that came, or came back as another object: save what is there before it is touched."""
    if not _active(world) or world.record is None:
        return None
    record = saved(world, world.record)
    return begun(world, record) if record != world.record else None


def hold(world: World) -> Step | None:
    """Set what is to be held, and put back what somebody changed."""
    if not _active(world) or world.record is None:
        return None
    return next(_deviations(world, world.record), None)


def restore(world: World) -> Step | None:
    """Put back what was saved, where the live value is still what was held. The target's health is never asked for."""
    record = world.record
    if record is None or world.wanted or record.momentary:
        return None
    return next(_restorations(world, record), None)


def spring_back(world: World) -> Step | None:
    """A momentary switch that has acted lets go of the lever."""
    if world.record and world.record.done and world.wanted:
        return SpringBack(world.switch.meta)
    return None


def let_go(world: World) -> Step | None:
    """Nothing is held: the object may be deleted."""
    if world.record is not None or FINALIZER not in world.switch.meta.finalizers:
        return None
    return SetFinalizers(world.switch.meta, tuple(f for f in world.switch.meta.finalizers if f != FINALIZER))


RULES: tuple[Rule, ...] = (begin, save, hold, restore, tell, spring_back, let_go)


def _is_new(world: World) -> bool:
    """Not recorded yet; or a momentary switch thrown again, after it sprang back and before that was written down."""
    record = world.record
    return record is None or (record.done and record.generation != world.switch.meta.generation)


def _active(world: World) -> bool:
    """Whether the record is to be carried out: the switch is wanted, may write, and has not finished."""
    return world.wanted and not world.observing and world.record is not None and not world.record.done


def _saved_entries(world: World, record: Record) -> Iterator[tuple[Entry, Seen]]:
    for entry in record.actions:
        seen = target(world, entry)
        if isinstance(seen, Seen) and is_saved(entry, seen):
            yield entry, seen


def _deviations(world: World, record: Record) -> Iterator[Step]:
    for entry, seen in _saved_entries(world, record):
        if live(entry, seen) == entry.held or overruled(world, record, entry):
            continue
        effect = action_of(entry).write(seen, entry.held)
        if entry.result == "Pending":
            yield Act(effect, timed=True)
        elif not record.momentary:
            yield Act(effect, put_back(world, record, entry, seen))


def _restorations(world: World, record: Record) -> Iterator[Step]:
    for entry, seen in _saved_entries(world, record):
        if live(entry, seen) != entry.held or overruled(world, record, entry):
            continue
        earlier = [claim for claim in rivals(world, entry) if claim.order < order(record)]
        value = earlier[-1].held if earlier else entry.saved
        if value != entry.held:
            yield Act(action_of(entry).write(seen, value))
