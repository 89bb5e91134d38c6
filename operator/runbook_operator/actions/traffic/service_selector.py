"""ServiceSelector: a Service whose selector wants a label that no pod has loses its endpoints. Every cluster can."""

from runbook_operator.actions.base import Plan
from runbook_operator.actions.rights import CHANGE, Right
from runbook_operator.actions.traffic.site import BLOCKED, Site, unfit
from runbook_operator.model.aims import Aim, Remark
from runbook_operator.model.reasons import Reason

RIGHTS = (Right("", "services", CHANGE),)
ROLLOUTS = "argo-rollouts.argoproj.io/managed-by-rollouts"
LONGEST_LABEL = 63


def block(site: Site) -> Plan:
    site.pods()
    if manager := _manager(site):
        raise unfit(f"spec.selector of {site.ref} is written by {manager}, which would take the block back")
    value = site.scene.throw.switch[:LONGEST_LABEL].rstrip("-.")
    aim = Aim(site.ref, f"spec.selector[{BLOCKED}]", value)
    if site.spec.get("clusterIP") != "None":
        return (aim,)
    text = f"{site.ref} is headless: clients that know the addresses of its pods go on reaching them"
    return (aim, Remark(Reason.TRAFFIC_BYPASS, text))


def _manager(site: Site) -> str:
    """Who moves the selector between versions, empty where nobody does."""
    if rollout := site.annotations.get(ROLLOUTS):
        return f"Argo Rollouts for Rollout/{rollout}"
    owners = site.service.body["metadata"].get("ownerReferences", ())
    canaries = (
        one["name"] for one in owners if one["kind"] == "Canary" and one["apiVersion"].startswith("flagger.app/")
    )
    return next((f"Flagger for Canary/{name}" for name in canaries), "")
