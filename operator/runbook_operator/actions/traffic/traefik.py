"""Traefik: create a Middleware and append it to the middlewares of the IngressRoutes' routes to the Service."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import CHANGE, OWN, Right
from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.policy_acceptance import answers, by_hand
from runbook_operator.actions.traffic.request_limits import Rate, multiplied
from runbook_operator.actions.traffic.service_routes import bypass, names, ref_of, unshared
from runbook_operator.actions.traffic.traffic_target import TrafficTarget, not_applicable
from runbook_operator.core.desired_fields import DesiredField
from runbook_operator.core.field_paths import quoted

API = "traefik.io/v1alpha1"
RIGHTS = (Right("traefik.io", "middlewares", OWN), Right("traefik.io", "ingressroutes", CHANGE))
NO_ADDRESS = "255.255.255.255/32"
"""Source range for a block: Traefik rejects a Middleware with an empty list, and then serves no route that names it."""


def block(traffic_target: TrafficTarget) -> Plan:
    desired_fields = _attached(traffic_target, "block", {"ipAllowList": {"sourceRange": [NO_ADDRESS]}})
    return (*desired_fields, bypass(traffic_target, "Traefik"), by_hand(str(desired_fields[0].ref), answers(403)))


def limit(traffic_target: TrafficTarget, rate: Rate) -> Plan:
    limits = {"average": rate.requests, "period": f"{rate.seconds}s", "burst": rate.at_once}
    # Count per requested host; by default Traefik counts per client.
    spec = {"rateLimit": {**limits, "sourceCriterion": {"requestHost": True}}}
    desired_fields, counted = (
        _attached(traffic_target, "limit", spec),
        multiplied(rate, "Traefik replica, for each host and route"),
    )
    return (
        *desired_fields,
        counted,
        by_hand(str(desired_fields[0].ref), f"{answers(429)}, asked more often than that"),
    )


def _attached(traffic_target: TrafficTarget, what: str, spec: dict[str, Any]) -> tuple[DesiredField, ...]:
    routes = [
        (body, route)
        for body in traffic_target.context.find(API, "IngressRoute")
        for route in _routes(traffic_target, body)
    ]
    if not routes:
        raise not_applicable(f"no IngressRoute of {API} leads to {traffic_target.ref}")
    middleware = traffic_target.made(API, "Middleware", what, spec=spec)
    name = middleware.ref.name
    return (
        middleware,
        *(
            DesiredField(ref_of(traffic_target, body), _rule_path(route, name), {"name": name})
            for body, route in routes
        ),
    )


def _routes(traffic_target: TrafficTarget, body: Body) -> Iterator[Body]:
    """Yield the routes of an IngressRoute that lead to the Service; raises Refused if one cannot be used."""
    matches = Counter(route["match"] for route in body["spec"]["routes"])
    for route in body["spec"]["routes"]:
        services = route.get("services") or ()
        if any(names(traffic_target, one) for one in services):
            unshared(traffic_target, f"a route of {ref_of(traffic_target, body)}", services)
            if matches[route["match"]] > 1:
                raise not_applicable(
                    f"{ref_of(traffic_target, body)} has two routes with the match {route['match']}; "
                    "merge them into one"
                )
            yield route


def _rule_path(route: Body, name: str) -> str:
    return f"spec.routes[match={quoted(route['match'])}].middlewares[name={name}]"
