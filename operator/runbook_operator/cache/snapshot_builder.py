"""Build the snapshot of one Switch, Runbook or Incident from the store."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject, SwitchObject, switch_name
from runbook_operator.api.switch import FieldRecord, Record
from runbook_operator.cache.store import Store
from runbook_operator.core.observed_object import Missing, ObservedObject, absent
from runbook_operator.core.queries import Denied, Read
from runbook_operator.core.references import Ref
from runbook_operator.holds.claims import numbered
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot, Outcome
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.prewritten_fields import is_written
from runbook_operator.reconcile.snapshot import Claim, RunbookSnapshot, Snapshot, order
from runbook_operator.reconcile.target_index import declared, held_by, prepared_by


def switch_snapshot(store: Store, switch: SwitchObject, *, now: datetime, new_id: str, **rest: Any) -> Snapshot:
    """Build the snapshot of a Switch; `rest` are the fields of it that the store does not have, such as answers."""
    runbook = store.runbook_of(switch)
    observed = _observed(store, (*targets_of(store, switch), *_read_refs(rest))) | _denied(rest)
    claims, signals = tuple(_claims(store, switch)), store.signals_of(switch.meta.ref)
    acts = store.ledger.acts(switch, now)
    maybe_written, knows_all_writes = (
        store.unconfirmed_throws.may_have_acted(switch.meta.ref),
        store.unconfirmed_throws.knows_all_writes(switch.meta.ref),
    )
    snapshot = Snapshot(
        switch,
        runbook,
        observed,
        claims,
        now,
        new_id,
        signals=signals,
        automatic_engagements=acts,
        maybe_written=maybe_written,
        **rest,
    )
    return replace(snapshot, knows_all_writes=knows_all_writes)


def runbook_snapshot(store: Store, runbook: RunbookObject, now: datetime, **rest: Any) -> RunbookSnapshot:
    """Build the snapshot of a Runbook; `rest` are the fields of it that the store does not have."""
    names = (switch_name(runbook.meta.ref.name, entry) for entry in runbook.spec.switches()) if runbook.spec else ()
    switches = store.concerned(runbook, names)
    observed = _observed(store, (*declared(runbook), *_read_refs(rest))) | _denied(rest)
    incidents = store.incidents_of(runbook.meta.ref)
    return RunbookSnapshot(runbook, switches, observed, now, incidents=incidents, **rest)


def incident_snapshot(
    store: Store, incident: IncidentObject, now: datetime, outcomes: Mapping[str, Outcome], unsettled: str
) -> IncidentSnapshot:
    """Build the snapshot of an Incident; `outcomes` are the ends of messages that its status does not have yet."""
    runbook, ref = incident.runbook, incident.meta.ref
    others = tuple(one for one in store.incidents_of(runbook) if one.meta.ref != ref)
    switches = store.switches_of(runbook)
    return IncidentSnapshot(incident, store.runbooks.get(runbook), now, switches, others, outcomes, unsettled)


def _read_refs(rest: Mapping[str, Any]) -> Iterator[Ref]:
    """Yield the objects that were read in this visit, also if no Runbook declares them."""
    return (query.ref for query in rest.get("answers", ()) if isinstance(query, Read))


def _observed(store: Store, refs: Iterable[Ref]) -> dict[Ref, ObservedObject | Missing]:
    return {ref: found for ref in refs if (found := _found(store, ref))}


def _found(store: Store, ref: Ref) -> ObservedObject | Missing | None:
    """Return the object in the store; else Missing if a list proves that it does not exist, or None."""
    return store.targets.get(ref) or (absent(ref) if store.listings.proves_absence(ref) else None)


def _denied(rest: Mapping[str, Any]) -> dict[Ref, Missing]:
    """Return the objects that the acting account may not read as Missing.

    The store does not keep them, since another account may read them.
    """
    answers = rest.get("answers") or {}
    refused = {query.ref: found for query, found in answers.items() if isinstance(query, Read)}
    return {ref: Missing(ref, one.reason, one.message) for ref, one in refused.items() if isinstance(one, Denied)}


def reader(store: Store, key: Ref, *, required: bool) -> acting_identity.Reader:
    """Return the account for reads on behalf of this object, or Denied: that of its Runbook, or of its engagement."""
    switch, found = store.switches.get(key), store.own(key)
    runbook = store.declaring(found) if found else None
    return acting_identity.reader(switch, runbook, required=required)


def targets_of(store: Store, switch: SwitchObject) -> tuple[Ref, ...]:
    """Return the targets that the switch holds and that its Runbook declares, sorted, for the locks of a visit.

    A throw without a record may have written the prepared targets, even if the Runbook no longer declares them.
    """
    runbook = store.runbook_of(switch)
    written = prepared_by(switch) if switch.maybe_thrown else ()
    return tuple(sorted({*held_by(switch), *written, *(declared(runbook) if runbook else ())}))


def _claims(store: Store, switch: SwitchObject) -> Iterator[Claim]:
    for ref, other in store.engaged(switch.meta.ref.namespace).items():
        record = other.status.record
        if ref == switch.meta.ref:
            continue
        if record is None:
            yield from _unrecorded_claims(store, other)
            continue
        if record.momentary:
            continue
        for index, entry in numbered(record):
            if entry.uid and entry.mode != "Once":
                yield _claim(other, record, index, entry)


def _claim(other: SwitchObject, record: Record, index: int, entry: FieldRecord) -> Claim:
    ref = other.meta.ref
    return Claim(
        switch=ref,
        order=order(record, index),
        uid=entry.uid or "",
        field=entry.field,
        saved=entry.saved,
        held=entry.held,
        action=entry.action,
        about=_about(record, entry, ref.namespace),
        since=record.engaged_at,
        reason=record.reason,
        releasing=index < 0 or not other.is_held_engaged,
        admitted=entry.admitted,
    )


def _about(record: Record, entry: FieldRecord, namespace: str) -> tuple[Ref, ...]:
    """Return the objects of the target of an entry's action; a dropped entry is in no plan and gives ()."""
    return record.plan[entry.step].target.refs(namespace).refs if entry.step < len(record.plan) else ()


def _unrecorded_claims(store: Store, other: SwitchObject) -> Iterator[Claim]:
    """Yield claims for fields that another switch has written without a record; their saved values are originals."""
    prepared, ref = other.status.prepared, other.meta.ref
    for index, one in enumerate(prepared.fields if prepared and store.unconfirmed_throws.may_have_acted(ref) else ()):
        if is_written(store.targets.get(one.ref(ref.namespace)), one):
            yield Claim(ref, ("", other.meta.uid, index), one.uid, one.field, one.saved, one.held)
