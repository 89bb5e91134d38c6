"""blockTraffic on the real API server: what each mechanism writes, that it is held, and that all is given back."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.layout import here
from lab.up import Lab
from tests import traffic
from tests.e2e import api
from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.inside import Inside
from tests.e2e.traffic import accept, delete, engaged, items, make_kinds, patch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "07-traffic"
IN_MESH = {"sidecar.istio.io/status": "{}"}


@pytest.fixture(autouse=True)
def _kinds(_crds: None) -> None:
    make_kinds()


@dataclass(frozen=True)
class Snapshot:
    """Where one mechanism fits: `kinds` are those that it writes, `fight` is what somebody else does to one of them."""

    objects: tuple[Body, ...]
    kinds: tuple[str, ...]
    fight: Callable[[Cluster], None]
    verify: Body | None = None


def taken_back(kind: str, body: Body) -> Callable[[Cluster], None]:
    return lambda cluster: patch(cluster, kind, "web", body)


def deleted(kind: str) -> Callable[[Cluster], None]:
    return lambda cluster: delete(cluster, kind, "shop-stop-web-block")


PLAIN = traffic.service(clusterIP=None)
LOGIN = {"name": "login"}
DENY = "nginx.ingress.kubernetes.io/denylist-source-range"
WORLDS: dict[str, Snapshot] = {
    "ServiceSelector": Snapshot(
        (PLAIN,), ("Service",), taken_back("Service", {"spec": {"selector": {"runbooks.dev/blocked": None}}})
    ),
    "HTTPRoute": Snapshot(
        (PLAIN, traffic.http_route("web", traffic.rule("web"), traffic.rule("api", path="/api"))),
        ("HTTPRoute",),
        taken_back("HTTPRoute", {"spec": {"rules": [traffic.rule("web")]}}),
    ),
    "EnvoyGateway": Snapshot((PLAIN, traffic.http_route()), ("BackendTrafficPolicy",), deleted("BackendTrafficPolicy")),
    "Istio": Snapshot((PLAIN,), ("AuthorizationPolicy",), deleted("AuthorizationPolicy")),
    "Traefik": Snapshot(
        (PLAIN, traffic.ingress_route("web", traffic.traefik_route("Path(`/[a-z]`)", "web", middlewares=[LOGIN]))),
        ("Middleware", "IngressRoute"),
        taken_back(
            "IngressRoute",
            {"spec": {"routes": [traffic.traefik_route("Path(`/[a-z]`)", "web", middlewares=[LOGIN])]}},
        ),
    ),
    "Kong": Snapshot(
        (
            traffic.service(clusterIP=None, meta={"annotations": {"konghq.com/plugins": "cors"}}),
            traffic.ingress(of="kong"),
            traffic.kong_plugin("cors", "cors"),
        ),
        ("KongPlugin", "Service"),
        deleted("KongPlugin"),
    ),
    "Ingress": Snapshot(
        (PLAIN, traffic.ingress()), ("Ingress",), taken_back("Ingress", {"metadata": {"annotations": {DENY: None}}})
    ),
    "NetworkPolicy": Snapshot((PLAIN,), ("NetworkPolicy",), deleted("NetworkPolicy"), verify={"path": "/health"}),
}
every_mechanism = pytest.mark.parametrize("name", sorted(WORLDS))


def meshed() -> Body:
    """The Deployment, whose pods say that they are in the mesh."""
    body = deployment(replicas=1)
    body["spec"]["template"]["metadata"]["annotations"] = IN_MESH
    return body


def switches(name: str, *switch_names: str) -> list[Body]:
    verify = {"verify": WORLDS[name].verify} if WORLDS[name].verify else {}
    action = {"blockTraffic": {"target": "web", "through": [name], **verify}}
    return [{"name": one, "actions": [action]} for one in switch_names]


def applied(cluster: Cluster, name: str, *more: str) -> Body:
    """The mechanism's world, and switches that are ready to be thrown; returns what there is."""
    names = ("stop", *more)
    cluster.apply(meshed(), *WORLDS[name].objects)
    accept(cluster)
    if name == "Istio":
        eventually("there is a pod", lambda: cluster.run("get", "pods", "-o", "name"))
    cluster.apply(runbook(targets=[traffic.TARGET], killSwitches=switches(name, *names), scaling=[]))
    for one in names:
        cluster.until_reason("switch", f"shop-{one}", "Ready")
    return state(cluster, name)


