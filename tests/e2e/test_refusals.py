"""What this API server says when it refuses is what tests/refusals.py has, which tells the refusals apart."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from runbook_operator.core.api_refusals import refusal
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.refusals import REFUSED, Refused

PODS, MAPS, JOBS, ACCOUNTS = "api/v1/pods", "api/v1/configmaps", "apis/batch/v1/jobs", "api/v1/serviceaccounts"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


def pod(**spec: object) -> Body:
    container = {"name": "app", "image": "app"} | ({"resources": spec.pop("resources")} if "resources" in spec else {})
    return {"kind": "Pod", "metadata": {"name": "it"}, "spec": {"containers": [container], **spec}}


def limits(**limited: object) -> Body:
    return {"kind": "LimitRange", "metadata": {"name": "small"}, "spec": {"limits": [{"type": "Container"} | limited]}}


def quota(name: str, resource: str, hard: str) -> Body:
    return {"kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": {resource: hard}}}


JOB = {"metadata": {"name": "it"}, "spec": {"template": {"spec": pod()["spec"] | {"restartPolicy": "Never"}}}}
MAP: Body = {"metadata": {"name": "it"}, "data": {"a": "b"}}
BIG = {"limits": {"cpu": "2", "memory": "1Mi"}}
SMALL = {"max": {"cpu": "100m"}}
SETUPS: dict[str, tuple[Body | None, str, Body]] = {
    "quota": (quota("jobs", "count/jobs.batch", "0"), JOBS, JOB),
    "quota without a limit in the pod": (quota("compute", "limits.cpu", "1"), PODS, pod()),
    "limit range": (limits(**SMALL), PODS, pod(resources={"limits": {"cpu": "2"}})),
    "two limits": (limits(**SMALL, min={"memory": "10Mi"}), PODS, pod(resources=BIG)),
    "ratio of limits": (
        limits(maxLimitRequestRatio={"cpu": "2"}),
        PODS,
        pod(resources={"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}),
    ),
    "service account": (None, PODS, pod(serviceAccountName="gone")),
    "priority class": (None, PODS, pod(priorityClassName="gone")),
    "runtime class": (None, PODS, pod(runtimeClassName="gone")),
}


def answer(where: str, namespace: str, body: Body) -> Body:
    """The Status of a creation; the group's version stands before the namespace."""
    group, _, plural = where.rpartition("/")
    connection = http.client.HTTPConnection("127.0.0.1", api.proxy(), timeout=30)
    try:
        path = f"/{group}/namespaces/{namespace}/{plural}?dryRun=All"
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        found: Body = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return found


def compare(case: Refused, namespace: str, ask: Callable[[], Body]) -> None:
    """What is refused takes effect a moment after it was declared, and is then refused as noted."""

    def is_refused() -> Body:
        found = ask()
        return found if found.get("status") == "Failure" else {}

    found = eventually("it is refused", is_refused)
    assert found["message"].replace(namespace, "shop") == case.message
    assert (found["code"], found["reason"]) == (case.code, case.status_reason)
    told = refusal(found["code"], found, namespace)
    assert told is not None
    assert told.reason is case.reason


@pytest.mark.parametrize("name", SETUPS)
def test_quota_limits_and_references_are_refused_as_documented(cluster: Cluster, name: str) -> None:
    declared, where, body = SETUPS[name]
    if declared is not None:
        plural = f"{declared['kind'].lower()}s"
        api.create(f"/api/v1/namespaces/{cluster.namespace}/{plural}", declared)
    account = f"/api/v1/namespaces/{cluster.namespace}/serviceaccounts/default"
    eventually("pods may be made", lambda: api.get(account))

    compare(REFUSED[name], cluster.namespace, lambda: answer(where, cluster.namespace, body))


