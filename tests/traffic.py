"""Objects by which traffic reaches a Service, as their APIs have them: only what the mechanisms look at."""

from typing import Any

from runbook_operator.core.references import API_VERSION

Body = dict[str, Any]
TARGET: Body = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}
EG = "gateway.envoyproxy.io/gatewayclass-controller"
KONG = "konghq.com/kic-gateway-controller"


def service(name: str = "web", *, meta: Body | None = None, **spec: Any) -> Body:
    usual = {
        "selector": {"app": name},
        "clusterIP": "10.0.0.7",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}],
    }
    return made("v1", "Service", name, meta, spec={key: one for key, one in (usual | spec).items() if one is not None})


def http_route(name: str = "web", *rules: Body, controller: str = EG, meta: Body | None = None) -> Body:
    """One that a controller has accepted; none has where that is empty."""
    status = {"status": {"parents": [reported(controller)]}} if controller else {}
    spec = {"parentRefs": [{"name": "gateway"}], "rules": list(rules) or [rule("web")]}
    return made("gateway.networking.k8s.io/v1", "HTTPRoute", name, meta, spec=spec, **status)


def reported(controller: str = EG, status: str = "True", **rest: Any) -> Body:
    """What a Gateway controller says of an object, in its status.parents or status.ancestors."""
    accepted = {"type": "Accepted", "status": status, "reason": "Accepted", "message": ""} | rest
    return {"controllerName": controller, "conditions": [accepted]}


def rule(*services: str, filters: list[Body] | None = None, path: str = "/") -> Body:
    """A rule as the API server gives it back, with its defaults written out."""
    refs = [{"group": "", "kind": "Service", "name": name, "port": 80, "weight": 1} for name in services]
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        **({"backendRefs": refs} if refs else {}),
        **({"filters": filters} if filters else {}),
    }


def mirror(name: str) -> Body:
    return {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": name, "port": 80}}}


def traffic_policy(name: str, *, meta: Body | None = None, **spec: Any) -> Body:
    return made("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", name, meta, spec=spec)


def ingress_route(name: str = "web", *routes: Body) -> Body:
    spec = {"entryPoints": ["web"], "routes": list(routes) or [traefik_route("Host(`shop.example.org`)", "web")]}
    return made("traefik.io/v1alpha1", "IngressRoute", name, spec=spec)


def traefik_route(match: str, *services: str, middlewares: list[Body] | None = None) -> Body:
    return {
        "match": match,
        "kind": "Rule",
        "services": [{"name": name, "port": 80} for name in services],
        **({"middlewares": middlewares} if middlewares else {}),
    }


def kong_plugin(name: str, plugin: str, *, meta: Body | None = None) -> Body:
    return made("configuration.konghq.com/v1", "KongPlugin", name, meta, plugin=plugin, config={})


def ingress(name: str = "web", *services: str, of: str = "nginx", meta: Body | None = None, **spec: Any) -> Body:
    """An Ingress of a class, with a path for each Service."""
    paths = [
        {"path": f"/{one}", "pathType": "Prefix", "backend": {"service": {"name": one, "port": {"number": 80}}}}
        for one in services or ("web",)
    ]
    rules = [{"host": "shop.example.org", "http": {"paths": paths}}]
    classed = {"ingressClassName": of} if of else {}
    return made("networking.k8s.io/v1", "Ingress", name, meta, spec={**classed, "rules": rules, **spec})


def network_policy(name: str, selector: Body, *ingress: Body, types: list[str] | None = None) -> Body:
    spec: Body = {"podSelector": selector, **({"ingress": list(ingress)} if ingress else {})}
    return made("networking.k8s.io/v1", "NetworkPolicy", name, spec=spec | ({"policyTypes": types} if types else {}))


def pod(name: str = "web-1", *, annotations: Body | None = None, labels: Body | None = None) -> Body:
    return made("v1", "Pod", name, {"labels": labels or {"app": "web"}, "annotations": annotations or {}}, spec={})


def made(api_version: str, kind: str, name: str, meta: Body | None = None, **content: Any) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name} | (meta or {}), **content}


def by_a_switch(uid: str = "uid-other") -> Body:
    """The metadata of what a switch has made."""
    return {"ownerReferences": [{"apiVersion": API_VERSION, "kind": "Switch", "name": "shop-other", "uid": uid}]}
