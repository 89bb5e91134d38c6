"""Compares an object with the values that the operator holds in it, and removes them from it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.write_failures import Accepted


class Held(Protocol):
    """A field with its saved and its held value: of a record, of a claim, or of an enforced probe."""

    @property
    def field(self) -> str: ...
    @property
    def saved(self) -> Any: ...
    @property
    def held(self) -> Any: ...
    @property
    def admitted(self) -> Admitted | None: ...


def is_left(observed: ObservedObject, one: Held) -> bool:
    """True if the object shows the held value, or what admission made of it."""
    return any(field_values.shows(observed, one.field, value) for value in (one.held, *stored(None, one.admitted)))


def stored(accepted: Accepted | None, admitted: Admitted | None) -> list[Any]:
    """Return the values that admission made of the last accepted write, and of the recorded one.

    The operator remembers such a value at once, and records it with the next status.
    """
    return [*([accepted.live] if accepted and accepted.changed else []), *([admitted.live] if admitted else [])]


def with_saved(observed: ObservedObject, held: Iterable[Held]) -> ObservedObject:
    """Return the object with the saved values of these fields, whatever it shows. `held` has the latest hold first."""
    for one in held:
        observed = replace(observed, body=field_paths.with_value(observed.body, one.field, one.saved))
    return observed


def without(observed: ObservedObject, held: Iterable[Held]) -> ObservedObject:
    """Return the object with the saved values instead of these held ones. `held` has the latest hold first.

    A field that another client has changed stays as it is.
    """
    for one in held:
        if is_left(observed, one):
            observed = with_saved(observed, [one])
    return observed
