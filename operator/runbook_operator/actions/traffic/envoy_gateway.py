"""EnvoyGateway: create a BackendTrafficPolicy on the HTTPRoutes that lead to the Service."""

from typing import Any

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import OWN, READ, Right
from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.request_limits import Rate, multiplied
from runbook_operator.actions.traffic.service_routes import (
    GATEWAY_API,
    accepted,
    bypass,
    controllers,
    http_routes,
    ref_of,
    rules,
    some,
    unshared,
)
from runbook_operator.actions.traffic.traffic_target import TrafficTarget, is_own, is_switchs, not_applicable, selects
from runbook_operator.core.desired_fields import DesiredField

API, KIND = "gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy"
RIGHTS = (
    Right("gateway.networking.k8s.io", "httproutes", READ),
    Right("gateway.envoyproxy.io", "backendtrafficpolicies", OWN),
)
CONTROLLER = "gateway.envoyproxy.io/"


def block(traffic_target: TrafficTarget) -> Plan:
    abort = {"abort": {"httpStatus": 503, "percentage": 100}}
    return (_policy(traffic_target, "block", faultInjection=abort), bypass(traffic_target, "Envoy Gateway"))


def limit(traffic_target: TrafficTarget, rate: Rate) -> Plan:
    if rate.at_once != rate.requests:
        raise not_applicable("its burst is always the whole limit; remove burst")
    local = {"rules": [{"limit": {"requests": rate.requests, "unit": rate.per}}]}
    # Merge, so that the rest of the Gateway's own policy still applies to the route.
    policy = _policy(traffic_target, "limit", mergeType="StrategicMerge", rateLimit={"type": "Local", "local": local})
    return (policy, multiplied(rate, "Envoy replica, for each route"))


def _policy(traffic_target: TrafficTarget, what: str, **content: Any) -> DesiredField:
    _, policies = traffic_target.context.find_all((GATEWAY_API, "HTTPRoute", ""), (API, KIND, ""))
    routes = some(traffic_target, http_routes(traffic_target), "HTTPRoute")
    for route in routes:
        _check(traffic_target, route, policies)
    accepted(traffic_target, routes)
    names = [body["metadata"]["name"] for body in routes]
    targets = [{"group": GATEWAY_API.partition("/")[0], "kind": "HTTPRoute", "name": name} for name in names]
    return traffic_target.made(API, KIND, what, spec={"targetRefs": targets, **content})


def _check(traffic_target: TrafficTarget, route: Body, policies: tuple[Body, ...]) -> None:
    """Raise Refused if our policy on the route would have no effect, or would affect other Services."""
    ref, of = ref_of(traffic_target, route), controllers(route)
    if of and not any(name.startswith(CONTROLLER) for name in of):
        raise not_applicable(f"{ref} does not belong to Envoy Gateway but to {', '.join(sorted(of))}")
    for rule in rules(route):
        unshared(traffic_target, str(ref), rule.get("backendRefs") or ())
    for policy in policies:
        if _is_on(policy, route) and not is_own(policy, traffic_target.context) and not _blocks(policy):
            name = policy["metadata"]["name"]
            raise not_applicable(
                f"{KIND}/{name} is attached to {ref} already, and only the oldest policy applies; edit or "
                "remove that one"
            )


def _is_on(policy: Body, route: Body) -> bool:
    spec, meta = policy["spec"], route["metadata"]
    refs = (*(spec.get("targetRefs") or ()), *filter(None, (spec.get("targetRef"),)))
    named = any((one.get("kind"), one.get("name")) == ("HTTPRoute", meta["name"]) for one in refs)
    chosen = (one for one in spec.get("targetSelectors") or () if one.get("kind") == "HTTPRoute")
    return named or any(selects(one, meta.get("labels") or {}) for one in chosen)


def _blocks(policy: Body) -> bool:
    """True if it is a switch's block: while it exists, a limit has nothing to count and another block adds nothing."""
    return is_switchs(policy) and "faultInjection" in policy["spec"]
