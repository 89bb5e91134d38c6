"""Probes that were written and are not in force: what is reported, and when they are written again."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from runbook_operator.api.probe_status import HeldProbeField
from runbook_operator.core import probe_fields
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.field_paths import get
from runbook_operator.core.merge_patch import covers
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.write_failures import Accepted, WriteHistory
from runbook_operator.probes import probe_gates
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.switches.not_in_force import LIST

NOTHING = WriteHistory()


def unforced(snapshot: RunbookSnapshot, observed: ObservedObject, asked: Sequence[HeldProbeField]) -> Refused | None:
    """Return the refusal if one of these fields does not show the value of its last accepted write, else None."""
    first = next((one for one in asked if _undone(snapshot, observed, one)), None)
    if first is None:
        return None
    live = probe_fields.sealed(first.field, get(observed.body, first.field))
    text = (
        "the API server accepted a write of "
        f"{probe_fields.describe_change(first.field, live, first.held)} and {observed.ref} "
        f"shows another value: an admission policy, a webhook or another controller changes it; {LIST}. The "
        "operator writes it again, with growing pauses"
    )
    return Refused(Reason.NOT_IN_FORCE, text)


def is_paused(snapshot: RunbookSnapshot, observed: ObservedObject, asked: Sequence[HeldProbeField]) -> bool:
    """True if the last accepted write is too recent to repeat it."""
    every = (found for one in asked if (found := _undone(snapshot, observed, one)))
    return any(snapshot.now < _again_at(snapshot, found) for found in every)


def due(snapshot: RunbookSnapshot) -> Iterator[datetime]:
    """Yield when a write that is not in force is repeated."""
    if any(one.reason == Reason.NOT_IN_FORCE for one in snapshot.runbook.status.probes):
        yield from (_again_at(snapshot, one.accepted) for one in snapshot.write_histories.values() if one.accepted)


def _undone(snapshot: RunbookSnapshot, observed: ObservedObject, asked: HeldProbeField) -> Accepted | None:
    """Return the last accepted write of this very value if the field does not show it, else None."""
    found = snapshot.write_histories.get((observed.ref, asked.field), NOTHING).accepted
    if (
        found is None
        or found.uid != observed.uid
        or probe_fields.shows(observed.body, asked.field, asked.held)
        or not covers(found.asked, asked.held)
        or probe_gates.is_rolled_back(snapshot, observed, found.last)
    ):
        return None
    return found


def _again_at(snapshot: RunbookSnapshot, found: Accepted) -> datetime:
    return found.last + snapshot.policy.budget.pause(found.times, snapshot.runbook.meta.uid)
