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
from runbook_operator.actions.traffic.traffic_target import TrafficTarget, is_switchs, not_applicable
from runbook_operator.core import field_paths
from runbook_operator.core.desired_fields import DesiredField

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


def block(traffic_target: TrafficTarget) -> Plan:
    desired_fields = _attached(traffic_target, "block", "request-termination", {"status_code": 503})
    return (*desired_fields, bypass(traffic_target, "Kong"), by_hand(str(desired_fields[0].ref), answers(503)))


def limit(traffic_target: TrafficTarget, rate: Rate) -> Plan:
    if rate.at_once != rate.requests:
        raise not_applicable("it counts in fixed windows, which have no burst; remove burst")
    # Count per Service; by default Kong counts per consumer.
    config = {rate.per.lower(): rate.requests, "policy": "local", "limit_by": "service"}
    desired_fields, check = (
        _attached(traffic_target, "limit", "rate-limiting", config),
        f"{answers(429)}, asked more often than that",
    )
    return (*desired_fields, multiplied(rate, "Kong node"), by_hand(str(desired_fields[0].ref), check))


def _attached(
    traffic_target: TrafficTarget, what: str, plugin: str, config: dict[str, Any]
) -> tuple[DesiredField, DesiredField]:
    _, _, found = traffic_target.context.find_all(
        (GATEWAY_API, "HTTPRoute", ""), (INGRESS, "Ingress", ""), (API, KIND, "")
    )
    same = {body["metadata"]["name"]: is_switchs(body) for body in found if body.get("plugin") == plugin}
    for body in _routes(traffic_target):
        _check(body, same, plugin)
    attached = field_paths.with_value(
        traffic_target.service.body, ATTACHED, traffic_target.context.base(traffic_target.service.body, ATTACHED)
    )
    _check(attached, (name for name, switchs in same.items() if not switchs), plugin)
    made = traffic_target.made(API, KIND, what, plugin=plugin, config=config)
    # Kong applies one plugin of a kind, so this one replaces that of a switch that was thrown before.
    kept = [name for name in _plugins(attached) if name not in same]
    return (made, DesiredField(traffic_target.ref, ATTACHED, ",".join((*kept, made.ref.name))))


def _routes(traffic_target: TrafficTarget) -> tuple[Body, ...]:
    """Return Kong's routes that lead to the Service; raises Refused if there are none."""
    routes = [body for body in http_routes(traffic_target) if _is_kongs(body)]
    for route in routes:
        for rule in filter(partial(is_for, traffic_target), rules(route)):
            unshared(traffic_target, f"a rule of {ref_of(traffic_target, route)}", rule["backendRefs"])
    found = (*routes, *ingresses(traffic_target, "kong", PREFIX))
    if not found:
        raise no_ingress(traffic_target, "HTTPRoute that Kong has accepted and no Ingress of Kong", PREFIX)
    return found


def _is_kongs(route: Body) -> bool:
    return any(name.startswith(CONTROLLER) for name in controllers(route))


def _check(holder: Body, same: Iterable[str], plugin: str) -> None:
    """Raise Refused if a plugin of the same kind is attached that takes precedence over ours or conflicts with it."""
    attached = _plugins(holder)
    for name in same:
        if name in attached:
            where = f"{holder['kind']}/{holder['metadata']['name']}"
            raise not_applicable(
                f"{KIND}/{name} on {where} is already a {plugin} plugin, and Kong applies only one of them; "
                "edit that one"
            )


def _plugins(holder: Body) -> list[str]:
    text = (holder["metadata"].get("annotations") or {}).get(PLUGINS, "")
    return [name.strip() for name in text.split(",") if name.strip()]
