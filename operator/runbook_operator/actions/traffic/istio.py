"""Istio: an AuthorizationPolicy or EnvoyFilter of the switch's own on the Service's pods, beside all that are there."""

from typing import Any

from runbook_operator.actions.base import Plan
from runbook_operator.actions.rights import OWN, READ, Right
from runbook_operator.actions.traffic.limit import Rate, multiplied
from runbook_operator.actions.traffic.site import Site, unfit
from runbook_operator.model.aims import Remark
from runbook_operator.model.reasons import Reason

RIGHTS = (
    Right("", "pods", READ),
    Right("security.istio.io", "authorizationpolicies", OWN),
    Right("networking.istio.io", "envoyfilters", OWN),
)
SIDECAR = "sidecar.istio.io/status"
AMBIENT = "ambient.istio.io/redirection"
FILTER = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
CONNECTIONS = "envoy.filters.network.http_connection_manager"
WHOLE = {"numerator": 100, "denominator": "HUNDRED"}


def block(site: Site) -> Plan:
    labels, remarks, port = site.pods(), _in_mesh(site, SIDECAR, AMBIENT), site.pod_port()
    # Attributes of HTTP would match TCP as well, so that a port is all that a rule may name. An empty rule fits all.
    rule: dict[str, Any] = {"to": [{"operation": {"ports": [str(port)]}}]} if port else {}
    spec = {"selector": {"matchLabels": labels}, "action": "DENY", "rules": [rule]}
    return (site.made("security.istio.io/v1", "AuthorizationPolicy", "block", spec=spec), *remarks)


def limit(site: Site, rate: Rate) -> Plan:
    labels, remarks, port = site.pods(), _in_mesh(site, SIDECAR), site.pod_port()
    listener = {"filterChain": {"filter": {"name": CONNECTIONS}}, **({"portNumber": port} if port else {})}
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": listener},
        "patch": {"operation": "INSERT_BEFORE", "value": _filter(rate)},
    }
    spec = {"workloadSelector": {"labels": labels}, "configPatches": [patch]}
    made = site.made("networking.istio.io/v1alpha3", "EnvoyFilter", "limit", spec=spec)
    return (made, *remarks, multiplied(rate, "pod"))


def _filter(rate: Rate) -> dict[str, Any]:
    """Envoy's own local rate limit."""
    bucket = {"max_tokens": rate.at_once, "tokens_per_fill": rate.requests, "fill_interval": f"{rate.seconds}s"}
    value = {
        "stat_prefix": "http_local_rate_limiter",
        "token_bucket": bucket,
        "filter_enabled": {"runtime_key": "local_rate_limit_enabled", "default_value": WHOLE},
        "filter_enforced": {"runtime_key": "local_rate_limit_enforced", "default_value": WHOLE},
    }
    config = {"@type": "type.googleapis.com/udpa.type.v1.TypedStruct", "type_url": FILTER, "value": value}
    return {"name": "envoy.filters.http.local_ratelimit", "typed_config": config}


def _in_mesh(site: Site, *marks: str) -> list[Remark]:
    """Raises Refused where no pod is in the mesh; where some are, the others are to be known."""
    pods = site.found_pods()
    outside = [one for one in pods if not set(marks) & set(one["metadata"].get("annotations") or {})]
    if not outside:
        return []
    if len(outside) == len(pods):
        raise unfit(f"no pod of {site.ref} is in the mesh: none has the annotation {' or '.join(marks)}")
    text = f"{len(outside)} of {len(pods)} pods of {site.ref} are not in the mesh, so that nothing stops their traffic"
    return [Remark(Reason.TRAFFIC_BYPASS, text)]
