"""Find what the API server would refuse of a throw: a close look at an idle switch dry-runs its first writes.

No dry run is sent on the path of a throw, or in Observe mode. One close look checks at most MOST writes.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from runbook_operator.api.conditions import Condition, find
from runbook_operator.api.switch import Record
from runbook_operator.core.field_values import effect
from runbook_operator.core.queries import Denied, DryRun, Query, Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.core.writes import Create, Effect
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_planning import manifest
from runbook_operator.switches.action_progress import obstacle
from runbook_operator.switches.held_field import parts, together

Trouble = tuple[Reason, str]
MOST = 8
REFUSALS = frozenset(
    {
        *(Reason.REFUSED, Reason.QUOTA_EXCEEDED, Reason.LIMIT_RANGE_VIOLATED, Reason.POD_SECURITY_VIOLATED),
        *(Reason.POLICY_REFUSED, Reason.WEBHOOK_REFUSED, Reason.WEBHOOK_FAILED, Reason.NAMESPACE_TERMINATING),
    }
)
"""Reasons of refusals; one that Ready reports stays until the next check."""


def told(conditions: Sequence[Condition]) -> Trouble | None:
    """Return the reason and message of Ready, if Ready reports a refused write."""
    ready = find(conditions, "Ready")
    if ready is None or ready.status != "False" or ready.reason not in REFUSALS:
        return None
    return Reason(ready.reason), ready.message


def refused(world: World, record: Record) -> Trouble | None:
    """Return the API server's refusal of a throw of this draft; raises Unread until the dry runs are answered."""
    if world.observing or world.barred or world.deleting:
        return None
    queries = list(_queries(world, record))
    unread: set[Query] = {one for one in queries if one not in world.answers}
    if unread:
        raise Unread(unread, urgent=False)
    answers = [world.answers[one] for one in queries]
    denied = next((one for one in answers if isinstance(one, Denied)), None)
    if denied is not None:
        return denied.reason, denied.message
    return None if all(one.allowed for one in answers) else told(world.switch.status.conditions)


def _queries(world: World, record: Record) -> Iterator[DryRun]:
    for number, write in enumerate(islice(_writes(world, record), MOST)):
        yield DryRun(world.switch.meta.ref, number, write)


def _writes(world: World, record: Record) -> Iterator[Effect]:
    """Yield the first write to each object, as a throw would make it; unplanned actions have their own failure."""
    every, taken = parts(world, record), set[int]()
    for part in every:
        if part.index in taken or part.unplanned:
            continue
        if part.is_made_once:
            yield Create(part.ref, manifest(part))
        elif part.deviates and obstacle(part) is None:
            group = [one for one in together(part, every[part.index + 1 :]) if one.deviates and obstacle(one) is None]
            taken |= {one.index for one in group}
            assert part.saved  # noqa: S101 # what deviates is there
            yield effect(part.saved, [(one.entry.field, one.entry.held) for one in group], world.answers)
