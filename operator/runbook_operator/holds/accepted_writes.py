"""Writes that the API server accepted and that are not in force: the cause, and the time of the next try.

An admission policy, a webhook or a default may change the written value; another controller may change it right after.
The operator writes the same value again after growing pauses, whatever the cause.
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
    """Return when a value may be written again that was undone `times` times.

    Undone writes of other values to the field, or for other switches, lengthen the pause: they have the same cause.
    """
    return found.last + budget.pause(max(times, found.undone), seed)


def undone_by(found: Accepted, live: str, field: str, manager: str, advice: str) -> str:
    """Return a clause that names the author of the live value, which replaced the written one, and how to stop that."""
    if found.changed:
        return f"the API server stored {live}: an admission policy, a webhook or a default changes it; {LIST}"
    return f"{author(manager, field)} changed it to {live} right after: {advice}"
