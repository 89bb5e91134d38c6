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
from runbook_operator.actions.traffic.traffic_target import Site, unfit
from runbook_operator.core.desired_fields import Aim
from runbook_operator.core.field_paths import quoted

API = "traefik.io/v1alpha1"
RIGHTS = (Right("traefik.io", "middlewares", OWN), Right("traefik.io", "ingressroutes", CHANGE))
NOBODY = "255.255.255.255/32"
"""Source range for a block: Traefik rejects a Middleware with an empty list, and then serves no route that names it."""


def block(site: Site) -> Plan:
    aims = _attached(site, "block", {"ipAllowList": {"sourceRange": [NOBODY]}})
    return (*aims, bypass(site, "Traefik"), by_hand(str(aims[0].ref), answers(403)))


def limit(site: Site, rate: Rate) -> Plan:
    limits = {"average": rate.requests, "period": f"{rate.seconds}s", "burst": rate.at_once}
    # Count per requested host; by default Traefik counts per client.
    spec = {"rateLimit": {**limits, "sourceCriterion": {"requestHost": True}}}
    aims, counted = _attached(site, "limit", spec), multiplied(rate, "Traefik replica, for each host and route")
    return (*aims, counted, by_hand(str(aims[0].ref), f"{answers(429)}, asked more often than that"))


def _attached(site: Site, what: str, spec: dict[str, Any]) -> tuple[Aim, ...]:
    routes = [(body, route) for body in site.scene.find(API, "IngressRoute") for route in _routes(site, body)]
    if not routes:
        raise unfit(f"no IngressRoute of {API} leads to {site.ref}")
    middleware = site.made(API, "Middleware", what, spec=spec)
    name = middleware.ref.name
    return (middleware, *(Aim(ref_of(site, body), _place(route, name), {"name": name}) for body, route in routes))


def _routes(site: Site, body: Body) -> Iterator[Body]:
    """Yield the routes of an IngressRoute that lead to the Service; raises Refused if one cannot be used."""
    matches = Counter(route["match"] for route in body["spec"]["routes"])
    for route in body["spec"]["routes"]:
        services = route.get("services") or ()
        if any(names(site, one) for one in services):
            unshared(site, f"a route of {ref_of(site, body)}", services)
            if matches[route["match"]] > 1:
                raise unfit(f"{ref_of(site, body)} has two routes with the match {route['match']}; make them one")
            yield route


def _place(route: Body, name: str) -> str:
    return f"spec.routes[match={quoted(route['match'])}].middlewares[name={name}]"
