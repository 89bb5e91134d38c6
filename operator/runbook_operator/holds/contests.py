"""The back-off of a contest: another client changes a held field, and the operator corrects it again and again."""

from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.reconcile.contest_backoff import ContestBackoff


def lasts(last: str | None, now: datetime, budget: ContestBackoff) -> bool:
    """True if the last correction, RFC 3339, is more recent than the quiet period that ends a contest."""
    return last is not None and now - moment(last) < budget.calm


def corrected_at(last: str, times: int, budget: ContestBackoff, seed: str) -> datetime:
    """Return when the field may be corrected again, after this many corrections in a row and the last one at `last`."""
    return moment(last) + budget.pause(times, seed)
