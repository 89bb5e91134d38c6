"""Probes that were written and are not in force: the report, and the time of the next write."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.probe_status import HeldProbeField
from runbook_operator.core import field_values, probe_fields
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.write_failures import Accepted
from runbook_operator.holds.accepted_writes import AGAIN, of_value, repeated_at, undone_by
from runbook_operator.probes import probe_writes
from runbook_operator.probes.probe_gates import ADVICE
from runbook_operator.reconcile.automation_pauses import Gate
from runbook_operator.reconcile.snapshot import RunbookSnapshot


def unforced(snapshot: RunbookSnapshot, observed: ObservedObject, asked: Sequence[HeldProbeField]) -> Gate | None:
    """Return the gate of the first field that does not show the value of its last accepted write, None for none.

    It opens when the writes of all such fields may be repeated.
    """
    undone = [(one, found) for one in asked if (found := _undone(snapshot, observed, one))]
    if not undone:
        return None
    (one, found), field = undone[0], undone[0][0].field
    live = probe_fields.shown(field, field_values.live(observed, field))
    text = (
        f"{probe_fields.field_label(field)} of {observed.ref} was set to {probe_fields.shown(field, one.held)}, and "
        f"{undone_by(found, live, field, observed.manager(field), ADVICE)}. {AGAIN}"
    )
    return Gate(Reason.NOT_IN_FORCE, text, max(_again_at(snapshot, found) for _, found in undone))


def due(snapshot: RunbookSnapshot) -> Iterator[datetime]:
    """Yield the times at which writes that are not in force may be repeated."""
    if any(one.reason == Reason.NOT_IN_FORCE for one in snapshot.runbook.status.probes):
        yield from (_again_at(snapshot, one.accepted) for one in snapshot.write_histories.values() if one.accepted)


def _undone(snapshot: RunbookSnapshot, observed: ObservedObject, asked: HeldProbeField) -> Accepted | None:
    """Return the last accepted write of this value if the field does not show the value, else None."""
    found = of_value(probe_writes.accepted(snapshot, observed, asked.field), asked.field, asked.held)
    if found is None or field_values.shows(observed, asked.field, asked.held):
        return None
    return None if probe_writes.is_rolled_back(snapshot, observed, timestamp(found.last)) else found


def _again_at(snapshot: RunbookSnapshot, found: Accepted) -> datetime:
    return repeated_at(found, found.times, snapshot.policy.budget, snapshot.runbook.meta.uid)
