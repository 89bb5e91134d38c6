"""Warn if a scale down goes below a PodDisruptionBudget, which prevents only evictions."""

from collections.abc import Iterable, Mapping
from typing import Any

from runbook_operator.actions.plan_context import Body
from runbook_operator.core import field_paths
from runbook_operator.core.desired_fields import Remark
from runbook_operator.core.observed_object import POD_LABELS, ObservedObject
from runbook_operator.core.reasons import Reason

BUDGET = ("policy/v1", "PodDisruptionBudget", "")


def remarks(workload: ObservedObject, number: int, budgets: Iterable[Body]) -> list[Remark]:
    """Return a remark for each budget that a scale down to this number violates."""
    live, labels = workload.replicas, field_paths.get(workload.body, POD_LABELS)
    if number >= live or not labels:
        return []
    return [
        _remark(workload, number, budget)
        for budget in budgets
        if selects(budget["spec"].get("selector"), labels) and number < _needed(budget["spec"], live)
    ]


def selects(selector: Body | None, labels: Mapping[str, str]) -> bool:
    """True if the label selector matches the labels; an empty selector matches all, an absent one nothing."""
    if selector is None:
        return False
    equal = (selector.get("matchLabels") or {}).items() <= labels.items()
    return equal and all(_fits(one, labels) for one in selector.get("matchExpressions") or ())


def _fits(expression: Body, labels: Mapping[str, str]) -> bool:
    held, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "Exists":
            return held is not None
        case "DoesNotExist":
            return held is None
        case "In":
            return held in values
        case _:
            return held not in values


def _needed(spec: Body, live: int) -> int:
    """Return how many of `live` pods the budget requires to be available."""
    if spec.get("minAvailable") is not None:
        return _of(spec["minAvailable"], live)
    if spec.get("maxUnavailable") is not None:
        return live - _of(spec["maxUnavailable"], live)
    return 0


def _of(value: Any, live: int) -> int:
    """Return a number, or a percentage of `live`, rounded up as the disruption controller does."""
    return value if isinstance(value, int) else -(-int(value.rstrip("%")) * live // 100)


def _remark(workload: ObservedObject, number: int, budget: Body) -> Remark:
    spec, name = budget["spec"], budget["metadata"]["name"]
    rule = next(f"{key} {spec[key]}" for key in ("minAvailable", "maxUnavailable") if spec.get(key) is not None)
    return Remark(
        Reason.BELOW_BUDGET,
        f"{workload.ref} goes from {workload.replicas} to {number} pods, and PodDisruptionBudget/{name} ({rule}) "
        f"requires {_needed(spec, workload.replicas)}: a budget limits evictions and not a scale down; check "
        "that the remaining pods can take the load",
    )
