"""When a momentary throw expires: it acts soon after it was made, or not at all.

The state that asked for it may be over by the time it becomes possible. All of it follows from the Switch and its
record, so that a crash or a failover changes nothing about it.
"""

from datetime import datetime, timedelta

from runbook_operator.actions import REGISTRY
from runbook_operator.api.conditions import moment
from runbook_operator.api.switch import Entry, Record
from runbook_operator.core.field_manager_advice import clear
from runbook_operator.reconcile.snapshot import World

ACTS_WITHIN = timedelta(minutes=10)
"""A momentary throw without expiresAfter may wait for so long, for its first action and for each one after it."""


def is_momentary(world: World) -> bool:
    """True of a switch that acts once per throw, as declared now or else as pinned."""
    declared = world.entry or world.record
    return declared is not None and declared.momentary


def is_thrown(world: World) -> bool:
    """True if a person has thrown a momentary switch, and it has not sprung back yet."""
    return bool(world.switch.spec.engaged) and is_momentary(world)


def expires_at(world: World, at: datetime) -> datetime | None:
    """When the throw that is to expire at `at` does so; None once it has acted, and while an action is under way."""
    record, spec = world.record, world.switch.spec
    if record is None:
        return at
    if is_done(world, record) or any(map(is_under_way, record.actions)):
        return None
    if spec.expires_after is not None:
        return at
    done = [moment(one.applied_at) for one in record.actions if one.applied_at]
    return max([at, *(one + ACTS_WITHIN for one in done)])


def is_done(world: World, record: Record) -> bool:
    """True if the throw has acted; a later one has another generation."""
    return record.done and record.generation == world.switch.meta.generation


def is_under_way(entry: Entry) -> bool:
    """True if the record has the write of it, and the cluster is not done with it: a rollout takes its time."""
    if entry.result != "Pending" or entry.uid is None or entry.resource_version is not None:
        return False
    return entry.begun or not REGISTRY[entry.action].paused_by


def without_meaning(world: World) -> str:
    """A sentence on engaged: false, which has nothing to keep a momentary switch from; empty where it is not set."""
    if world.switch.spec.engaged is not False or not is_momentary(world):
        return ""
    return (
        "engaged: false has no effect on a momentary switch, which holds nothing and which only people throw. It keeps "
        f"nobody from throwing it. To remove it: {clear(world.switch.meta.ref)}"
    )
