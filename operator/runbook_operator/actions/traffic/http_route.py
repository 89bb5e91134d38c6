"""HTTPRoute: remove a rule's backends and filters; by the Gateway API such a rule must answer 500."""

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.service_routes import (
    RULES,
    accepted,
    bypass,
    http_routes,
    is_for,
    mirrors,
    ref_of,
    rules,
    some,
    unshared,
)
from runbook_operator.actions.traffic.traffic_target import Site
from runbook_operator.core.desired_fields import Aim, Remark
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

RIGHTS = (Right("gateway.networking.k8s.io", "httproutes", CHANGE),)


def block(site: Site) -> Plan:
    plan: list[Aim | Remark] = []
    for route in accepted(site, some(site, http_routes(site), "HTTPRoute")):
        for number, rule in enumerate(rules(route)):
            if is_for(site, rule):
                unshared(site, f"rule {number} of {ref_of(site, route)}", rule["backendRefs"])
        plan += _blocked(site, ref_of(site, route))
    return (*plan, bypass(site, "its HTTPRoutes"))


def _blocked(site: Site, ref: Ref) -> list[Aim | Remark]:
    """Plan the held rules; a rule that another switch has already emptied stays empty, with a remark."""
    body = site.scene.look(ref).body
    now, original = tuple(site.scene.base(body, RULES)), rules(site.scene.original(body))
    aim = Aim(ref, RULES, [_without(site, *pair) for pair in zip(now, original, strict=True)])
    if now == original:
        return [aim]
    text = f"another switch holds {RULES} of {ref} too: what it blocks there stays blocked until both are released"
    return [aim, Remark(Reason.TRAFFIC_BYPASS, text)]


def _without(site: Site, rule: Body, was: Body) -> Body:
    """Return the rule without the Service. All filters go too, as one may respond itself or reach a backend."""
    if is_for(site, was):
        return {key: value for key, value in rule.items() if key not in ("backendRefs", "filters")}
    if not any(mirrors(site, one) for one in rule.get("filters") or ()):
        return rule
    return {**rule, "filters": [one for one in rule["filters"] if not mirrors(site, one)]}
