"""Find writes of a throw that the API server would refuse: a deep check at an idle switch dry-runs the first ones.

No dry run is sent on the path of a throw, or in Observe mode. One deep check checks at most MOST writes.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from runbook_operator.api.conditions import Condition, find
from runbook_operator.api.switch import Record
from runbook_operator.core.field_values import effect
from runbook_operator.core.queries import Denied, DryRun, NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.writes import Create, Effect
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_planning import manifest
from runbook_operator.switches.action_progress import obstacle
from runbook_operator.switches.held_field import held_fields, read_together

Trouble = tuple[Reason, str]
MOST = 8
REFUSALS = frozenset(
    {
        *(Reason.REFUSED, Reason.QUOTA_EXCEEDED, Reason.LIMIT_RANGE_VIOLATED, Reason.POD_SECURITY_VIOLATED),
        *(Reason.POLICY_REFUSED, Reason.WEBHOOK_REFUSED, Reason.WEBHOOK_FAILED, Reason.NAMESPACE_TERMINATING),
    }
)
"""Reasons of refusals; one that Ready reports stays until the next check."""


def reported_trouble(conditions: Sequence[Condition]) -> Trouble | None:
    """Return the reason and message of Ready, if Ready reports a refused write."""
    ready = find(conditions, "Ready")
    if ready is None or ready.status != "False" or ready.reason not in REFUSALS:
        return None
    return Reason(ready.reason), ready.message


def refused(snapshot: Snapshot, record: Record) -> Trouble | None:
    """Return the API server's refusal of the writes of this draft; raises NeedsRead until the dry runs are answered."""
    if snapshot.observing or snapshot.lacks_account or snapshot.deleting:
        return None
    queries = list(_queries(snapshot, record))
    needed: set[Query] = {one for one in queries if one not in snapshot.answers}
    if needed:
        raise NeedsRead(needed, urgent=False)
    answers = [snapshot.answers[one] for one in queries]
    denied = next((one for one in answers if isinstance(one, Denied)), None)
    if denied is not None:
        return denied.reason, denied.message
    return None if all(one.allowed for one in answers) else reported_trouble(snapshot.switch.status.conditions)


def _queries(snapshot: Snapshot, record: Record) -> Iterator[DryRun]:
    for number, write in enumerate(islice(_writes(snapshot, record), MOST)):
        yield DryRun(snapshot.switch.meta.ref, number, write)


def _writes(snapshot: Snapshot, record: Record) -> Iterator[Effect]:
    """Yield the first write to each object, as a throw would make it; unplanned actions have their own failure."""
    every, taken = held_fields(snapshot, record), set[int]()
    for held_field in every:
        if held_field.index in taken or held_field.unplanned:
            continue
        if held_field.is_made_once:
            yield Create(held_field.ref, manifest(held_field))
        elif held_field.deviates and obstacle(held_field) is None:
            group = [
                one
                for one in read_together(held_field, every[held_field.index + 1 :])
                if one.deviates and obstacle(one) is None
            ]
            taken |= {one.index for one in group}
            assert held_field.saved  # noqa: S101 # a field that deviates has an object
            yield effect(held_field.saved, [(one.entry.field, one.entry.held) for one in group], snapshot.answers)
