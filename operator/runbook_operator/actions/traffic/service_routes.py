"""Find the routes to a Service: HTTPRoutes of the Gateway API and Ingresses of the namespace."""

from collections.abc import Iterable, Iterator

from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.traffic_target import Site, unfit
from runbook_operator.core.desired_fields import Refused, Remark
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

RULES = "spec.rules"
GATEWAY_API = "gateway.networking.k8s.io/v1"
INGRESS = "networking.k8s.io/v1"
CONTROLLERS = ("alb", "azure", "cilium", "contour", "gce", "haproxy", "istio", "kong", "nginx", "traefik")
"""Usual names of ingress classes. The IngressClass itself is cluster-scoped, so it is not read."""


def http_routes(site: Site) -> tuple[Body, ...]:
    """Return the HTTPRoutes with a rule for the Service, including those that a switch has blocked."""
    found = map(site.scene.original, site.scene.find(GATEWAY_API, "HTTPRoute"))
    return tuple(body for body in found if any(leads(site, rule) for rule in rules(body)))


def some(site: Site, routes: tuple[Body, ...], kind: str) -> tuple[Body, ...]:
    """Return the routes; raises Refused if there are none."""
    if not routes:
        raise unfit(f"no {kind} leads to {site.ref}")
    return routes


def rules(route: Body) -> tuple[Body, ...]:
    return tuple(route["spec"].get("rules") or ())


def leads(site: Site, rule: Body) -> bool:
    """True if a rule, or a filter of it, sends requests to the Service."""
    return is_for(site, rule) or any(mirrors(site, one) for one in rule.get("filters") or ())


def is_for(site: Site, rule: Body) -> bool:
    """True if the Service is among the rule's backends."""
    return any(names(site, backend) for backend in rule.get("backendRefs") or ())


def mirrors(site: Site, one: Body) -> bool:
    return names(site, (one.get("requestMirror") or {}).get("backendRef") or {})


def names(site: Site, backend: Body) -> bool:
    """True if a reference in a Gateway API or Traefik route is to the Service."""
    kind = (backend.get("group") or "", backend.get("kind") or "Service")
    return kind == ("", "Service") and (backend.get("namespace") or site.ref.namespace, backend.get("name")) == (
        site.ref.namespace,
        site.ref.name,
    )


def unshared(site: Site, holder: str, backends: Iterable[Body]) -> None:
    """Raise Refused if the route also leads to another Service, which would be blocked as well."""
    for one in backends:
        if not names(site, one):
            other = f"{one.get('kind') or 'Service'}/{one.get('name')}"
            raise unfit(f"{holder} leads to {other} too, which would be hit as well; give {site.ref} one of its own")


def bypass(site: Site, way: str) -> Remark:
    return Remark(
        Reason.TRAFFIC_BYPASS, f"only what comes through {way} is blocked, not what reaches {site.ref} otherwise"
    )


def ref_of(site: Site, body: Body) -> Ref:
    return site.scene.ref(body["apiVersion"], body["kind"], body["metadata"]["name"])


def controllers(route: Body) -> set[str]:
    """Return the names of the Gateway controllers that have accepted a route; without any it is not in force."""
    parents = (route.get("status") or {}).get("parents") or ()
    return {str(parent.get("controllerName", "")) for parent in parents if _is_accepted(parent)}


def accepted(site: Site, routes: tuple[Body, ...]) -> tuple[Body, ...]:
    """Return the routes; raises Refused if no Gateway controller has accepted any of them."""
    if not any(map(controllers, routes)):
        names = ", ".join(str(ref_of(site, one)) for one in routes)
        raise unfit(f"no Gateway controller has accepted {names} (status.parents)")
    return routes


def ingresses(site: Site, controller: str, prefix: str) -> tuple[Body, ...]:
    """Return the controller's Ingresses that lead to the Service; `prefix` is that of its annotations."""
    return tuple(body for body in _leading(site) if _is_of(body, controller, prefix))


def no_ingress(site: Site, title: str, prefix: str) -> Refused:
    """Return the refusal for lack of an Ingress; it names one whose controller is unclear, if there is one."""
    unclear = [body for body in _leading(site) if not _names_a_controller(body)]
    if not unclear:
        return unfit(f"no {title} leads to {site.ref}")
    ref, name = ref_of(site, unclear[0]), _class(unclear[0])
    return unfit(
        f"no {title} leads to {site.ref}: {ref} has {f'the class {name}' if name else 'no class'}, which does not name "
        f"its controller; an annotation of {prefix}/ on it does"
    )


def _leading(site: Site) -> list[Body]:
    return [body for body in site.scene.find(INGRESS, "Ingress") if site.ref.name in services(body)]


def services(ingress: Body) -> tuple[str, ...]:
    """Return the names of the Services that an Ingress leads to."""
    return tuple(str(one["service"]["name"]) for one in _backends(ingress["spec"]) if one.get("service"))


def _backends(spec: Body) -> Iterator[Body]:
    if spec.get("defaultBackend"):
        yield spec["defaultBackend"]
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            yield path["backend"]


def _is_of(ingress: Body, controller: str, prefix: str) -> bool:
    """True if the Ingress's class names the controller, or it names none and has that controller's annotations."""
    annotations = ingress["metadata"].get("annotations") or {}
    return controller in _class(ingress) or (
        not _names_a_controller(ingress) and any(key.startswith(f"{prefix}/") for key in annotations)
    )


def _class(ingress: Body) -> str:
    annotations = ingress["metadata"].get("annotations") or {}
    return str(ingress["spec"].get("ingressClassName") or annotations.get("kubernetes.io/ingress.class", ""))


def _names_a_controller(ingress: Body) -> bool:
    return any(one in _class(ingress) for one in CONTROLLERS)


def _is_accepted(parent: Body) -> bool:
    found = parent.get("conditions") or ()
    return any((one.get("type"), one.get("status")) == ("Accepted", "True") for one in found)
