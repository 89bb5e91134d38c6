"""Ingress: set annotations of ingress-nginx on the Ingresses that lead to the Service; never a snippet.

ingress-nginx is retired; this is for clusters that still run it.
"""

from collections.abc import Mapping

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.traffic.policy_acceptance import answers, by_hand
from runbook_operator.actions.traffic.request_limits import Rate, multiplied
from runbook_operator.actions.traffic.service_routes import bypass, ingresses, no_ingress, ref_of, services
from runbook_operator.actions.traffic.traffic_target import Site, unfit
from runbook_operator.core.desired_fields import Aim, Remark
from runbook_operator.core.reasons import Reason

RIGHTS = (Right("networking.k8s.io", "ingresses", CHANGE),)
PREFIX = "nginx.ingress.kubernetes.io"
EVERYBODY = "0.0.0.0/0,::/0"
RETIRED = Remark(
    Reason.MECHANISM_RETIRED,
    "ingress-nginx is retired and gets no security fixes since March 2026; move to a Gateway API implementation",
)
LIMITS: Mapping[str, str] = {"Second": "limit-rps", "Minute": "limit-rpm"}


def block(site: Site) -> Plan:
    aims = _annotated(site, {"denylist-source-range": EVERYBODY})
    return (*aims, bypass(site, "ingress-nginx"), by_hand(_what(aims), answers(403)), RETIRED)


def limit(site: Site, rate: Rate) -> Plan:
    if rate.per not in LIMITS:
        raise unfit(f"it has no limit per {rate.per}")
    if rate.at_once % rate.requests:
        raise unfit("its burst is a multiple of requests; choose one, or leave burst out")
    values = {LIMITS[rate.per]: str(rate.requests), "limit-burst-multiplier": str(rate.at_once // rate.requests)}
    aims, counted = _annotated(site, values), multiplied(rate, "controller replica, for each client address")
    check = f"{answers(503)}, asked more often than that"
    return (*aims, counted, by_hand(_what(aims), check), RETIRED)


def _what(aims: list[Aim]) -> str:
    return f"the annotation of {aims[0].ref}"


def _annotated(site: Site, values: Mapping[str, str]) -> list[Aim]:
    aims = []
    found = ingresses(site, "nginx", PREFIX)
    if not found:
        raise no_ingress(site, "Ingress of ingress-nginx", PREFIX)
    for body in found:
        ref = ref_of(site, body)
        if others := sorted(set(services(body)) - {site.ref.name}):
            text = f"{ref} leads to Service/{others[0]} too, which would be hit as well; give {site.ref} one of its own"
            raise unfit(text)
        if (body["metadata"].get("annotations") or {}).get(f"{PREFIX}/satisfy") == "any":
            raise unfit(f"{ref} says {PREFIX}/satisfy: any, which lets those in who authenticate; remove it")
        aims += [Aim(ref, f"metadata.annotations[{PREFIX}/{key}]", value) for key, value in values.items()]
    return aims
