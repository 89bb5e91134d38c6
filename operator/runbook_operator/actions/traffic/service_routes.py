"""Find the routes to a Service: HTTPRoutes of the Gateway API and Ingresses of the namespace."""

from collections.abc import Iterable, Iterator

from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.traffic_target import TrafficTarget, not_applicable
from runbook_operator.core.desired_fields import Refused, Remark
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

RULES = "spec.rules"
GATEWAY_API = "gateway.networking.k8s.io/v1"
INGRESS = "networking.k8s.io/v1"
CONTROLLERS = ("alb", "azure", "cilium", "contour", "gce", "haproxy", "istio", "kong", "nginx", "traefik")
"""Usual names of ingress classes. The IngressClass itself is cluster-scoped, so it is not read."""


def http_routes(traffic_target: TrafficTarget) -> tuple[Body, ...]:
    """Return the HTTPRoutes with a rule for the Service, including those that a switch has blocked."""
    found = map(traffic_target.context.original, traffic_target.context.find(GATEWAY_API, "HTTPRoute"))
    return tuple(body for body in found if any(leads(traffic_target, rule) for rule in rules(body)))


def some(traffic_target: TrafficTarget, routes: tuple[Body, ...], kind: str) -> tuple[Body, ...]:
    """Return the routes; raises Refused if there are none."""
    if not routes:
        raise not_applicable(f"no {kind} leads to {traffic_target.ref}")
    return routes


def rules(route: Body) -> tuple[Body, ...]:
    return tuple(route["spec"].get("rules") or ())


def leads(traffic_target: TrafficTarget, rule: Body) -> bool:
    """True if a rule, or a filter of it, sends requests to the Service."""
    return is_for(traffic_target, rule) or any(mirrors(traffic_target, one) for one in rule.get("filters") or ())


def is_for(traffic_target: TrafficTarget, rule: Body) -> bool:
    """True if the Service is among the rule's backends."""
    return any(names(traffic_target, backend) for backend in rule.get("backendRefs") or ())


def mirrors(traffic_target: TrafficTarget, one: Body) -> bool:
    return names(traffic_target, (one.get("requestMirror") or {}).get("backendRef") or {})


def names(traffic_target: TrafficTarget, backend: Body) -> bool:
    """True if a reference in a Gateway API or Traefik route is to the Service."""
    kind = (backend.get("group") or "", backend.get("kind") or "Service")
    return kind == ("", "Service") and (
        backend.get("namespace") or traffic_target.ref.namespace,
        backend.get("name"),
    ) == (
        traffic_target.ref.namespace,
        traffic_target.ref.name,
    )


def unshared(traffic_target: TrafficTarget, holder: str, backends: Iterable[Body]) -> None:
    """Raise Refused if the route also leads to another Service, which would be blocked as well."""
    for one in backends:
        if not names(traffic_target, one):
            other = f"{one.get('kind') or 'Service'}/{one.get('name')}"
            raise not_applicable(
                f"{holder} also leads to {other}, which would be affected too; create one for "
                f"{traffic_target.ref} alone"
            )


def bypass(traffic_target: TrafficTarget, way: str) -> Remark:
    return Remark(
        Reason.TRAFFIC_BYPASS,
        f"only traffic through {way} is blocked; requests that reach {traffic_target.ref} another way are not",
    )


def ref_of(traffic_target: TrafficTarget, body: Body) -> Ref:
    return traffic_target.context.ref(body["apiVersion"], body["kind"], body["metadata"]["name"])


def controllers(route: Body) -> set[str]:
    """Return the names of the Gateway controllers that have accepted a route; without any it is not in force."""
    parents = (route.get("status") or {}).get("parents") or ()
    return {str(parent.get("controllerName", "")) for parent in parents if _is_accepted(parent)}


def accepted(traffic_target: TrafficTarget, routes: tuple[Body, ...]) -> tuple[Body, ...]:
    """Return the routes; raises Refused if no Gateway controller has accepted any of them."""
    if not any(map(controllers, routes)):
        names = ", ".join(str(ref_of(traffic_target, one)) for one in routes)
        raise not_applicable(f"no Gateway controller has accepted {names} (status.parents)")
    return routes


def ingresses(traffic_target: TrafficTarget, controller: str, prefix: str) -> tuple[Body, ...]:
    """Return the controller's Ingresses that lead to the Service; `prefix` is that of its annotations."""
    return tuple(body for body in _leading(traffic_target) if _is_of(body, controller, prefix))


def no_ingress(traffic_target: TrafficTarget, title: str, prefix: str) -> Refused:
    """Return the refusal for lack of an Ingress; it names one whose controller is unclear, if there is one."""
    unclear = [body for body in _leading(traffic_target) if not _names_a_controller(body)]
    if not unclear:
        return not_applicable(f"no {title} leads to {traffic_target.ref}")
    ref, name = ref_of(traffic_target, unclear[0]), _class(unclear[0])
    return not_applicable(
        f"no {title} leads to {traffic_target.ref}: {ref} has {(f'the class {name}' if name else 'no class')}, which "
        f"does not name its controller; an annotation that begins with {prefix}/ names it"
    )


def _leading(traffic_target: TrafficTarget) -> list[Body]:
    return [
        body for body in traffic_target.context.find(INGRESS, "Ingress") if traffic_target.ref.name in services(body)
    ]


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