def test_pod_security_refuses_as_documented(cluster: Cluster) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    api.patch(f"/api/v1/namespaces/{cluster.namespace}", {"metadata": {"labels": labels}})
    account = f"/api/v1/namespaces/{cluster.namespace}/serviceaccounts/default"
    eventually("pods may be made", lambda: api.get(account))

    ask = lambda: answer(PODS, cluster.namespace, pod(hostNetwork=True))  # noqa: E731 # named once
    compare(REFUSED["pod security"], cluster.namespace, ask)


def test_terminating_namespace_refuses_as_documented(cluster: Cluster) -> None:
    name = "namespace that is being deleted"
    held = {"metadata": {"name": "pin", "finalizers": ["runbooks.dev/test"]}}
    pin = f"/api/v1/namespaces/{cluster.namespace}/configmaps"
    api.create(pin, held)
    api.delete(f"/api/v1/namespaces/{cluster.namespace}")
    try:
        compare(REFUSED[name], cluster.namespace, lambda: answer(MAPS, cluster.namespace, MAP))
    finally:
        api.patch(f"{pin}/pin", {"metadata": {"finalizers": None}})


@contextmanager
def policies(kind: str, name: str, spec: Body, binding: Body) -> Iterator[None]:
    """A policy and its binding, which are of the whole cluster, while the block runs."""
    with ExitStack() as left:
        for plural, one in ((f"{kind}policies", spec), (f"{kind}policybindings", binding)):
            where = f"{ADMISSION}/{plural}"
            api.create(where, {"metadata": {"name": name}, "spec": one})
            left.callback(_delete, f"{where}/{name}")
        yield


def _delete(where: str) -> None:
    with suppress(api.NotThereError):
        api.delete(where)


def rules(namespace: str, *resources: str) -> Body:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": list(resources)}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return {"resourceRules": [rule], "namespaceSelector": selector}


def test_validating_policy_refuses_as_documented(cluster: Cluster) -> None:
    name = f"no-{cluster.namespace}"
    validations = [
        {"expression": "object.kind != 'ConfigMap'", "message": "no maps here"},
        {"expression": "object.kind != 'ServiceAccount'", "message": "no accounts here", "reason": "Forbidden"},
    ]
    spec = {
        "matchConstraints": rules(cluster.namespace, "configmaps", "serviceaccounts"),
        "validations": validations,
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}

    def ask(where: str, body: Body) -> Body:
        found = answer(where, cluster.namespace, body)
        return found | {"message": found.get("message", "").replace(name, "no-maps")}

    with policies("validatingadmission", name, spec, binding):
        compare(REFUSED["validating policy"], cluster.namespace, lambda: ask(MAPS, MAP))
        bare = {"metadata": {"name": "it"}}
        by_code = REFUSED["validating policy that answers 403"]
        compare(by_code, cluster.namespace, lambda: ask(ACCOUNTS, bare))


def test_failing_mutating_policy_refuses_as_documented(cluster: Cluster) -> None:
    name = f"count-{cluster.namespace}"
    expression = '[JSONPatch{op: "add", path: "/data/x", value: string(int(object.data.a))}]'
    spec = {
        "matchConstraints": rules(cluster.namespace, "configmaps"),
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }

    def ask() -> Body:
        found = answer(MAPS, cluster.namespace, MAP)
        return found | {"message": found.get("message", "").replace(name, "count")}

    with policies("mutatingadmission", name, spec, {"policyName": name}):
        compare(REFUSED["mutating policy"], cluster.namespace, ask)


def test_unanswering_webhook_refuses_as_documented(cluster: Cluster) -> None:
    where = f"{ADMISSION}/validatingwebhookconfigurations"
    hook = {
        "name": "gate.example.com",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 2,
        "clientConfig": {"url": "https://127.0.0.1:9/validate"},
        "namespaceSelector": rules(cluster.namespace)["namespaceSelector"],
        "rules": rules(cluster.namespace, "configmaps")["resourceRules"],
    }
    api.create(where, {"metadata": {"name": cluster.namespace}, "webhooks": [hook]})
    try:
        name = "webhook that cannot be called"
        compare(REFUSED[name], cluster.namespace, lambda: answer(MAPS, cluster.namespace, MAP))
    finally:
        _delete(f"{where}/{cluster.namespace}")


