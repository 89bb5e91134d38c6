"""As test_admission_campaign, for pod templates, enforced probes, and the objects of traffic mechanisms.

No gateway runs here. The tests check how often the operator writes an object that admission changes, what it reports,
and that a release leaves nothing of it.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests import traffic
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.policies import Changing, policy, remove, to, writes
from tests.e2e.test_probes import container, endpoint, finalizers, path, service, until_told, workload
from tests.e2e.test_probes import declare as declare_probes
from tests.e2e.test_rollback import three_versions, version
from tests.e2e.traffic import PLACES, accept, engaged, items, make_kinds

MOST = 10
TRIED: Body = {"metadata": {"annotations": {"tried": "now"}}}
PLAIN = traffic.service(clusterIP=None)
DENY = "nginx.ingress.kubernetes.io/denylist-source-range"
OTHER = [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "other"}]
PODS = {"matchLabels": {"app": "decoy"}}
BUCKET = ("spec", "configPatches", 0, "patch", "value", "typed_config", "value", "token_bucket", "max_tokens")


def under(*steps: str | int) -> str:
    """The JSON pointer of a path."""
    return "".join(f"/{step}" for step in steps)


def filtering(tokens: int) -> Body:
    """The spec of an EnvoyFilter with a bucket of so many tokens."""
    found: Any = tokens
    for step in reversed(BUCKET[1:]):
        found = [found] if isinstance(step, int) else {step: found}
    return {"workloadSelector": {"labels": {"app": "decoy"}}, **found}


@dataclass(frozen=True)
class Case:
    """An action through one mechanism, and what a policy makes of the object that it writes.

    `decoy` is an object of the kind, on which the policy is tried where the mechanism makes its own.
    """

    action: str
    through: str
    kind: str
    change: Changing
    objects: tuple[Body, ...]
    decoy: Body | None = None
    is_verified: bool = True
    """False where the switch asks for an answer that no gateway gives here, so that it is never Engaged."""

    @property
    def declared(self) -> Body:
        rate = {"requests": 10, "per": "Second"} if self.action == "rateLimit" else {}
        verify = {} if self.is_verified else {"verify": {"path": "/health"}}
        return {self.action: {"target": "web", "through": [self.through], **rate, **verify}}

    @property
    def beside(self) -> Changing:
        """A policy that sets a label of the object, which no mechanism writes."""
        label = to("/metadata/labels", "{'cost-center': '4711'}")
        shows = ("metadata", "labels", "cost-center")
        tried = {"metadata": {"labels": {"cost-center": "none"}}}
        return Changing(self.change.resource, label, tried, shows, "4711", self.change.group)


def changing(
    resource: str, group: str, shows: tuple[str | int, ...], value: Any, cel: str, tried: Body | None = None
) -> Changing:
    """A policy that sets the value at the path; `tried` sets another one where the object itself may have it."""
    return Changing(resource, to(under(*shows), cel), tried or TRIED, shows, value, group)


CASES = {
    "NetworkPolicy": Case(
        "blockTraffic",
        "NetworkPolicy",
        "NetworkPolicy",
        changing(
            "networkpolicies", "networking.k8s.io", ("spec", "podSelector", "matchLabels", "app"), "other", "'other'"
        ),
        (PLAIN,),
        traffic.network_policy("decoy", PODS, types=["Ingress"]),
        is_verified=False,
    ),
    "HTTPRoute": Case(
        "blockTraffic",
        "HTTPRoute",
        "HTTPRoute",
        changing(
            "httproutes",
            "gateway.networking.k8s.io",
            ("spec", "rules", 0, "matches", 0, "path", "value"),
            "/other",
            "'/other'",
            {"spec": {"rules": [traffic.rule(path="/none")]}},
        ),
        (PLAIN, traffic.http_route("web", traffic.rule("web"), traffic.rule("api", path="/api"))),
    ),
    "BackendTrafficPolicy": Case(
        "blockTraffic",
        "EnvoyGateway",
        "BackendTrafficPolicy",
        changing(
            "backendtrafficpolicies", "gateway.envoyproxy.io", ("spec", "targetRefs", 0, "name"), "nothing", "'nothing'"
        ),
        (PLAIN, traffic.http_route()),
        traffic.traffic_policy("decoy", targetRefs=OTHER),
    ),
    "BackendTrafficPolicy with a minimum": Case(
        "rateLimit",
        "EnvoyGateway",
        "BackendTrafficPolicy",
        changing(
            "backendtrafficpolicies",
            "gateway.envoyproxy.io",
            ("spec", "rateLimit", "local", "rules", 0, "limit", "requests"),
            100,
            "100",
        ),
        (PLAIN, traffic.http_route()),
        traffic.traffic_policy("decoy", targetRefs=OTHER, rateLimit={"local": {"rules": [{"limit": {"requests": 1}}]}}),
    ),
    "AuthorizationPolicy": Case(
        "blockTraffic",
        "Istio",
        "AuthorizationPolicy",
        changing("authorizationpolicies", "security.istio.io", ("spec", "action"), "ALLOW", "'ALLOW'"),
        (PLAIN,),
        traffic.made("security.istio.io/v1", "AuthorizationPolicy", "decoy", spec={"action": "DENY"}),
    ),
    "EnvoyFilter with a minimum": Case(
        "rateLimit",
        "Istio",
        "EnvoyFilter",
        changing("envoyfilters", "networking.istio.io", BUCKET, 100, "100"),
        (PLAIN,),
        traffic.made("networking.istio.io/v1alpha3", "EnvoyFilter", "decoy", spec=filtering(1)),
    ),
    "Middleware": Case(
        "rateLimit",
        "Traefik",
        "Middleware",
        changing("middlewares", "traefik.io", ("spec", "rateLimit", "average"), 100, "100"),
        (PLAIN, traffic.ingress_route()),
        traffic.made("traefik.io/v1alpha1", "Middleware", "decoy", spec={"rateLimit": {"average": 1}}),
    ),
    "KongPlugin": Case(
        "blockTraffic",
        "Kong",
        "KongPlugin",
        changing("kongplugins", "configuration.konghq.com", ("config", "status_code"), 200, "200"),
        (PLAIN, traffic.ingress(of="kong")),
        traffic.made("configuration.konghq.com/v1", "KongPlugin", "decoy", plugin="other", config={"status_code": 1}),
    ),
    "Ingress": Case(
        "blockTraffic",
        "Ingress",
        "Ingress",
        Changing(
            "ingresses",
            to(f"/metadata/annotations/{DENY.replace('/', '~1')}", "'10.0.0.0/8'"),
            {"metadata": {"annotations": {DENY: "none"}}},
            ("metadata", "annotations", DENY),
            "10.0.0.0/8",
            "networking.k8s.io",
        ),
        (PLAIN, traffic.ingress()),
    ),
}


@pytest.fixture(autouse=True)
def _kinds(_crds: None) -> None:
    make_kinds()


def meshed() -> Body:
    """The Deployment, whose pods are in a mesh."""
    body = deployment(replicas=1)
    body["spec"]["template"]["metadata"]["annotations"] = {"sidecar.istio.io/status": "{}"}
    return body


def declare(cluster: Cluster, case: Case) -> None:
    decoys = (case.decoy,) if case.decoy else ()
    cluster.apply(meshed(), *case.objects, *decoys)
    accept(cluster)
    eventually("there is a pod", lambda: cluster.run("get", "pods", "-o", "name"))
    entry = {"name": "stop", "actions": [case.declared]}
    cluster.apply(runbook(targets=[traffic.TARGET], killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")


def without_label(objects: dict[str, Body]) -> dict[str, Body]:
    """The objects without what the policies have set beside the field; a policy's label outlives it."""
    return {name: {**one, "metadata": {**one["metadata"], "labels": {}}} for name, one in objects.items()}


