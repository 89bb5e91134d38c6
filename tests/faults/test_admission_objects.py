"""As test_admission_campaign, for pod templates, enforced probes, and the objects of traffic mechanisms.

No gateway runs here. The tests check how often the operator writes an object that admission changes, what it reports,
and that a release leaves nothing of it.
"""

from typing import Any

import pytest

from tests import traffic
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.policies import policy, remove, writes
from tests.e2e.probes import container, endpoint, finalizers, path, service, until_told, workload
from tests.e2e.probes import declare as declare_probes
from tests.e2e.rollbacks import three_versions, version
from tests.e2e.traffic import PLACES, accept, engaged, items, make_kinds
from tests.faults.admission_object_cases import CASES, Case, changing

MOST = 10


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

    assert "was created, and the API server stored something else" in record["NotInForce"]
    assert len(api.items("job", cluster.namespace)) == 2
    assert writes(operator) == 2, "it is made, and resumed"


def remarked(cluster: Cluster) -> dict[str, str]:
    """The remarks of the engagement by reason, once one says that a write is not in force."""
    record = cluster.get("switch", "shop-stop")["status"].get("record") or {}
    found = {one["reason"]: one["message"] for one in record.get("remarks", [])}
    return found if "NotInForce" in found else {}
