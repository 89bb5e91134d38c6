"""NetworkPolicy: create one that denies all ingress. verify is required, as no field shows if it is enforced."""

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import OWN, READ, Right
from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.traffic_target import TrafficTarget, not_applicable, selects

API, KIND = "networking.k8s.io/v1", "NetworkPolicy"
RIGHTS = (Right("networking.k8s.io", "networkpolicies", OWN), Right("", "pods", READ))


def block(traffic_target: TrafficTarget) -> Plan:
    labels, policies, pods = traffic_target.pods(), traffic_target.context.find(API, KIND), traffic_target.found_pods()
    allowing = next((one["metadata"]["name"] for one in policies if _lets_in(one["spec"], labels, pods)), None)
    if allowing is not None:
        raise not_applicable(
            f"{KIND}/{allowing} allows traffic to pods of {traffic_target.ref}, and no other policy can deny what one "
            "allows; choose another mechanism in through, or remove that policy"
        )
    # No rules: the API server drops an empty list, and a policy without rules denies all ingress.
    return (
        traffic_target.made(
            API, KIND, "block", spec={"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"]}
        ),
    )


def _lets_in(spec: Body, labels: dict[str, str], pods: tuple[Body, ...]) -> bool:
    """True if a policy allows ingress to one of the pods; without pods, if it may apply to future ones."""
    if "Ingress" not in (spec.get("policyTypes") or ("Ingress",)) or not spec.get("ingress"):
        return False
    found = [one["metadata"].get("labels") or {} for one in pods]
    chosen = spec.get("podSelector") or {}
    return any(selects(chosen, one) for one in found) if found else selects(chosen, labels, whole=False)
