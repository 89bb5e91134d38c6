"""Istio: add an AuthorizationPolicy or EnvoyFilter on the Service's pods, in addition to existing ones."""

from typing import Any

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.action_rights import OWN, READ, Right
from runbook_operator.actions.traffic import istio_mesh
from runbook_operator.actions.traffic.istio_mesh import AMBIENT, SIDECAR, in_mesh
from runbook_operator.actions.traffic.policy_acceptance import by_hand
from runbook_operator.actions.traffic.request_limits import Rate, multiplied
from runbook_operator.actions.traffic.traffic_target import TrafficTarget
from runbook_operator.core.desired_fields import DesiredField
from runbook_operator.core.queries import read_together

RIGHTS = (
    Right("", "pods", READ),
    Right("security.istio.io", "authorizationpolicies", OWN),
    Right("networking.istio.io", "envoyfilters", OWN),
    *istio_mesh.RIGHTS,
)
FILTER = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
CONNECTIONS = "envoy.filters.network.http_connection_manager"
WHOLE = {"numerator": 100, "denominator": "HUNDRED"}


def block(traffic_target: TrafficTarget) -> Plan:
    labels, port = traffic_target.pods(), traffic_target.pod_port()
    # A rule may name only a port, since HTTP attributes would match TCP as well. An empty rule matches everything.
    rule: dict[str, Any] = {"to": [{"operation": {"ports": [str(port)]}}]} if port else {}
    spec = {"selector": {"matchLabels": labels}, "action": "DENY", "rules": [rule]}
    made = _made(traffic_target, "security.istio.io/v1", "AuthorizationPolicy", "block", spec)
    remarks = in_mesh(traffic_target, SIDECAR, AMBIENT)
    check = f"istioctl x authz check {_proxies(traffic_target)} lists {made.ref.name}"
    return (made, *remarks, by_hand(str(made.ref), check))


def limit(traffic_target: TrafficTarget, rate: Rate) -> Plan:
    labels, port = traffic_target.pods(), traffic_target.pod_port()
    listener = {"filterChain": {"filter": {"name": CONNECTIONS}}, **({"portNumber": port} if port else {})}
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": listener},
        "patch": {"operation": "INSERT_BEFORE", "value": _filter(rate)},
    }
    spec = {"workloadSelector": {"labels": labels}, "configPatches": [patch]}
    made = _made(traffic_target, "networking.istio.io/v1alpha3", "EnvoyFilter", "limit", spec)
    remarks = in_mesh(traffic_target, SIDECAR)
    check = f"istioctl proxy-config listener {_proxies(traffic_target)} -o json | grep local_ratelimit finds it"
    return (made, *remarks, multiplied(rate, "pod"), by_hand(str(made.ref), check))


def _made(traffic_target: TrafficTarget, api_version: str, kind: str, what: str, spec: dict[str, Any]) -> DesiredField:
    """Plan the object, reading it and the pods together; without the kind in the cluster nothing else is read."""
    made: DesiredField
    made, _ = read_together(lambda: traffic_target.made(api_version, kind, what, spec=spec), traffic_target.found_pods)
    return made


def _proxies(traffic_target: TrafficTarget) -> str:
    """Return the istioctl arguments that select a pod of the target."""
    workload, namespace = traffic_target.context.target.workload, traffic_target.ref.namespace
    return f"{workload.kind.lower()}/{workload.name} -n {namespace}" if workload else f"POD -n {namespace}"


def _filter(rate: Rate) -> dict[str, Any]:
    """Return the configuration of Envoy's local rate limit filter."""
    bucket = {"max_tokens": rate.at_once, "tokens_per_fill": rate.requests, "fill_interval": f"{rate.seconds}s"}
    value = {
        "stat_prefix": "http_local_rate_limiter",
        "token_bucket": bucket,
        "filter_enabled": {"runtime_key": "local_rate_limit_enabled", "default_value": WHOLE},
        "filter_enforced": {"runtime_key": "local_rate_limit_enforced", "default_value": WHOLE},
    }
    config = {"@type": "type.googleapis.com/udpa.type.v1.TypedStruct", "type_url": FILTER, "value": value}
    return {"name": "envoy.filters.http.local_ratelimit", "typed_config": config}
