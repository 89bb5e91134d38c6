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
from runbook_operator.actions.traffic.traffic_target import TrafficTarget
from runbook_operator.core.desired_fields import DesiredField, Remark
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

RIGHTS = (Right("gateway.networking.k8s.io", "httproutes", CHANGE),)


def block(traffic_target: TrafficTarget) -> Plan:
    plan: list[DesiredField | Remark] = []
    for route in accepted(traffic_target, some(traffic_target, http_routes(traffic_target), "HTTPRoute")):
        for number, rule in enumerate(rules(route)):
            if is_for(traffic_target, rule):
                unshared(traffic_target, f"rule {number} of {ref_of(traffic_target, route)}", rule["backendRefs"])
        plan += _blocked(traffic_target, ref_of(traffic_target, route))
    return (*plan, bypass(traffic_target, "its HTTPRoutes"))


def _blocked(traffic_target: TrafficTarget, ref: Ref) -> list[DesiredField | Remark]:
    """Plan the held rules; a rule that another switch has already emptied stays empty, with a remark."""
    body = traffic_target.context.require(ref).body
    now, original = tuple(traffic_target.context.base(body, RULES)), rules(traffic_target.context.original(body))
    desired = DesiredField(ref, RULES, [_without(traffic_target, *pair) for pair in zip(now, original, strict=True)])
    if now == original:
        return [desired]
    text = f"another switch also holds {RULES} of {ref}: what it blocks there stays blocked until both are released"
    return [desired, Remark(Reason.TRAFFIC_BYPASS, text)]


def _without(traffic_target: TrafficTarget, rule: Body, was: Body) -> Body:
    """Return the rule without the Service and without filters: a filter may respond itself or reach a backend."""
    if is_for(traffic_target, was):
        return {key: value for key, value in rule.items() if key not in ("backendRefs", "filters")}
    if not any(mirrors(traffic_target, one) for one in rule.get("filters") or ()):
        return rule
    return {**rule, "filters": [one for one in rule["filters"] if not mirrors(traffic_target, one)]}
