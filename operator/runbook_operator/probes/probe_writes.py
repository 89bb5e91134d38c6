"""Compute the writes that set a container's probe, and those that restore it.

The original of a workload is the live workload without the fields that the operator set. So it never saves its own
value as an original: not after an edit of the Runbook, after a crash, or for a second endpoint.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.conditions import moment
from runbook_operator.api.probe_status import HeldProbeField, ProbeStatus
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.accounts import Account
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.probe_fields import FIELDS, HANDLERS, Difference, differences, sealed
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.references import Ref
from runbook_operator.core.write_failures import Accepted
from runbook_operator.holds.accepted_writes import of_value
from runbook_operator.holds.held_values import without
from runbook_operator.probes.desired_probe import ContainerProbe
from runbook_operator.reconcile.prewritten_fields import is_by_us
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import Change, WriteProbes

Written = tuple[str, Any]
"""A field of a workload, and its new value."""


def accepted(snapshot: RunbookSnapshot, observed: ObservedObject, field: str) -> Accepted | None:
    """Return the last accepted write to the field of this very object; None if this process made none."""
    write_history = snapshot.write_histories.get((observed.ref, field))
    found = write_history.accepted if write_history else None
    return found if found and found.uid == observed.uid else None


def recorded(snapshot: RunbookSnapshot, observed: ObservedObject) -> list[HeldProbeField]:
    """Return all fields that were set in the workload, each with what admission made of its last write."""
    every = (entry for entry in snapshot.runbook.status.probes if entry.uid == observed.uid)
    return [one for entry in every for one in answered(snapshot, observed, entry)]


def answered(
    snapshot: RunbookSnapshot, observed: ObservedObject, entry: ProbeStatus, *, restoring: bool = False
) -> list[HeldProbeField]:
    """Return the fields of the entry, each with what admission made of its last write.

    After a restart this process remembers no write. A value that is neither the held nor the saved one then counts as
    made by admission, if the operator wrote the field last and the entry has a write that is not confirmed.
    """
    is_unconfirmed = (entry.pending or restoring) and not is_rolled_back(snapshot, observed, entry.set_at)
    return [_with_admitted(snapshot, observed, one, is_unconfirmed=is_unconfirmed) for one in entry.held]


def wanted(snapshot: RunbookSnapshot, place: ContainerProbe) -> tuple[Difference, ...]:
    """Return the differences between the workload's original and the declared probe, by paths in the workload."""
    container = field_paths.get(without(place.observed, recorded(snapshot, place.observed)).body, place.path)
    return tuple(
        Difference(f"{place.path}.{one.field}", one.live, one.declared)
        for one in differences(container, place.declared)
    )


def noted(difference: Difference) -> HeldProbeField:
    """Return the field to record before a difference is written."""
    field = difference.field
    return HeldProbeField(field=field, saved=sealed(field, difference.live), held=sealed(field, difference.declared))


def setting(place: ContainerProbe, differences: Iterable[Difference]) -> list[Written]:
    """Return the writes that are left to do; they keep the undeclared fields of an existing probe."""
    whole = f"{place.path}.{FIELDS[place.declared.kind]}"
    live = place.container.get(FIELDS[place.declared.kind]) or {}
    kept = {key: value for key, value in live.items() if key not in HANDLERS}
    return [
        (one.field, kept | one.declared if one.field == whole else one.declared)
        for one in differences
        if not field_values.shows(place.observed, one.field, sealed(one.field, one.declared))
    ]


def restoring(snapshot: RunbookSnapshot, observed: ObservedObject, held: Sequence[HeldProbeField]) -> list[Written]:
    """Return the writes that restore the saved values; raises Refused if one is not found, and NeedsRead."""
    return [(one.field, field_values.written(observed, one.field, one.saved, snapshot.answers)) for one in held]


def adjust(
    snapshot: RunbookSnapshot, observed: ObservedObject, written: Sequence[Written], account: Account | None = None
) -> WriteProbes:
    """Return the one write that changes all these fields, in the name of the account."""
    changes = tuple(
        Change((observed.ref, field), field_values.live(observed, field), field_values.for_audit(field, value))
        for field, value in written
    )
    reason = "health endpoints are declared as its probes"
    return WriteProbes(field_values.effect(observed, written, snapshot.answers), changes, reason, account)


def require_fresh_read(snapshot: RunbookSnapshot, ref: Ref) -> None:
    """Raise NeedsRead if the object was not read in this visit: a watch may lag, and no write may rest on old data."""
    if Read(ref) not in snapshot.answers:
        raise NeedsRead([Read(ref)])


def is_rolled_back(snapshot: RunbookSnapshot, observed: ObservedObject, since: str | None) -> bool:
    """True if a switch that rolled back the workload was released after that time: its restore changes probes too.

    `since` is RFC 3339, None if nothing was set.
    """
    ended = (one for switch in snapshot.switches.values() for one in switch.status.history)
    lately = (one for one in ended if since and moment(one.released_at) >= moment(since))
    return any(swapped.uid == observed.uid for one in lately for swapped in one.templates)


def _with_admitted(
    snapshot: RunbookSnapshot, observed: ObservedObject, one: HeldProbeField, *, is_unconfirmed: bool
) -> HeldProbeField:
    found = accepted(snapshot, observed, one.field)
    if found and any(of_value(found, one.field, value) for value in (one.held, one.saved)):
        return one.replace(admitted=Admitted(asked=found.asked, live=found.live) if found.changed else None)
    is_ours = found is None and is_unconfirmed and is_by_us(observed, one.field, one.held)
    if not is_ours or any(field_values.shows(observed, one.field, value) for value in (one.held, one.saved)):
        return one
    return one.replace(admitted=Admitted(asked=one.held, live=field_values.live(observed, one.field)))
