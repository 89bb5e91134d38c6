"""rateLimit on the real API server: what each mechanism writes, and that it is given back."""

from typing import Any

import pytest

from tests import traffic
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.traffic import accept, engaged, items, make_kinds, report

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
def test_limit_is_applied_with_its_multiplier_and_restored(cluster: Cluster, operator: Operator, name: str) -> None:
    objects, kinds = WORLDS[name]
    pods = deployment(replicas=1)
    pods["spec"]["template"]["metadata"]["annotations"] = {"sidecar.istio.io/status": "{}"}
    cluster.apply(pods, PLAIN, *objects)
    accept(cluster)
    eventually("there is a pod", lambda: cluster.run("get", "pods", "-o", "name"))
    cluster.apply(limited(through=[name]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    before = {kind: items(cluster, kind) for kind in kinds}

    cluster.throw("shop-stop")
    engaged(cluster, "shop-stop")

    assert {kind: items(cluster, kind) for kind in kinds} != before
    eventually("it is told", lambda: cluster.events("LimitMultiplied"))
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert {kind: items(cluster, kind) for kind in kinds} == before
    assert operator.alive


def test_stopped_deployment_in_no_mesh_is_not_limited(cluster: Cluster, operator: Operator) -> None:
    stop = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}
    slow = {"name": "slow", "actions": [{"rateLimit": {"target": "web", "requests": 10, "per": "Second"}}]}
    cluster.apply(deployment(replicas=1), PLAIN)
    eventually("there is a pod", lambda: cluster.run("get", "pods", "-o", "name"))
    cluster.apply(runbook(targets=[traffic.TARGET], killSwitches=[stop, slow], scaling=[]))
    cluster.until_reason("switch", "shop-slow", "NoTrafficMechanism")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    eventually("no pod is left", lambda: not cluster.run("get", "pods", "-o", "name"))

    cluster.throw("shop-slow")
    cluster.until_phase("shop-slow", "Stalled")

    said = cluster.until_reason("switch", "shop-slow", "NoTrafficMechanism")
    assert "has no pods now, and nothing declares that new ones join the mesh" in said["message"]
    assert items(cluster, "EnvoyFilter") == {}
    assert operator.alive


def test_policy_refused_by_its_controller_stalls_until_accepted(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(PLAIN, traffic.http_route())
    accept(cluster)
    cluster.apply(limited(through=["EnvoyGateway"]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    name = "shop-stop-web-limit"
    eventually("the policy is there", lambda: name in items(cluster, "BackendTrafficPolicy"))
    conflict = traffic.reported(status="False", reason="Conflicted", message="another policy is older")

    report(cluster, "BackendTrafficPolicy", name, {"ancestors": [conflict]})
    cluster.until_phase("shop-stop", "Stalled")
    said = cluster.until_reason("switch", "shop-stop", "NotAccepted")

    assert "Conflicted: another policy is older" in said["message"]
    report(cluster, "BackendTrafficPolicy", name, {"ancestors": [traffic.reported()]})
    cluster.until_phase("shop-stop", "Engaged")
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
def test_rate_without_limit_is_refused_on_apply(cluster: Cluster, spec: Body, says: str) -> None:
    assert says in cluster.refused(limited(**spec))
