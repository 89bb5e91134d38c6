"""Save the original values while a switch is idle, so that a throw can act before it writes its record.

The write-ahead record of a throw has the values to restore. If the status of the idle switch has them already, the
throw first writes its targets, because a person waits for that, and then its record. A crash in between can be
recognized: the generation of the switch is not the prepared one, and a target shows a held value that the operator
wrote. The prepared value is then the one to restore.
"""

from runbook_operator.api.conditions import find
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import FieldRecord, Prepared, PreparedField, Record
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE
from runbook_operator.core.field_values import same
from runbook_operator.core.observed_object import ALWAYS_WATCHED, REPLICAS, Missing
from runbook_operator.reconcile.prewritten_fields import is_untouched, is_written
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.held_field import HeldField, held_fields


def unrecorded_writes(snapshot: Snapshot) -> list[FieldRecord]:
    """Return the fields that a throw wrote before its record was persisted."""
    prepared = snapshot.switch.status.prepared
    if prepared is None or not (snapshot.maybe_written and snapshot.switch.maybe_thrown):
        return []
    return [entry for one in prepared.fields if (entry := _written(snapshot, one))]


def covers(snapshot: Snapshot, record: Record) -> bool:
    """True if the prewritten record has every value that the record of this throw saves."""
    prepared = snapshot.switch.status.prepared
    is_plain = record.source == "Person" and bool(record.actions) and not record.dropped
    if prepared is None or not (is_plain and snapshot.switch.maybe_thrown):
        return False
    if record.service_account_name != prepared.service_account_name:
        return False
    known = {_field_key(one): one for one in prepared.fields}
    return all(
        _is_covered(held_field, known.get(_field_key(held_field.entry))) for held_field in held_fields(snapshot, record)
    )


def valid_prepared(snapshot: Snapshot) -> Prepared | None:
    """Return the prepared values of an idle switch, None if a target has changed since."""
    old, namespace = snapshot.switch.status.prepared, snapshot.switch.meta.ref.namespace
    if old is None or not all(is_untouched(snapshot.observed.get(one.ref(namespace)), one) for one in old.fields):
        return None
    return old.replace(generation=snapshot.switch.meta.generation)


def is_preparable(snapshot: Snapshot, entry: KillSwitch) -> bool:
    """True if reads may show what a throw of a Ready switch would save: no target is missing or held already."""
    ready = find(snapshot.switch.status.conditions, "Ready")
    is_ready = ready is not None and ready.status == "True"
    if not is_ready or entry.momentary or not all(one.action.prepares for one in entry.actions):
        return False
    assert snapshot.runbook and snapshot.runbook.spec  # noqa: S101, PT018 # an entry comes from a parsed Runbook
    spec, namespace = snapshot.runbook.spec, snapshot.switch.meta.ref.namespace
    targets = {ref for one in entry.actions for ref in spec.target(one.target, namespace).refs}
    if any(isinstance(snapshot.observed.get(ref), Missing) for ref in targets):
        return False
    return not any(targets.intersection(claim.about) for claim in snapshot.claims)


def prepared(snapshot: Snapshot, record: Record) -> Prepared | None:
    """Return the values that a throw with the fields of `record` would save.

    None if a value cannot be known before the throw, or if the operator's write could not be recognized after it.
    """
    every = held_fields(snapshot, record)
    if record.momentary or record.dropped or _is_followed(record) or not every or not all(map(_is_preparable, every)):
        return None
    old, fields = snapshot.switch.status.prepared, [_field(held_field.entry) for held_field in every]
    is_same = old is not None and (old.fields, old.service_account_name) == (fields, record.service_account_name)
    return Prepared(
        engagement_id=old.engagement_id if old and is_same else snapshot.new_id,
        generation=snapshot.switch.meta.generation,
        service_account_name=record.service_account_name,
        fields=fields,
    )


def _field(entry: FieldRecord) -> PreparedField:
    return PreparedField(**{name: getattr(entry, name) for name in PreparedField.model_fields})


def _written(snapshot: Snapshot, one: PreparedField) -> FieldRecord | None:
    entry = FieldRecord(**dict(one), result="Pending")
    held_field = HeldField(snapshot, Record(engagement_id="", engaged_at=""), 0, entry)
    is_theirs = any(same(one.field, claim.held, one.held) for claim in held_field.rivals)
    return entry if is_written(held_field.target, one) and not is_theirs else None


def _is_covered(held_field: HeldField, known: PreparedField | None) -> bool:
    entry = held_field.entry
    if known is None or held_field.rivals or (entry.mode, entry.result) != ("Hold", "Pending"):
        return False
    return same(entry.field, entry.saved, known.saved) and same(entry.field, entry.held, known.held)


def _is_followed(record: Record) -> bool:
    """True if an action writes several objects: a pinned autoscaler changes the replicas itself."""
    objects = {(one.step, one.api_version, one.kind, one.name) for one in record.actions}
    return len(objects) > len({step for step, *_ in objects})


def _is_preparable(held_field: HeldField) -> bool:
    """True if the field shows its saved value, has no other hold, and its write can be recognized afterwards."""
    entry = held_field.entry
    if entry.result not in ("Pending", "Restored", "Unchanged") or held_field.rivals or not _is_distinguishable(entry):
        return False
    return held_field.is_as_saved


def _is_distinguishable(entry: FieldRecord) -> bool:
    """True if the operator's write of the field can be recognized afterwards.

    The API server records no field manager for a scale up from 0. A kind that is read only by its scale subresource
    shows no field manager of the replicas.
    """
    if entry.mode != "Hold" or entry.field in (OBJECT, TEMPLATE) or same(entry.field, entry.saved, entry.held):
        return False
    return entry.field != REPLICAS or ((entry.api_version, entry.kind) in ALWAYS_WATCHED and bool(entry.saved))


def _field_key(entry: FieldRecord | PreparedField) -> tuple[str | None, ...]:
    return (entry.api_version, entry.kind, entry.name, entry.field, entry.uid)
