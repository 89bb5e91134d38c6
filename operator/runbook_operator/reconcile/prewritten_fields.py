"""Compares a target with the fields of a prewritten record: the values that a throw would save, recorded before it."""

from runbook_operator.api.switch import PreparedField
from runbook_operator.core.observed_object import REPLICAS, Missing, ObservedObject
from runbook_operator.core.references import MANAGER


def is_untouched(observed: ObservedObject | Missing | None, one: PreparedField) -> bool:
    """True if the object still has the value to save, or if the snapshot does not show that."""
    if isinstance(observed, Missing):
        return False
    if observed is None or not observed.is_readable(one.field):
        return True
    return observed.uid == one.uid and bool(observed.value(one.field) == one.saved)


def is_written(observed: ObservedObject | Missing | None, one: PreparedField) -> bool:
    """True if the operator itself has set the object for a throw, as far as that is known.

    The API server records no field manager for a scale to 0, even if admission changes the value: then a change without
    a manager counts as the operator's. Because of admission, the value may differ from the held one.
    """
    if not isinstance(observed, ObservedObject) or not observed.is_readable(one.field) or observed.uid != one.uid:
        return False
    return bool(observed.value(one.field) != one.saved) and is_by_us(observed, one.field, one.held)


def is_by_us(observed: ObservedObject, field: str, held: object) -> bool:
    """True if only the operator can have written the field last, if it has written the value `held` there."""
    noted = observed.manager(field)
    return noted == MANAGER or (not noted and field == REPLICAS and held == 0)
