"""Writes that the API server accepted and that are not in force: who undid them, and when they are repeated.

An admission policy, a webhook or a default may change the written value; another controller may change it right after.
The same value is written again only after a growing pause, whatever has undone it.
"""

from datetime import datetime
from typing import Any

from runbook_operator.core import field_values
from runbook_operator.core.field_manager_advice import author
from runbook_operator.core.write_failures import Accepted
from runbook_operator.reconcile.contest_backoff import ContestBackoff

LIST = "see kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations"
AGAIN = "The operator writes it again, with growing pauses"


def of_value(found: Accepted | None, field: str, value: Any) -> Accepted | None:
    """Return the accepted write if it wrote this value, else None."""
    is_same = found is not None and field_values.same(field, found.asked, field_values.for_audit(field, value))
    return found if is_same else None


def repeated_at(found: Accepted, times: int, budget: ContestBackoff, seed: str) -> datetime:
    """Return when a value may be written that was undone `times` times.

    Writes of the same field of other values and for other switches make the pause longer: the same cause undoes them.
    """
    return found.last + budget.pause(max(times, found.undone), seed)


def undone_by(found: Accepted, live: str, field: str, manager: str, advice: str) -> str:
    """Return the clause that says who changed the written value to the live one, and what ends it."""
    if found.changed:
        return f"the API server stored {live}: an admission policy, a webhook or a default changes it; {LIST}"
    return f"{author(manager, field)} changed it to {live} right after: {advice}"
