"""Every mechanism by what is missing around the Service: none is chosen because nothing speaks against it."""

from typing import Any

import pytest

from runbook_operator.actions.block_traffic import MECHANISMS
from runbook_operator.actions.rate_limit import LIMITS
from runbook_operator.core.observed_object import Missing
from runbook_operator.core.queries import Denied, Query, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from tests import traffic
from tests.builders import NAMESPACE, Body, condition, workload_body
from tests.unit.actions.traffic import GONE, MESH, Namespace, action, block, limit, namespace, refusal, remarks

SPACE = Ref("v1", "Namespace", NAMESPACE, NAMESPACE)
PORTLESS = traffic.service(ports=None)
ORPHAN = traffic.http_route(controller="")
REFUSED_ROUTE = traffic.http_route(controller="") | {"status": {"parents": [traffic.reported(status="False")]}}
ROUTES: dict[str, tuple[Body, ...]] = {
    "HTTPRoute": (traffic.http_route(),),
    "EnvoyGateway": (traffic.http_route(),),
    "Traefik": (traffic.ingress_route(),),
    "Kong": (traffic.ingress(of="kong"),),
    "Ingress": (traffic.ingress(),),
}
APPLIES = ""
NO_PODS = "Service/web has no pods now, and nothing declares that new ones join the mesh"
NOT_ACCEPTED = "no Gateway controller has accepted HTTPRoute/web (status.parents)"
CASES: list[tuple[str, str, tuple[Body, ...], str]] = [
    # what takes the Service's endpoints away, or lies on its pods, needs nobody that leads there
    ("ServiceSelector", "no pods", (), APPLIES),
    ("ServiceSelector", "no routes", (traffic.pod(),), APPLIES),
    ("ServiceSelector", "no ports", (PORTLESS, traffic.pod()), APPLIES),
    ("NetworkPolicy", "no pods", (), APPLIES),
    ("NetworkPolicy", "no routes", (traffic.pod(),), APPLIES),
    ("Istio", "no pods", (), NO_PODS),
    ("Istio", "no pod in the mesh", (traffic.pod(),), "no pod of Service/web is in the mesh"),
    ("Istio", "no routes", (traffic.pod(annotations=MESH),), APPLIES),
    ("Istio", "no ports", (PORTLESS, traffic.pod(annotations=MESH)), APPLIES),
    # what acts in a gateway needs that gateway, and no pod
    ("HTTPRoute", "no pods", ROUTES["HTTPRoute"], APPLIES),
    ("HTTPRoute", "no routes", (), "no HTTPRoute leads to Service/web"),
    ("HTTPRoute", "no controller", (ORPHAN,), NOT_ACCEPTED),
    ("HTTPRoute", "no listener", (REFUSED_ROUTE,), NOT_ACCEPTED),
    ("EnvoyGateway", "no pods", ROUTES["EnvoyGateway"], APPLIES),
    ("EnvoyGateway", "no routes", (), "no HTTPRoute leads to Service/web"),
    ("EnvoyGateway", "no controller", (ORPHAN,), NOT_ACCEPTED),
    ("EnvoyGateway", "no listener", (REFUSED_ROUTE,), NOT_ACCEPTED),
    ("Traefik", "no pods", ROUTES["Traefik"], APPLIES),
    ("Traefik", "no routes", (), "no IngressRoute of traefik.io/v1alpha1 leads to Service/web"),
    ("Kong", "no pods", ROUTES["Kong"], APPLIES),
    ("Kong", "no routes", (), "no HTTPRoute that Kong has accepted and no Ingress of Kong leads to Service/web"),
    ("Kong", "no controller", (ORPHAN,), "no HTTPRoute that Kong has accepted and no Ingress of Kong leads"),
    ("Kong", "no class", (traffic.ingress(of=""),), "Ingress/web has no class, which does not name its controller"),
    ("Kong", "a class of a name of its own", (traffic.ingress(of="public"),), "Ingress/web has the class public"),
    ("Ingress", "no pods", ROUTES["Ingress"], APPLIES),
    ("Ingress", "no routes", (), "no Ingress of ingress-nginx leads to Service/web"),
    (
        "Ingress",
        "no class",
        (traffic.ingress(of=""),),
        "an annotation that begins with nginx.ingress.kubernetes.io/ names it",
    ),
    ("Ingress", "a class of a name of its own", (traffic.ingress(of="public"),), "Ingress/web has the class public"),
]
every_case = pytest.mark.parametrize(
    ("name", "objects", "why"), [pytest.param(n, o, w, id=f"{n}, {m}") for n, m, o, w in CASES]
)


def switch(name: str, kind: str) -> Body:
    return limit(name) if kind == "rateLimit" else action(name)


