"""ServiceSelector: add a label that no pod has to the Service's selector, which removes its endpoints.

It works in every cluster.
"""

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.actions.traffic.policy_acceptance import by_hand
from runbook_operator.actions.traffic.traffic_target import BLOCKED, TrafficTarget, not_applicable
from runbook_operator.core.desired_fields import DesiredField, Progress, Refused, Remark
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

SLICES = ("discovery.k8s.io/v1", "EndpointSlice")
RIGHTS = (
    Right("", "services", CHANGE),
    Right("discovery.k8s.io", "endpointslices", ("list",), optional=True),
)
FIELD = f"spec.selector[{BLOCKED}]"
OF = "kubernetes.io/service-name"
ROLLOUTS = "argo-rollouts.argoproj.io/managed-by-rollouts"
LONGEST_LABEL = 63


def block(traffic_target: TrafficTarget) -> Plan:
    traffic_target.pods()
    if manager := _manager(traffic_target):
        raise not_applicable(
            f"spec.selector of {traffic_target.ref} is written by {manager}, which would undo the block"
        )
    value = traffic_target.context.throw.switch[:LONGEST_LABEL].rstrip("-.")
    desired = DesiredField(traffic_target.ref, FIELD, value)
    if traffic_target.spec.get("clusterIP") != "None":
        return (desired,)
    text = f"{traffic_target.ref} is headless: clients that know the addresses of its pods still reach them"
    return (desired, Remark(Reason.TRAFFIC_BYPASS, text))


def is_block(desired: DesiredField) -> bool:
    """True if the desired field is the block of this mechanism."""
    return (desired.ref.kind, desired.field) == ("Service", FIELD)


def emptied(context: PlanContext, service: Ref) -> Progress:
    """Return the progress: done once the Service has no endpoints, or they may not be read. Raises NeedsRead."""
    if context.busy:
        return Progress()
    try:
        left = [one["metadata"]["name"] for one in _slices(context, service) if one.get("endpoints")]
    except Refused:
        return Progress()
    if not left:
        return Progress()
    names = ", ".join(f"EndpointSlice/{name}" for name in sorted(left))
    return Progress(False, f"{service} is blocked, and its endpoints are still in {names}")


def needed(context: PlanContext) -> tuple[Remark, ...]:
    """Return a remark if reading the endpoints is forbidden; raises NeedsRead."""
    try:
        _slices(context, context.service)
    except Refused:
        ref = context.service
        check = f"kubectl get endpointslices -n {ref.namespace} -l {OF}={ref.name} shows no endpoint"
        return (by_hand(f"the block of {ref}", check),)
    return ()


def _slices(context: PlanContext, service: Ref) -> tuple[Body, ...]:
    return context.find(*SLICES, f"{OF}={service.name}")


def _manager(traffic_target: TrafficTarget) -> str:
    """Return the delivery tool that writes the selector to switch versions, empty if there is none."""
    if rollout := traffic_target.annotations.get(ROLLOUTS):
        return f"Argo Rollouts for Rollout/{rollout}"
    owners = traffic_target.service.body["metadata"].get("ownerReferences", ())
    canaries = (
        one["name"] for one in owners if one["kind"] == "Canary" and one["apiVersion"].startswith("flagger.app/")
    )
    return next((f"Flagger for Canary/{name}" for name in canaries), "")
