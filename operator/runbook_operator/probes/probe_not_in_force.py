"""Probes that were written and are not in force: what is reported, and when they are written again."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from runbook_operator.api.probe_status import HeldField
from runbook_operator.core import probe_fields
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.field_paths import get
from runbook_operator.core.merge_patch import covers
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.reasons import Reason
from runbook_operator.core.write_failures import Accepted, Effort
from runbook_operator.probes import probe_gates
from runbook_operator.reconcile.snapshot import RunbookWorld
from runbook_operator.switches.not_in_force import LIST

NOTHING = Effort()


def unforced(world: RunbookWorld, seen: Seen, asked: Sequence[HeldField]) -> Refused | None:
    """Return the refusal if one of these fields does not show the value of its last accepted write, else None."""
    first = next((one for one in asked if _undone(world, seen, one)), None)
    if first is None:
        return None
    live = probe_fields.sealed(first.field, get(seen.body, first.field))
    text = (
        f"the API server accepted a write of {probe_fields.told(first.field, live, first.held)} and {seen.ref} does "
        f"not show it: an admission policy, a webhook or another controller changes it; {LIST}. The operator writes it "
        "again, after pauses that grow"
    )
    return Refused(Reason.NOT_IN_FORCE, text)


def is_paused(world: RunbookWorld, seen: Seen, asked: Sequence[HeldField]) -> bool:
    """True if the last accepted write is too recent to repeat it."""
    every = (found for one in asked if (found := _undone(world, seen, one)))
    return any(world.now < _again_at(world, found) for found in every)


def due(world: RunbookWorld) -> Iterator[datetime]:
    """Yield when a write that is not in force is repeated."""
    if any(one.reason == Reason.NOT_IN_FORCE for one in world.runbook.status.probes):
        yield from (_again_at(world, one.accepted) for one in world.efforts.values() if one.accepted)


def _undone(world: RunbookWorld, seen: Seen, asked: HeldField) -> Accepted | None:
    """Return the last accepted write of this very value if the field does not show it, else None."""
    found = world.efforts.get((seen.ref, asked.field), NOTHING).accepted
    if (
        found is None
        or found.uid != seen.uid
        or probe_fields.shows(seen.body, asked.field, asked.held)
        or not covers(found.asked, asked.held)
        or probe_gates.is_rolled_back(world, seen, found.last)
    ):
        return None
    return found


def _again_at(world: RunbookWorld, found: Accepted) -> datetime:
    return found.last + world.policy.budget.pause(found.times, world.runbook.meta.uid)
