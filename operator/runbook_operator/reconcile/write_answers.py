"""Compares the object that the API server returns for an accepted write with the requested values."""

from collections.abc import Iterator

from runbook_operator.core import field_values
from runbook_operator.core.desired_fields import OBJECT
from runbook_operator.core.merge_patch import covers
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.write_failures import Answer, FieldKey
from runbook_operator.core.writes import Create, Delete, Effect
from runbook_operator.reconcile.steps import Change, WriteProbes, WriteTarget


def answers(step: WriteTarget | WriteProbes, found: ObservedObject | Missing) -> Iterator[tuple[FieldKey, Answer]]:
    """Yield the answer about each field of the write; for a deleted object there is nothing to compare."""
    for change in step.changes:
        field = change.field_key[1]
        if isinstance(found, Missing):
            yield change.field_key, Answer("", change.after, None, changed=False)
        else:
            live = field_values.mark(found, field)
            yield change.field_key, Answer(found.uid, change.after, live, not _is_in_force(step, change, found))


def _is_in_force(step: WriteTarget | WriteProbes, change: Change, observed: ObservedObject) -> bool:
    field = change.field_key[1]
    return _is_stored(step.effect, observed) if field == OBJECT else field_values.shows(observed, field, change.after)


def _is_stored(effect: Effect, observed: ObservedObject) -> bool:
    if isinstance(effect, Delete):
        return True
    return covers(observed.body, effect.body if isinstance(effect, Create) else effect.patch)
