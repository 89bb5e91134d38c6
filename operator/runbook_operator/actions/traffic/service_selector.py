"""ServiceSelector: add a label that no pod has to the Service's selector, which removes its endpoints.

It works in every cluster.
"""

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.plan_context import Body, Scene
from runbook_operator.actions.traffic.policy_acceptance import by_hand
from runbook_operator.actions.traffic.traffic_target import BLOCKED, Site, unfit
from runbook_operator.core.desired_fields import Aim, Progress, Refused, Remark
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


def block(site: Site) -> Plan:
    site.pods()
    if manager := _manager(site):
        raise unfit(f"spec.selector of {site.ref} is written by {manager}, which would take the block back")
    value = site.scene.throw.switch[:LONGEST_LABEL].rstrip("-.")
    aim = Aim(site.ref, FIELD, value)
    if site.spec.get("clusterIP") != "None":
        return (aim,)
    text = f"{site.ref} is headless: clients that know the addresses of its pods go on reaching them"
    return (aim, Remark(Reason.TRAFFIC_BYPASS, text))


def is_block(aim: Aim) -> bool:
    """True if the desired field is the block of this mechanism."""
    return (aim.ref.kind, aim.field) == ("Service", FIELD)


def emptied(scene: Scene, service: Ref) -> Progress:
    """Return the progress: done once the Service has no endpoints, or if reading them is forbidden. Raises Unread."""
    if scene.busy:
        return Progress()
    try:
        left = [one["metadata"]["name"] for one in _slices(scene, service) if one.get("endpoints")]
    except Refused:
        return Progress()
    if not left:
        return Progress()
    names = ", ".join(f"EndpointSlice/{name}" for name in sorted(left))
    return Progress(False, f"{service} is blocked, and still has endpoints in {names}")


def unread(scene: Scene) -> tuple[Remark, ...]:
    """Return a remark if reading the endpoints is forbidden; raises Unread."""
    try:
        _slices(scene, scene.service)
    except Refused:
        ref = scene.service
        check = f"kubectl get endpointslices -n {ref.namespace} -l {OF}={ref.name} shows no endpoint"
        return (by_hand(f"the block of {ref}", check),)
    return ()


def _slices(scene: Scene, service: Ref) -> tuple[Body, ...]:
    return scene.find(*SLICES, f"{OF}={service.name}")


def _manager(site: Site) -> str:
    """Return the delivery tool that writes the selector to switch versions, empty if there is none."""
    if rollout := site.annotations.get(ROLLOUTS):
        return f"Argo Rollouts for Rollout/{rollout}"
    owners = site.service.body["metadata"].get("ownerReferences", ())
    canaries = (
        one["name"] for one in owners if one["kind"] == "Canary" and one["apiVersion"].startswith("flagger.app/")
    )
    return next((f"Flagger for Canary/{name}" for name in canaries), "")
