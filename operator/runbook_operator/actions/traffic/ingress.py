"""Ingress: set annotations of ingress-nginx on the Ingresses that lead to the Service; never a snippet.

ingress-nginx is retired; this is for clusters that still run it.
"""

from collections.abc import Mapping

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.traffic.policy_acceptance import answers, by_hand
from runbook_operator.actions.traffic.request_limits import Rate, multiplied
from runbook_operator.actions.traffic.service_routes import bypass, ingresses, no_ingress, ref_of, services
from runbook_operator.actions.traffic.traffic_target import TrafficTarget, not_applicable
from runbook_operator.core.desired_fields import DesiredField, Remark
from runbook_operator.core.reasons import Reason

RIGHTS = (Right("networking.k8s.io", "ingresses", CHANGE),)
PREFIX = "nginx.ingress.kubernetes.io"
ALL_ADDRESSES = "0.0.0.0/0,::/0"
RETIRED = Remark(
    Reason.MECHANISM_RETIRED,
    "ingress-nginx is retired and gets no security fixes since March 2026; move to a Gateway API implementation",
)
LIMITS: Mapping[str, str] = {"Second": "limit-rps", "Minute": "limit-rpm"}


def block(traffic_target: TrafficTarget) -> Plan:
    desired_fields = _annotated(traffic_target, {"denylist-source-range": ALL_ADDRESSES})
    return (
        *desired_fields,
        bypass(traffic_target, "ingress-nginx"),
        by_hand(_what(desired_fields), answers(403)),
        RETIRED,
    )


def limit(traffic_target: TrafficTarget, rate: Rate) -> Plan:
    if rate.per not in LIMITS:
        raise not_applicable(f"it has no limit per {rate.per}")
    if rate.at_once % rate.requests:
        raise not_applicable("its burst is a multiple of requests; choose a multiple, or remove burst")
    values = {LIMITS[rate.per]: str(rate.requests), "limit-burst-multiplier": str(rate.at_once // rate.requests)}
    desired_fields, counted = (
        _annotated(traffic_target, values),
        multiplied(rate, "controller replica, for each client address"),
    )
    check = f"{answers(503)}, asked more often than that"
    return (*desired_fields, counted, by_hand(_what(desired_fields), check), RETIRED)


def _what(desired_fields: list[DesiredField]) -> str:
    return f"the annotation of {desired_fields[0].ref}"


def _annotated(traffic_target: TrafficTarget, values: Mapping[str, str]) -> list[DesiredField]:
    desired_fields = []
    found = ingresses(traffic_target, "nginx", PREFIX)
    if not found:
        raise no_ingress(traffic_target, "Ingress of ingress-nginx", PREFIX)
    for body in found:
        ref = ref_of(traffic_target, body)
        if others := sorted(set(services(body)) - {traffic_target.ref.name}):
            text = (
                f"{ref} also leads to Service/{others[0]}, which would be affected too; create an Ingress for "
                f"{traffic_target.ref} alone"
            )
            raise not_applicable(text)
        if (body["metadata"].get("annotations") or {}).get(f"{PREFIX}/satisfy") == "any":
            raise not_applicable(
                f"{ref} has {PREFIX}/satisfy: any, which lets authenticated clients through; remove that annotation"
            )
        desired_fields += [
            DesiredField(ref, f"metadata.annotations[{PREFIX}/{key}]", value) for key, value in values.items()
        ]
    return desired_fields
