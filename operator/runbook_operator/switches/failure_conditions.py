"""Compute the conditions of an object whose visit failed or did not settle; no snapshot is needed."""

from datetime import datetime

from runbook_operator.api.conditions import Condition, Finding, condition
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.resource_kind import OwnObject
from runbook_operator.core.reasons import Reason

REPLACED = frozenset({"Ready", "Stalled", "Reconciling"})


def failing(found: OwnObject, reason: Reason, message: str, now: datetime) -> list[Condition]:
    """Return the conditions with Ready=False, and for a Switch Stalled=True, for this reason; all others stay."""
    old, kinds = found.status.conditions, {"Ready": False, "Stalled": True}
    new = [
        condition(old, kind, Finding(holds, reason, message), found.meta.generation, now)
        for kind, holds in kinds.items()
        if kind == "Ready" or isinstance(found, SwitchObject)
    ]
    return [*new, *(one for one in old if one.type not in REPLACED)]