def state(cluster: Cluster, name: str) -> dict[str, Any]:
    return {kind: items(cluster, kind) for kind in WORLDS[name].kinds}


@pytest.fixture
def somewhere(request: pytest.FixtureRequest, name: str) -> Operator:
    """An operator; what is verified needs one from whose network the Service is reached, or else is not."""
    running: Operator = request.getfixturevalue("inside" if WORLDS[name].verify else "operator")
    return running


@every_mechanism
def test_block_is_applied_reapplied_and_restored(cluster: Cluster, somewhere: Operator, name: str) -> None:
    before = applied(cluster, name)

    cluster.throw("shop-stop")
    engaged(cluster, "shop-stop")

    blocked = state(cluster, name)
    assert blocked != before
    WORLDS[name].fight(cluster)
    eventually("it is put back", lambda: cluster.events("DriftCorrected") and state(cluster, name) == blocked)
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert state(cluster, name) == before
    assert somewhere.alive


@every_mechanism
def test_two_switches_block_until_both_are_released(cluster: Cluster, somewhere: Operator, name: str) -> None:
    before = applied(cluster, name, "halt")

    for first, last in (("shop-stop", "shop-halt"), ("shop-halt", "shop-stop")):
        for one in ("shop-stop", "shop-halt"):
            cluster.throw(one)
            engaged(cluster, one)
        cluster.release(first)
        cluster.until_phase(first, "Released")
        assert state(cluster, name) != before
        assert cluster.phase(last) == "Engaged"
        cluster.release(last)
        cluster.until_phase(last, "Released")
        assert state(cluster, name) == before
    assert somewhere.alive


def test_switch_with_a_losing_policy_is_not_ready_and_names_the_winner(cluster: Cluster, operator: Operator) -> None:
    route = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}
    cluster.apply(PLAIN, traffic.http_route(), traffic.traffic_policy("limits", targetRefs=[route]))
    cluster.apply(runbook(targets=[traffic.TARGET], killSwitches=switches("EnvoyGateway", "stop"), scaling=[]))

    said = cluster.until_reason("switch", "shop-stop", "NoTrafficMechanism")

    assert (
        "BackendTrafficPolicy/limits is attached to HTTPRoute/web already, and only the oldest policy applies;"
        in said["message"]
    )
    assert operator.alive


def test_second_service_and_shared_workloads_are_reported(cluster: Cluster, operator: Operator) -> None:
    second = traffic.service("web-headless", selector={"app": "web"}, clusterIP="None")
    other = deployment(replicas=1)
    other["metadata"]["name"] = "web-v2"
    for part in (other["spec"]["selector"]["matchLabels"], other["spec"]["template"]["metadata"]["labels"]):
        part["version"] = "v2"
    cluster.apply(PLAIN, second, deployment(replicas=1), other)
    cluster.apply(runbook(targets=[traffic.TARGET], killSwitches=switches("ServiceSelector", "stop"), scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")

    cluster.throw("shop-stop")
    record = cluster.until_phase("shop-stop", "Engaged")["status"]["record"]

    said = {one["reason"]: one["message"] for one in record["remarks"]}
    assert said["TrafficBypass"].startswith("Service/web-headless may lead to the same pods as Service/web")
    assert "Deployment/web-v2, which are affected as well" in said["OthersAffected"]
    eventually("it is told", lambda: cluster.events("TrafficBypass") and cluster.events("OthersAffected"))
    assert operator.alive


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"through": ["ServiceSelector", "NetworkPolicy"]}, "NetworkPolicy needs verify"),
        ({"through": ["HTTPRoute"], "verify": {}}, "name the gateway's Service,"),
        ({"through": ["Firewall"]}, "Unsupported value"),
        ({"verify": {"service": "../../kube-system/services/dns"}}, "should match"),
        ({"verify": {"path": "@example.org/"}}, "should match"),
    ],
)
def test_unworkable_block_is_refused_on_apply(cluster: Cluster, spec: Body, says: str) -> None:
    action = {"blockTraffic": {"target": "web", **spec}}

    said = cluster.refused(
        runbook(targets=[traffic.TARGET], killSwitches=[{"name": "stop", "actions": [action]}], scaling=[])
    )

    assert says in said


