"""Compares a target with the fields of a prewritten record: what a throw would save, recorded before the throw."""

from runbook_operator.api.switch import PreparedField
from runbook_operator.core.observed_object import REPLICAS, Missing, Seen
from runbook_operator.core.references import MANAGER


def is_untouched(seen: Seen | Missing | None, one: PreparedField) -> bool:
    """True if the object still has the value that was to be saved, or if that is not known here."""
    if isinstance(seen, Missing):
        return False
    if seen is None or not seen.is_readable(one.field):
        return True
    return seen.uid == one.uid and bool(seen.value(one.field) == one.saved)


def is_written(seen: Seen | Missing | None, one: PreparedField) -> bool:
    """True if the operator itself has set the object for a throw, as far as that is known.

    The API server records no field manager for a scale to 0, nor for what admission makes of that: a change without a
    manager counts as the operator's. The value may differ from the held one, because of an admission policy.
    """
    if not isinstance(seen, Seen) or not seen.is_readable(one.field) or seen.uid != one.uid:
        return False
    return bool(seen.value(one.field) != one.saved) and is_by_us(seen, one.field, one.held)


def is_by_us(seen: Seen, field: str, held: object) -> bool:
    """True if only the operator can have written the field last, once it has written this value there."""
    noted = seen.manager(field)
    return noted == MANAGER or (not noted and field == REPLICAS and held == 0)
