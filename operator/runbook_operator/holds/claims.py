"""The fields that the record of a switch holds, in the order in which later holds win."""

from collections.abc import Iterator

from runbook_operator.api.switch import FieldRecord, Record
from runbook_operator.reconcile.snapshot import Order, order


def numbered(record: Record) -> Iterator[tuple[int, FieldRecord]]:
    """Yield the fields of a record with their index; dropped ones have negative indexes, so that they sort first."""
    yield from enumerate(record.actions)
    yield from ((-1 - index, entry) for index, entry in enumerate(record.dropped))


def holding(record: Record | None) -> Iterator[tuple[Order, FieldRecord]]:
    """Yield the fields that a record holds, with their order; a field of mode Once is written and not held."""
    if record is not None:
        yield from ((order(record, index), entry) for index, entry in numbered(record) if entry.mode != "Once")
