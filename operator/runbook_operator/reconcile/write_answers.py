"""Compares the object that the API server returns for an accepted write with the requested values."""

from collections.abc import Iterator

from runbook_operator.core import field_values, probe_fields
from runbook_operator.core.desired_fields import OBJECT
from runbook_operator.core.merge_patch import covers
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.write_failures import Answer, Place
from runbook_operator.core.writes import Create, Delete, Effect
from runbook_operator.reconcile.steps import Act, Adjust, Change


def answers(step: Act | Adjust, found: Seen | Missing) -> Iterator[tuple[Place, Answer]]:
    """Yield the answer about each field of the write; for a deleted object there is nothing to compare."""
    for change in step.changes:
        field = change.place[1]
        if isinstance(found, Missing):
            yield change.place, Answer("", change.after, None, changed=False)
        else:
            live = field_values.mark(found, field)
            shown = probe_fields.sealed(field, live) if isinstance(step, Adjust) else live
            yield change.place, Answer(found.uid, change.after, shown, not _is_in_force(step, change, found))


def _is_in_force(step: Act | Adjust, change: Change, seen: Seen) -> bool:
    field = change.place[1]
    if isinstance(step, Adjust):
        return probe_fields.shows(seen.body, field, change.after)
    return _is_stored(step.effect, seen) if field == OBJECT else field_values.shows(seen, field, change.after)


def _is_stored(effect: Effect, seen: Seen) -> bool:
    if isinstance(effect, Delete):
        return True
    return covers(seen.body, effect.body if isinstance(effect, Create) else effect.patch)
