"""Probes that were written and are not in force: what is reported, and when they are written again."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from runbook_operator.api.probes import HeldField
from runbook_operator.decide import patience
from runbook_operator.decide.inforce import LIST
from runbook_operator.model import probes
from runbook_operator.model.aims import Refused
from runbook_operator.model.efforts import Accepted, Effort
from runbook_operator.model.fields import get
from runbook_operator.model.patches import covers
from runbook_operator.model.reasons import Reason
from runbook_operator.model.seen import Seen
from runbook_operator.plan.world import RunbookWorld

NOTHING = Effort()


def unforced(world: RunbookWorld, seen: Seen, asked: Sequence[HeldField]) -> Refused | None:
    """Why these fields do not show what the last accepted write asked for, None where they do."""
    first = next((one for one in asked if _undone(world, seen, one)), None)
    if first is None:
        return None
    live = probes.sealed(first.field, get(seen.body, first.field))
    text = (
        f"the API server accepted a write of {probes.told(first.field, live, first.held)} and {seen.ref} does not show "
        f"it: an admission policy, a webhook or another controller changes it; {LIST}. The operator writes it "
        "again, after pauses that grow"
    )
    return Refused(Reason.NOT_IN_FORCE, text)


def is_paused(world: RunbookWorld, seen: Seen, asked: Sequence[HeldField]) -> bool:
    """True if the last accepted write was too short a time ago to repeat it."""
    every = (found for one in asked if (found := _undone(world, seen, one)))
    return any(world.now < _again_at(world, found) for found in every)


def due(world: RunbookWorld) -> Iterator[datetime]:
    """When what is not in force is written again."""
    if any(one.reason == Reason.NOT_IN_FORCE for one in world.runbook.status.probes):
        yield from (_again_at(world, one.accepted) for one in world.efforts.values() if one.accepted)


def _undone(world: RunbookWorld, seen: Seen, asked: HeldField) -> Accepted | None:
    """The last accepted write of this very value, where the field does not show it."""
    found = world.efforts.get((seen.ref, asked.field), NOTHING).accepted
    if (
        found is None
        or found.uid != seen.uid
        or probes.shows(seen.body, asked.field, asked.held)
        or not covers(found.asked, asked.held)
        or patience.is_rolled_back(world, seen, found.last)
    ):
        return None
    return found


def _again_at(world: RunbookWorld, found: Accepted) -> datetime:
    return found.last + world.policy.budget.pause(found.times, world.runbook.meta.uid)
