"""Kong: create a KongPlugin and attach it to the Service by the annotation that lists its plugins."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import CHANGE, OWN, READ, Right
from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.policy_acceptance import answers, by_hand
from runbook_operator.actions.traffic.request_limits import Rate, multiplied
from runbook_operator.actions.traffic.service_routes import (
    GATEWAY_API,
    INGRESS,
    bypass,
    controllers,
    http_routes,
    ingresses,
    is_for,
    no_ingress,
    ref_of,
    rules,
    unshared,
)
from runbook_operator.actions.traffic.traffic_target import Site, is_switchs, unfit
from runbook_operator.core import field_paths
from runbook_operator.core.desired_fields import Aim

API, KIND = "configuration.konghq.com/v1", "KongPlugin"
PLUGINS = "konghq.com/plugins"
ATTACHED = f"metadata.annotations[{PLUGINS}]"
RIGHTS = (
    Right("configuration.konghq.com", "kongplugins", OWN),
    Right("", "services", CHANGE),
    Right("networking.k8s.io", "ingresses", READ),
    Right("gateway.networking.k8s.io", "httproutes", READ),
)
CONTROLLER, PREFIX = "konghq.com/", "konghq.com"


def block(site: Site) -> Plan:
    aims = _attached(site, "block", "request-termination", {"status_code": 503})
    return (*aims, bypass(site, "Kong"), by_hand(str(aims[0].ref), answers(503)))


def limit(site: Site, rate: Rate) -> Plan:
    if rate.at_once != rate.requests:
        raise unfit("it counts in fixed windows, which have no burst; leave burst out")
    # Count per Service; by default Kong counts per consumer.
    config = {rate.per.lower(): rate.requests, "policy": "local", "limit_by": "service"}
    aims, check = _attached(site, "limit", "rate-limiting", config), f"{answers(429)}, asked more often than that"
    return (*aims, multiplied(rate, "Kong node"), by_hand(str(aims[0].ref), check))


def _attached(site: Site, what: str, plugin: str, config: dict[str, Any]) -> tuple[Aim, Aim]:
    _, _, found = site.scene.find_all((GATEWAY_API, "HTTPRoute", ""), (INGRESS, "Ingress", ""), (API, KIND, ""))
    same = {body["metadata"]["name"]: is_switchs(body) for body in found if body.get("plugin") == plugin}
    for body in _routes(site):
        _check(body, same, plugin)
    attached = field_paths.put(site.service.body, ATTACHED, site.scene.base(site.service.body, ATTACHED))
    _check(attached, (name for name, switchs in same.items() if not switchs), plugin)
    made = site.made(API, KIND, what, plugin=plugin, config=config)
    # Kong applies one plugin of a kind, so this one replaces that of a switch that was thrown before.
    kept = [name for name in _plugins(attached) if name not in same]
    return (made, Aim(site.ref, ATTACHED, ",".join((*kept, made.ref.name))))


def _routes(site: Site) -> tuple[Body, ...]:
    """Return Kong's routes that lead to the Service; raises Refused if there are none."""
    routes = [body for body in http_routes(site) if _is_kongs(body)]
    for route in routes:
        for rule in filter(partial(is_for, site), rules(route)):
            unshared(site, f"a rule of {ref_of(site, route)}", rule["backendRefs"])
    found = (*routes, *ingresses(site, "kong", PREFIX))
    if not found:
        raise no_ingress(site, "HTTPRoute that Kong has accepted and no Ingress of Kong", PREFIX)
    return found


def _is_kongs(route: Body) -> bool:
    return any(name.startswith(CONTROLLER) for name in controllers(route))


def _check(holder: Body, same: Iterable[str], plugin: str) -> None:
    """Raise Refused if a plugin of the same kind is attached that takes precedence over ours or conflicts with it."""
    attached = _plugins(holder)
    for name in same:
        if name in attached:
            where = f"{holder['kind']}/{holder['metadata']['name']}"
            raise unfit(f"{KIND}/{name} on {where} is a {plugin} already, and Kong heeds one of them; edit that one")


def _plugins(holder: Body) -> list[str]:
    text = (holder["metadata"].get("annotations") or {}).get(PLUGINS, "")
    return [name.strip() for name in text.split(",") if name.strip()]
