"""A namespace with a Service, switches that block or limit its traffic, and what they hold."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.observed_object import Missing
from runbook_operator.core.queries import AccessReview, Find, ProbeResult, Query, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from tests import traffic
from tests.builders import Body, Simulation, workload_body
from tests.contract.rights import acts, asked, is_allowed, right

MESH = {"sidecar.istio.io/status": "{}"}
LOGIN = {"name": "login"}
WORLDS: dict[str, tuple[Body, ...]] = {
    "ServiceSelector": (),
    "HTTPRoute": (traffic.http_route(),),
    "EnvoyGateway": (traffic.http_route(controller=traffic.EG),),
    "Istio": (traffic.pod(annotations=MESH),),
    "Traefik": (traffic.ingress_route("web", traffic.traefik_route("Host(`a.b`)", "web", middlewares=[LOGIN])),),
    "Kong": (
        traffic.service(meta={"annotations": {"konghq.com/plugins": "cors"}}),
        traffic.ingress(of="kong"),
        traffic.kong_plugin("cors", "cors"),
    ),
    "Ingress": (traffic.ingress(meta={"annotations": {"owner": "shop"}}),),
    "NetworkPolicy": (traffic.pod(),),
}
GONE = ProbeResult(None, "no connection: Connection refused", "Unreachable")


@dataclass
class Namespace(Simulation):
    """A Simulation that lacks some kinds, and notes what it was asked."""

    unserved: frozenset[str] = frozenset()
    asked: set[Query] = field(default_factory=set)

    def answer(self, query: Query) -> Any:
        if not isinstance(query, AccessReview):
            self.asked.add(query)
        if isinstance(query, Find) and query.kind in self.unserved:
            return ()
        if isinstance(query, Read) and query.ref.kind in self.unserved:
            text = f"{query.ref}: the cluster serves no kind {query.ref.kind} in {query.ref.api_version}"
            missing = Missing(query.ref, Reason.KIND_NOT_FOUND, text)
            self.store.put_target(missing)
            return missing
        return super().answer(query)


def namespace(*objects: Body, unserved: tuple[str, ...] = (), **actions: Body) -> Namespace:
    """One with the Service web, and a switch for each of the `actions` by its name."""
    made = Namespace(unserved=frozenset(unserved))
    services = [] if any(one["kind"] == "Service" for one in objects) else [traffic.service()]
    for one in (workload_body(3), *services, *objects):
        made.with_object(one)
    switches = [{"name": name.replace("_", "-"), "actions": [action]} for name, action in actions.items()]
    made.with_runbook(targets=[traffic.TARGET], killSwitches=switches)
    for switch in switches:
        made.drive(str(switch["name"]))
    made.steps.clear()
    return made


def block(*through: str, target: str = "web", **rest: Any) -> Body:
    return {"blockTraffic": {"target": target, **({"through": list(through)} if through else {}), **rest}}


def limit(*through: str, requests: int = 10, per: str = "Second", **rest: Any) -> Body:
    spec = {"target": "web", "requests": requests, "per": per, **rest}
    return {"rateLimit": spec | ({"through": list(through)} if through else {})}


def held(simulation: Simulation, entry: str = "stop") -> list[tuple[str, str, Any]]:
    """What the record holds, in its order: the object, the field, the value."""
    record = simulation.status(entry).record
    assert record is not None
    return [(f"{one.kind}/{one.name}", one.field, one.held) for one in record.actions]


def refusal(simulation: Simulation, entry: str = "stop") -> str:
    """Why a switch that is idle could not be thrown."""
    ready = next(one for one in simulation.status(entry).conditions if one.type == "Ready")
    assert ready.status == "False", ready
    assert ready.reason == Reason.NO_TRAFFIC_MECHANISM, ready
    return ready.message


def remarks(simulation: Simulation, entry: str = "stop") -> list[str]:
    record = simulation.status(entry).record
    assert record is not None
    return [f"{one.reason}: {one.message}" for one in record.remarks]


def spec_of(simulation: Simulation, kind: str, name: str) -> Body:
    spec: Body = simulation.live(kind, name)["spec"]
    return spec


def everything(simulation: Simulation) -> dict[Ref, Any]:
    """Every object, without what each write changes; an annotation map that is empty counts as none, as for the API."""
    found = deepcopy(simulation.objects)
    for body in found.values():
        dropped = ("resourceVersion", "managedFields")
        meta = {key: value for key, value in body["metadata"].items() if key not in dropped}
        body["metadata"] = {key: value for key, value in meta.items() if (key, value) != ("annotations", {})}
    return found


def beyond_rights(simulation: Namespace, kind: str) -> list[object]:
    """What was written or asked without a right of the action."""
    writes = [effect for effect in acts(simulation) if not is_allowed(kind, *right(effect))]
    return [*writes, *(query for query in simulation.asked if not is_allowed(kind, *asked(query)))]


def action(name: str) -> Body:
    return block(name, verify={"path": "/"}) if name == "NetworkPolicy" else block(name)


def snapshot(name: str, *more: str) -> Namespace:
    """Where the mechanism fits; `more` are switches that do the same."""
    actions: dict[str, Any] = {switch: action(name) for switch in ("stop", *more)}
    made = namespace(*WORLDS[name], **actions)
    made.query_supply = GONE
    return made