@every_case
@pytest.mark.parametrize("kind", ["blockTraffic", "rateLimit"])
def test_mechanism_applies_only_on_positive_evidence(name: str, objects: tuple[Body, ...], why: str, kind: str) -> None:
    if kind == "rateLimit" and name not in LIMITS:
        return
    simulation = namespace(*objects, stop=switch(name, kind))
    simulation.query_supply = GONE
    if why:
        assert why in refusal(simulation)
    made = len(simulation.objects)

    simulation.throw().drive()

    if why:
        assert condition(simulation.status(), "Engaged")[0] == "False"
        assert len(simulation.objects) == made
    else:
        assert simulation.status().phase == "Engaged"


def test_every_mechanism_is_in_the_table_with_and_without_pods() -> None:
    assert {name for name, missing, _, _ in CASES if missing == "no pods"} == set(MECHANISMS) | set(LIMITS)


def test_stopped_deployment_in_no_mesh_is_not_limited_by_istio() -> None:
    simulation = namespace(traffic.pod(), stop=limit())
    assert "no pod of Service/web is in the mesh" in refusal(simulation)

    simulation.remove(Ref("v1", "Pod", NAMESPACE, "web-1")).throw().drive()

    assert not [ref for ref in simulation.objects if ref.kind == "EnvoyFilter"]
    assert condition(simulation.status(), "Engaged")[0] == "False"
    assert NO_PODS in condition(simulation.status(), "Ready")[2]


def template(labels: Body | None = None, annotations: Body | None = None, **spec: Any) -> Body:
    meta = {"labels": {"app": "web"} | (labels or {}), "annotations": annotations or {}}
    return workload_body(0, template={"metadata": meta, "spec": {"containers": [{"name": "app"}]} | spec})


def space(**labels: str) -> Body:
    named = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "namespace": NAMESPACE, "labels": named},
    }


PROXY = {"name": "istio-proxy"}
REV, INJECT, MODE = "istio.io/rev", "sidecar.istio.io/inject", "istio.io/dataplane-mode"
IN: list[tuple[str, tuple[Body, ...], tuple[bool, bool]]] = [
    ("namespace with injection", (space(istio_injection="enabled"),), (True, True)),
    ("namespace with a revision", (space(**{REV: "canary"}),), (True, True)),
    ("namespace without injection", (space(istio_injection="disabled", **{REV: "canary"}),), (False, False)),
    ("namespace without labels", (space(),), (False, False)),
    ("ambient namespace", (space(**{MODE: "ambient"}),), (True, False)),
    ("ambient namespace, pods outside", (space(**{MODE: "ambient"}), template({MODE: "none"})), (False, False)),
    ("ambient pods", (template({MODE: "ambient"}),), (True, False)),
    ("template with the label", (template({INJECT: "true"}),), (True, True)),
    ("template with the annotation", (template(annotations={INJECT: "true"}),), (True, True)),
    ("template with a revision", (template({REV: "canary"}),), (True, True)),
    ("template without injection", (space(istio_injection="enabled"), template({INJECT: "false"})), (False, False)),
    ("sidecar in the template", (template(containers=[{"name": "app"}, PROXY]),), (True, True)),
    ("native sidecar in the template", (template(initContainers=[PROXY]),), (True, True)),
    ("injected by hand", (template(annotations=MESH),), (True, True)),
]


@pytest.mark.parametrize(("objects", "fits"), [pytest.param(o, f, id=i) for i, o, f in IN])
def test_istio_without_pods_is_decided_by_template_and_namespace(
    objects: tuple[Body, ...], fits: tuple[bool, bool]
) -> None:
    for switch, fit in zip((block("Istio"), limit("Istio")), fits, strict=True):
        simulation = namespace(*objects, stop=switch).throw().drive()

        assert (simulation.status().phase == "Engaged") == fit


def test_istio_without_pods_and_workload_is_decided_by_the_namespace() -> None:
    simulation = namespace(space(istio_injection="enabled"), stop=block("Istio"))
    target = {"name": "web", "service": {"name": "web"}}
    simulation.with_runbook(targets=[target], killSwitches=[{"name": "stop", "actions": [block("Istio")]}])

    assert simulation.throw().drive().status().phase == "Engaged"
    assert "check by hand: istioctl x authz check POD -n shop" in remarks(simulation)[0]


class Hidden(Namespace):
    """One whose Namespace object may not be read."""

    def answer(self, query: Query) -> Any:
        if query == Read(SPACE):
            missing = Missing(SPACE, Reason.FORBIDDEN, "Namespace/shop: the operator may not read it")
            self.store.put_target(missing)
            return Denied(missing.reason, missing.message)
        return super().answer(query)


def test_forbidden_namespace_read_is_no_evidence_for_istio() -> None:
    simulation = Hidden()
    for one in (workload_body(0), traffic.service()):
        simulation.with_object(one)
    simulation.with_runbook(targets=[traffic.TARGET], killSwitches=[{"name": "stop", "actions": [block("Istio")]}])

    assert "Namespace/shop: the operator may not read it" in refusal(simulation.drive())