def test_full_quota_stalls_run_job_without_rbac_advice_until_there_is_room(
    cluster: Cluster, operator: Operator
) -> None:
    action = {"runJob": {"job": JOB["spec"], "wait": False}}
    cluster.apply(deployment(), runbook(killSwitches=[{"name": "save", "actions": [action]}], scaling=[]))
    full = quota("jobs", "count/jobs.batch", "0")
    api.create(f"/api/v1/namespaces/{cluster.namespace}/resourcequotas", full)
    eventually("the quota counts", lambda: cluster.get("resourcequota", "jobs").get("status", {}).get("hard"))

    cluster.throw_when_there("shop-save")

    eventually("it is stalled", lambda: cluster.condition("switch", "shop-save", "Stalled"))
    told = cluster.condition("switch", "shop-save", "Stalled")
    assert told["reason"] == "QuotaExceeded"
    assert "exceeded quota: jobs" in told["message"]
    assert f"kubectl describe resourcequota jobs --namespace={cluster.namespace}" in told["message"]
    assert "Grant" not in told["message"]
    api.delete(api.path("resourcequota", cluster.namespace, "jobs"))
    cluster.until_phase("shop-save", "Engaged")
    assert len(api.items("job", cluster.namespace)) == 1
    assert operator.alive


def test_scale_up_beyond_a_pod_quota_is_engaged_and_stalled_until_there_is_room(
    cluster: Cluster, operator: Operator
) -> None:
    api.create(f"/api/v1/namespaces/{cluster.namespace}/resourcequotas", quota("pods", "pods", "3"))
    action = {"scale": {"target": "web", "replicas": 5}, "timeout": "1s"}
    cluster.apply(deployment(), runbook(killSwitches=[{"name": "more", "actions": [action]}], scaling=[]))
    eventually("three pods are made", lambda: cluster.get("deployment", "web").get("status", {}).get("replicas") == 3)

    cluster.throw_when_there("shop-more")

    eventually("it is stalled", lambda: cluster.condition("switch", "shop-more", "Stalled"))
    told = cluster.condition("switch", "shop-more", "Stalled")
    assert told["reason"] == "PodsNotCreated"
    assert "0 of 5 ready; Deployment/web: its controller cannot create pods: " in told["message"]
    assert f"kubectl describe resourcequota pods --namespace={cluster.namespace}" in told["message"]
    assert cluster.condition("switch", "shop-more", "Engaged")["status"] == "True"
    api.delete(api.path("resourcequota", cluster.namespace, "pods"))
    cluster.until_phase("shop-more", "Engaged")
    assert operator.alive


def test_policy_that_would_refuse_the_throw_makes_an_idle_switch_unready(cluster: Cluster, operator: Operator) -> None:
    name = f"keep-{cluster.namespace}"
    constraints = rules(cluster.namespace)
    constraints["resourceRules"] = [
        {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments/scale"]}
    ]
    more = "has(object.spec.replicas) && object.spec.replicas > 0"
    validations = [{"expression": more, "message": "the shop stays open"}]
    spec = {"matchConstraints": constraints, "validations": validations}
    binding = {"policyName": name, "validationActions": ["Deny"]}
    cluster.apply(deployment())
    with policies("validatingadmission", name, spec, binding):
        where = api.path("deployment", cluster.namespace, "web") + "/scale?dryRun=All"

        def is_refused() -> bool:
            try:
                api.request("PATCH", where, {"spec": {"replicas": 0}}, "application/merge-patch+json")
            except AssertionError as error:
                return "the shop stays open" in str(error)
            return False

        eventually("the policy is in force", is_refused)
        cluster.apply(runbook())
        told = cluster.until_reason("switch", "shop-stop", "PolicyRefused")

    assert told["status"] == "False"
    assert "the shop stays open" in told["message"]
    assert cluster.replicas() == 3
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_replicas(0)
    assert operator.alive
