"""Compute the writes that set a container's probe, and those that restore it.

The original of a workload is the live one without the fields that were set, so that no edit of the Runbook, no
repetition after a crash and no second endpoint ever saves a value of the operator as an original.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runbook_operator.api.probe_status import HeldProbeField, ProbeStatus
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.accounts import Account
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.merge_patch import covers
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.probe_fields import (
    FIELDS,
    HANDLERS,
    Difference,
    differences,
    is_sealed,
    sealed,
    shows,
    unsealed,
)
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.probes.desired_probe import ContainerProbe
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import Change, WriteProbes

Body = Mapping[str, Any]
Written = tuple[str, Any]
"""A field of a workload, and its new value."""


def recorded(snapshot: RunbookSnapshot, uid: str) -> list[HeldProbeField]:
    """Return all fields that were set in the workload of that uid, each with the value that admission left."""
    every = (entry for entry in snapshot.runbook.status.probes if entry.uid == uid)
    return [_with_admitted(snapshot, entry, one) for entry in every for one in entry.held]


def is_still_set(observed: ObservedObject, one: HeldProbeField) -> bool:
    """True if the field still shows the value that was set, or what admission left of it."""
    return any(
        shows(observed.body, one.field, value) for value in (one.held, *([one.admitted] if one.admitted else []))
    )


def _with_admitted(snapshot: RunbookSnapshot, entry: ProbeStatus, one: HeldProbeField) -> HeldProbeField:
    write_history = snapshot.write_histories.get((entry.ref(snapshot.runbook.meta.ref.namespace), one.field))
    found = write_history.accepted if write_history else None
    if found is None or found.uid != entry.uid or not covers(found.asked, one.held):
        return one
    return one.replace(admitted=found.live if found.changed else None)


def wanted(snapshot: RunbookSnapshot, place: ContainerProbe) -> tuple[Difference, ...]:
    """Return where the workload's original differs from what is declared, by paths in the workload."""
    container = field_paths.get(_original(place.observed, recorded(snapshot, place.observed.uid)), place.path)
    return tuple(
        Difference(f"{place.path}.{one.field}", one.live, one.declared)
        for one in differences(container, place.declared)
    )


def noted(difference: Difference) -> HeldProbeField:
    """Return the write-ahead entry of a difference."""
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
        if not shows(place.observed.body, one.field, sealed(one.field, one.declared))
    ]


def restoring(snapshot: RunbookSnapshot, observed: ObservedObject, held: Sequence[HeldProbeField]) -> list[Written]:
    """Return the writes that restore the saved values; raises Refused if one is not found, and NeedsRead."""
    templates: Sequence[Body] = ()
    if any(is_sealed(one.saved) for one in held):
        templates = [one.template for one in field_values.stored_revisions(observed, snapshot.answers)]
    return [(one.field, _saved(observed, one, templates)) for one in held]


def adjust(
    snapshot: RunbookSnapshot, observed: ObservedObject, written: Sequence[Written], account: Account | None = None
) -> WriteProbes:
    """Return the one write that changes all these fields, in the name of the account."""
    changes = tuple(
        Change((observed.ref, place), sealed(place, field_values.live(observed, place)), sealed(place, value))
        for place, value in written
    )
    reason = "health endpoints are declared as its probes"
    return WriteProbes(field_values.effect(observed, written, snapshot.answers), changes, reason, account)


def require_fresh_read(snapshot: RunbookSnapshot, ref: Ref) -> None:
    """Raise NeedsRead if the object was not read in this visit: a watch may lag, and no write may rest on old data."""
    if Read(ref) not in snapshot.answers:
        raise NeedsRead([Read(ref)])


def _original(observed: ObservedObject, held: Iterable[HeldProbeField]) -> Body:
    """Return the workload without the fields that were set in it; possible credentials are digests."""
    body = dict(observed.body)
    for one in held:
        if is_still_set(observed, one):
            body = field_paths.with_value(body, one.field, one.saved)
    return body


def _saved(observed: ObservedObject, one: HeldProbeField, templates: Sequence[Body]) -> Any:
    if not is_sealed(one.saved):
        return one.saved
    found = unsealed(one.field, one.saved, templates)
    if found is None:
        text = (
            f"{observed.ref}: the cluster no longer keeps a revision with the saved value of {one.field}; "
            "set it by hand"
        )
        raise Refused(Reason.NO_REVISION, text)
    return found