def until_over(cluster: Cluster, before: dict[str, Body], kind: str) -> None:
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert without_label(items(cluster, kind)) == without_label(before)


@pytest.mark.parametrize("name", CASES)
def test_policy_on_a_created_object_is_reported_and_the_object_removed(
    cluster: Cluster, operator: Operator, name: str
) -> None:
    case = CASES[name]
    declare(cluster, case)
    before = items(cluster, case.kind)
    where = f"{PLACES[case.kind].format(cluster.namespace)}/{'decoy' if case.decoy else 'web'}"

    done = writes(operator)
    with policy(cluster.namespace, case.change, where):
        cluster.throw("shop-stop")
        message = cluster.until_reason("switch", "shop-stop", "NotInForce")["message"]
        assert "kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations" in message
        assert 1 <= writes(operator) - done <= MOST
    until_over(cluster, before, case.kind)

    done = writes(operator)
    with policy(cluster.namespace, case.beside, where):
        cluster.throw("shop-stop")
        eventually("it is written", lambda: items(cluster, case.kind) != before)
        if case.is_verified:
            engaged(cluster, "shop-stop")
        until_over(cluster, before, case.kind)
    assert writes(operator) - done <= 4


LABEL = ("spec", "template", "metadata", "labels", "cost-center")
IMAGE = ("spec", "template", "spec", "containers", 0, "image")
PROBE = ("spec", "template", "spec", "containers", 0, "readinessProbe", "httpGet", "path")


