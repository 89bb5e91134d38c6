"""Find other Services and workloads that a block affects; read after the writes, so that no throw waits."""

from collections.abc import Mapping

from runbook_operator.actions.action_rights import Right
from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.actions.traffic.traffic_target import BLOCKED, TrafficTarget
from runbook_operator.core import field_paths
from runbook_operator.core.desired_fields import Refused, Remark
from runbook_operator.core.observed_object import POD_LABELS, ObservedObject
from runbook_operator.core.reasons import Reason

WORKLOADS = (("apps/v1", "Deployment", ""), ("apps/v1", "StatefulSet", ""))
RIGHTS = (
    Right("", "services", ("list",), optional=True),
    *(Right("apps", f"{kind.lower()}s", ("get", "list"), optional=True) for _, kind, _ in WORKLOADS),
)
AT_THE_PODS = frozenset({"AuthorizationPolicy", "EnvoyFilter", "NetworkPolicy"})
"""Mechanisms at the pods themselves, which apply to every Service of these pods."""


def remarks(context: PlanContext) -> tuple[Remark, ...]:
    """Return remarks about Services that bypass what was written, and about other workloads that it affects."""
    if not context.desired_fields:
        return ()
    traffic_target = TrafficTarget(context, context.require(context.service))
    try:
        services, deployments, stateful_sets = context.find_all(("v1", "Service", ""), *WORKLOADS)
    except Refused:
        return ()
    others = (
        [] if {one.ref.kind for one in context.desired_fields} & AT_THE_PODS else _bypassing(traffic_target, services)
    )
    return (*others, *_hit(traffic_target, (*deployments, *stateful_sets)))


def _bypassing(traffic_target: TrafficTarget, services: tuple[Body, ...]) -> list[Remark]:
    own, labels = traffic_target.pods(), _labels(traffic_target)
    found = [
        one
        for one in services
        if one["metadata"]["name"] != traffic_target.ref.name and _leads(one["spec"], own, labels)
    ]
    if not found:
        return []
    names = ", ".join(sorted(f"Service/{one['metadata']['name']}" for one in found))
    text = (
        f"{names} may lead to the same pods as {traffic_target.ref}: requests through another Service bypass the block "
        "or the limit"
    )
    return [Remark(Reason.TRAFFIC_BYPASS, text)]


def _labels(traffic_target: TrafficTarget) -> Mapping[str, str]:
    """Return the labels of the target's pods, as far as they are known."""
    workload = traffic_target.context.target.workload
    observed = traffic_target.context.observed(workload, False) if workload else None
    template = field_paths.get(observed.body, POD_LABELS) if isinstance(observed, ObservedObject) else None
    return {**(template or {}), **traffic_target.pods()}


def _leads(spec: Body, own: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """True if a Service may select the same pods: those with these labels, or some of those that `own` selects."""
    selector = spec.get("selector") or {}
    if not selector or BLOCKED in selector or spec.get("type") == "ExternalName":
        return False
    return bool(selector.items() <= labels.items() or own.items() <= selector.items())


def _hit(traffic_target: TrafficTarget, workloads: tuple[Body, ...]) -> list[Remark]:
    own, target = traffic_target.pods(), traffic_target.context.target.workload
    if target is None:
        return []
    found = [one for one in workloads if own.items() <= (field_paths.get(one, POD_LABELS) or {}).items()]
    names = sorted(f"{one['kind']}/{one['metadata']['name']}" for one in found)
    others = [name for name in names if name != str(target)]
    if not others:
        return []
    text = (
        f"{traffic_target.ref} also leads to pods of {', '.join(others)}, which are affected as well as "
        f"those of {target}"
    )
    return [Remark(Reason.OTHERS_AFFECTED, text)]
