"""The status of an object whose decision raised an unexpected exception; it needs no snapshot."""

from datetime import datetime

from runbook_operator.api.conditions import Condition
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.resource_kind import OwnObject
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import WriteStatus
from runbook_operator.switches.failure_conditions import failing
from runbook_operator.switches.status_columns import reported


def shown(found: OwnObject, error: str, number: str, now: datetime) -> WriteStatus | None:
    """Return the status write with the error's type and its id in the log; None if the status reports it already."""
    held = "its other fields stay held. " if isinstance(found, SwitchObject) else ""
    message = (
        f"the operator failed at it ({error}, error id {number}) and tries again; {held}Find the error by its "
        f"id: kubectl logs -n NAMESPACE deploy/runbook-operator | grep {number}, in the operator's namespace, "
        "and report it"
    )
    meta, conditions = found.meta, failing(found, Reason.INTERNAL_ERROR, message, now)
    if conditions == found.status.conditions:
        return None
    notice = Notice(meta.ref, meta.uid, Reason.INTERNAL_ERROR, message, f"{meta.uid}.{number}", warning=True)
    return WriteStatus(meta, _status(found, conditions), (notice,))


def _status(found: OwnObject, conditions: list[Condition]) -> ObjectStatus:
    generation = found.meta.generation
    if isinstance(found, SwitchObject):
        return reported(found.status.replace(phase="Stalled", observed_generation=generation), conditions)
    return found.status.replace(observed_generation=generation, conditions=conditions)