def template(labels: Body | None = None, **container: Any) -> Body:
    """A patch of a pod template."""
    spec = {"containers": [{"name": "app", "image": "none"} | container]} if container else {}
    return {"spec": {"template": {"metadata": {"labels": labels or {}}, "spec": spec}}}


TEMPLATES = {
    "another field": changing("deployments", "apps", LABEL, "4711", "'4711'", template({"cost-center": "none"})),
    "the image": changing("deployments", "apps", IMAGE, "registry/app", "'registry/app'", template(image="none")),
}
NO_PROBE = template(readinessProbe={"httpGet": {"path": "/none", "port": 8080}})


@pytest.fixture
def where(cluster: Cluster) -> str:
    return api.path("deployment", cluster.namespace, "web")


@pytest.mark.parametrize(("name", "reason"), [("another field", "Engaged"), ("the image", "NotInForce")])
def test_rollback_under_a_policy_is_written_a_few_times_and_rolls_forward_at_release(
    cluster: Cluster, operator: Operator, where: str, name: str, reason: str
) -> None:
    three_versions(cluster)
    entry = {
        "name": "stop",
        "actions": [{"rollback": {"target": "web", "toRevision": 1, "rollForwardOnRelease": True}}],
    }
    cluster.apply(runbook(killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")

    with policy(cluster.namespace, TEMPLATES[name], where):
        cluster.throw("shop-stop")
        if reason == "Engaged":
            cluster.until_phase("shop-stop", "Engaged")
            assert cluster.events("AdmissionAdded")
        else:
            message = cluster.until_reason("switch", "shop-stop", reason)["message"]
            assert "a template that differs in spec.containers" in message
        assert version(cluster) == ""
        assert 1 <= writes(operator) <= MOST
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")

    assert version(cluster) == "3"


def test_enforced_probe_under_a_policy_is_written_a_few_times_and_restored(
    cluster: Cluster, operator: Operator, where: str
) -> None:
    cluster.apply(workload(readinessProbe={"httpGet": {"path": "/ready", "port": 8080}}), service())
    before, change = container(cluster), changing("deployments", "apps", PROBE, "/policy", "'/policy'", NO_PROBE)

    with policy(cluster.namespace, change, where):
        declare_probes(cluster, endpoint(enforce=True))
        until_told(cluster, "NotInForce")
        assert 1 <= writes(operator) <= MOST
        remove(cluster.namespace, change, where)
        until_told(cluster, "ProbeEnforced")
        assert path(cluster) == "/health/ready"
    declare_probes(cluster, endpoint())
    eventually("the probe is restored", lambda: finalizers(cluster) == [])
    assert container(cluster) == before

    done = writes(operator)
    with policy(cluster.namespace, TEMPLATES["another field"], where):
        declare_probes(cluster, endpoint(enforce=True))
        until_told(cluster, "ProbeEnforced")
        declare_probes(cluster, endpoint())
        eventually("the probe is restored", lambda: finalizers(cluster) == [])
    assert container(cluster) == before
    assert writes(operator) - done <= 2


def test_job_changed_by_a_policy_is_created_once_with_a_remark(cluster: Cluster, operator: Operator) -> None:
    pod = {"schedulerName": "nobody", "containers": [{"name": "job", "image": "runbooks.dev/demo-app:1.0"}]}
    action = {"runJob": {"job": {"template": {"spec": pod}}}}
    template = {"spec": {"restartPolicy": "Never", **pod}}
    decoy = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "decoy"}}
    cluster.apply(decoy | {"spec": {"suspend": True, "template": template}})
    cluster.apply(deployment(), runbook(killSwitches=[{"name": "stop", "actions": [action]}], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    change = changing("jobs", "batch", ("spec", "backoffLimit"), 3, "3", {"spec": {"backoffLimit": 1}})

    with policy(cluster.namespace, change, api.path("job", cluster.namespace, "decoy")):
        cluster.throw("shop-stop")
        record = eventually("a remark names it", lambda: remarked(cluster))

    assert "was made, and the API server stored something else" in record["NotInForce"]
    assert len(api.items("job", cluster.namespace)) == 2
    assert writes(operator) == 2, "it is made, and resumed"


def remarked(cluster: Cluster) -> dict[str, str]:
    """The remarks of the engagement by reason, once one says that a write is not in force."""
    record = cluster.get("switch", "shop-stop")["status"].get("record") or {}
    found = {one["reason"]: one["message"] for one in record.get("remarks", [])}
    return found if "NotInForce" in found else {}
