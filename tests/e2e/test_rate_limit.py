"""rateLimit on the real API server: what each mechanism writes, and that it is given back."""

from typing import Any

import pytest

from tests import traffic
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.traffic import items, make_kinds

PLAIN = traffic.service(clusterIP=None)
WORLDS: dict[str, tuple[tuple[Body, ...], tuple[str, ...]]] = {
    "EnvoyGateway": ((traffic.http_route(),), ("BackendTrafficPolicy",)),
    "Traefik": ((traffic.ingress_route(),), ("Middleware", "IngressRoute")),
    "Kong": ((traffic.ingress(of="kong"),), ("KongPlugin", "Service")),
    "Istio": ((), ("EnvoyFilter",)),
    "Ingress": ((traffic.ingress(),), ("Ingress",)),
}


@pytest.fixture(autouse=True)
def _kinds(_crds: None) -> None:
    make_kinds()


def limited(**spec: Any) -> Body:
    action = {"rateLimit": {"target": "web", "requests": 10, "per": "Second"} | spec}
    return runbook(targets=[traffic.TARGET], killSwitches=[{"name": "stop", "actions": [action]}], scaling=[])


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_it_is_limited_multiplied_as_it_says_and_given_back(cluster: Cluster, operator: Operator, name: str) -> None:
    objects, kinds = WORLDS[name]
    pods = deployment(replicas=1)
    pods["spec"]["template"]["metadata"]["annotations"] = {"sidecar.istio.io/status": "{}"}
    cluster.apply(pods, PLAIN, *objects)
    eventually("there is a pod", lambda: cluster.run("get", "pods", "-o", "name"))
    cluster.apply(limited(through=[name]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    before = {kind: items(cluster, kind) for kind in kinds}

    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    assert {kind: items(cluster, kind) for kind in kinds} != before
    eventually("it is told", lambda: cluster.events("LimitMultiplied"))
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert {kind: items(cluster, kind) for kind in kinds} == before
    assert operator.alive


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"requests": 0}, "should be greater than or equal to 1"),
        ({"burst": 0}, "should be greater than or equal to 1"),
        ({"per": "Day"}, "Unsupported value"),
        ({"through": []}, "should have at least 1 items"),
    ],
)
def test_no_limit_at_all_is_refused_when_it_is_applied(cluster: Cluster, spec: Body, says: str) -> None:
    assert says in cluster.refused(limited(**spec))
