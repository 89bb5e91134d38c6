"""What a throw would save, written down before the throw: what can be told of it from a target alone."""

from runbook_operator.api.switch import PreparedField
from runbook_operator.core.observed_object import REPLICAS, Missing, Seen
from runbook_operator.core.references import MANAGER


def is_untouched(seen: Seen | Missing | None, one: PreparedField) -> bool:
    """Whether the object shows what was to be saved; what is not known of it here speaks for that."""
    if isinstance(seen, Missing):
        return False
    if seen is None or not seen.is_readable(one.field):
        return True
    return seen.uid == one.uid and bool(seen.value(one.field) == one.saved)


def is_written(seen: Seen | Missing | None, one: PreparedField) -> bool:
    """True if the operator itself has set the object for a throw, as far as that can be told.

    The API server notes nobody for a scale down to nothing, nor for what admission makes of that: it counts as the
    operator's where no other is noted. The value may be another than the one that is held, by an admission policy.
    """
    if not isinstance(seen, Seen) or not seen.is_readable(one.field) or seen.uid != one.uid:
        return False
    return bool(seen.value(one.field) != one.saved) and is_by_us(seen, one.field, one.held)


def is_by_us(seen: Seen, field: str, held: object) -> bool:
    """True if nobody but the operator can have written the field last, once it has written this value there."""
    noted = seen.manager(field)
    return noted == MANAGER or (not noted and field == REPLICAS and held == 0)