def test_example_limit_is_applied(cluster: Cluster, operator: Operator) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    for name in ("store-block", "store-slow"):
        cluster.until_reason("switch", name, "Ready")

    cluster.throw("store-slow")

    cluster.until_phase("store-slow", "Engaged")
    annotations = items(cluster, "Ingress")["store"]["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/limit-rps"] == "10"
    assert cluster.events("LimitMultiplied")
    assert cluster.events("MechanismRetired")
    assert operator.alive


def addresses(cluster: Cluster) -> list[str]:
    where = f"/apis/discovery.k8s.io/v1/namespaces/{cluster.namespace}/endpointslices"
    slices = api.get(f"{where}?labelSelector=kubernetes.io/service-name=store")["items"]
    ends = [end for one in slices for end in one["endpoints"] or () if end["conditions"].get("ready")]
    return [address for end in ends for address in end["addresses"]]


ASK = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=2).status)
except OSError as error:
    print(type(error).__name__)
"""


def asked(cluster: Cluster) -> str:
    """What the Service answers to who asks its address inside of the lab's network."""
    address = items(cluster, "Service")["store"]["spec"]["clusterIP"]
    command = Lab(here()).run_inside([sys.executable, "-c", ASK, f"http://{address}/health"])
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


@pytest.mark.node
def test_example_block_drains_endpoints_and_engages_once_unanswered(
    cluster: Cluster, inside: Inside, node: str
) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    eventually("two pods are reached", lambda: len(addresses(cluster)) == 2, seconds=ROLLOUT)
    eventually("kube-proxy has followed", lambda: asked(cluster) == "200", seconds=ROLLOUT)
    cluster.until_reason("switch", "store-block", "Ready")

    cluster.throw("store-block")

    cluster.until_phase("store-block", "Engaged")
    assert addresses(cluster) == []
    assert asked(cluster) == "URLError"
    assert cluster.run("get", "pods", "-l", "app=store", "-o", "name").count("pod/") == 2
    cluster.release("store-block")
    cluster.until_phase("store-block", "Released")
    eventually("the pods are reached again", lambda: asked(cluster) == "200")
    assert inside.alive
    assert node


@pytest.mark.node
def test_block_without_effect_is_not_engaged_and_can_be_released(cluster: Cluster, inside: Inside, node: str) -> None:
    """The lab's network enforces no NetworkPolicy, as many do not: only the request tells."""
    cluster.run("apply", "-f", str(EXAMPLE / "app.yaml"))
    eventually("two pods are reached", lambda: len(addresses(cluster)) == 2, seconds=ROLLOUT)
    eventually("kube-proxy has followed", lambda: asked(cluster) == "200", seconds=ROLLOUT)
    spec = {"target": "web", "through": ["NetworkPolicy"], "verify": {"path": "/health"}}
    target = {"name": "web", "service": {"name": "store"}}
    action = {"blockTraffic": spec, "timeout": "3s"}
    cluster.apply(runbook(targets=[target], killSwitches=[{"name": "stop", "actions": [action]}], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")

    cluster.throw("shop-stop")

    said = cluster.until_reason("switch", "shop-stop", "NotVerified")
    assert said["message"] == "Service/store still answers with 200"
    eventually("a person is asked", lambda: cluster.condition("switch", "shop-stop", "Stalled").get("status") == "True")
    assert items(cluster, "NetworkPolicy")
    cluster.scale(0, "store")
    cluster.until_phase("shop-stop", "Engaged")
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert items(cluster, "NetworkPolicy") == {}
    assert inside.alive
    assert node
