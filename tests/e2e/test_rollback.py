"""Rollbacks: the real controllers number the revisions, and where there is a node, bad ones really fail."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import api, delivery
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.rollbacks import SECONDS, make_rollout, rollout, set_version, three_versions, until_observed, version

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "04-rollback"
QUICK = {"goodAfter": "1s"}


def switch(**spec: Any) -> Body:
    return {"name": "back", "actions": [{"rollback": {"target": "web"} | spec}]}


def declare(cluster: Cluster, kind: str = "Deployment", *, api_version: str = "apps/v1", **spec: Any) -> None:
    """A Runbook whose switch `shop-back` rolls the workload `web` back."""
    targets = [{"name": "web", "workload": {"apiVersion": api_version, "kind": kind, "name": "web"}}]
    cluster.apply(runbook(targets=targets, killSwitches=[switch(**spec)], scaling=[], deployments=QUICK))
    eventually("it is there", lambda: cluster.get("switch", "shop-back").get("status"))


def workload(kind: str, **spec: Any) -> Body:
    body = deployment(scheduler=spec.pop("scheduler", "nobody"), replicas=2)
    probe = {"httpGet": {"path": "/health/ready", "port": 8080}, "periodSeconds": 1}
    body["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    body["kind"] = kind
    body["spec"] |= spec
    if kind == "DaemonSet":
        del body["spec"]["replicas"]
    return body


def revision(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"])


def remarks(cluster: Cluster) -> set[str]:
    record = cluster.get("switch", "shop-back")["status"]["record"]
    return {one["reason"] for one in record.get("remarks", [])}


def engage(cluster: Cluster, name: str = "shop-back") -> Body:
    cluster.throw(name)
    eventually(f"{name} is engaged", lambda: cluster.phase(name) == "Engaged", SECONDS)
    return cluster.get("switch", name)


def release(cluster: Cluster, name: str = "shop-back") -> Body:
    cluster.release(name)
    return cluster.until_phase(name, "Released")


def test_rollback_keeps_the_flag_of_another_switch_in_one_write(cluster: Cluster, operator: Operator) -> None:
    """Each write of the spec raises the generation: one for the rollback, and none to set the flag again."""
    flag = {"target": "web", "flag": "AI", "value": "off", "env": {}}
    cluster.apply(workload("Deployment"))
    set_version(cluster, "1", AI="on")
    set_version(cluster, "2")
    targets = [{"name": "web", "workload": {"name": "web"}}]
    off = {"name": "off", "actions": [{"setFlag": flag}]}
    cluster.apply(runbook(targets=targets, killSwitches=[switch(toRevision=2), off], scaling=[], deployments=QUICK))
    eventually("one is there", lambda: cluster.get("switch", "shop-back").get("status"))
    eventually("the other is there", lambda: cluster.get("switch", "shop-off").get("status"))
    engage(cluster, "shop-off")
    until_observed(cluster)
    before = cluster.get("deployment", "web")["metadata"]["generation"]

    engage(cluster)

    deployed = cluster.get("deployment", "web")
    env = {one["name"]: one["value"] for one in deployed["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert (env["VERSION"], env["AI"]) == ("1", "off")
    assert deployed["metadata"]["generation"] == before + 1
    assert release(cluster)["status"]["conditions"]
    assert cluster.condition("switch", "shop-back", "Restored")["reason"] == "Released"
    assert cluster.events("DriftCorrected") == []
    assert operator.alive


def test_rollback_without_known_good_revision_goes_one_back_and_does_not_flip(
    cluster: Cluster, operator: Operator
) -> None:
    three_versions(cluster)
    declare(cluster)

    for _ in range(3):
        engage(cluster)
        assert version(cluster) == "2"
        until_observed(cluster)
        assert revision(cluster) == 4
        release(cluster)

    assert version(cluster) == "2"
    eventually("it is said", lambda: cluster.events("NotKnownGood"))
    eventually("it is said", lambda: cluster.events("AlreadyLive"))
    assert operator.alive


def test_rollback_writes_only_the_template(cluster: Cluster, operator: Operator) -> None:
    three_versions(cluster)
    cluster.run("annotate", "deployment/web", "team=shop")
    declare(cluster, toRevision=1)
    before = cluster.get("deployment", "web")

    engage(cluster)

    until_observed(cluster)
    after = cluster.get("deployment", "web")
    number = "deployment.kubernetes.io/revision"
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"] | {number: "4"}
    assert after["spec"] == before["spec"] | {"template": after["spec"]["template"]}
    assert after["spec"]["template"] == deployment_template(cluster, 4)
    assert operator.alive


def deployment_template(cluster: Cluster, number: int) -> Body:
    sets = json.loads(cluster.run("get", "replicasets", "-o", "json"))["items"]
    kept: Body = next(
        one["spec"]["template"]
        for one in sets
        if one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == str(number)
    )
    del kept["metadata"]["labels"]["pod-template-hash"]
    return kept


def test_deploy_during_a_rollback_is_corrected_and_release_rolls_forward(cluster: Cluster, operator: Operator) -> None:
    three_versions(cluster)
    declare(cluster, toRevision=1, rollForwardOnRelease=True)
    engage(cluster)

    set_version(cluster, "4")

    eventually("it is put back", lambda: version(cluster) == "")
    assert cluster.events("DriftCorrected")
    release(cluster)
    assert version(cluster) == "3"
    assert operator.alive


def test_rollback_continues_after_a_crash(cluster: Cluster, stopped_operator: Operator) -> None:
    three_versions(cluster)
    stopped_operator.start()
    declare(cluster, toRevision=1)
    engage(cluster)
    stopped_operator.kill()
    set_version(cluster, "4")

    stopped_operator.start()

    eventually("it is put back", lambda: version(cluster) == "")
    release(cluster)
    assert version(cluster) == ""


def test_paused_deployment_is_rolled_back_once_resumed(cluster: Cluster, operator: Operator) -> None:
    three_versions(cluster)
    cluster.run("rollout", "pause", "deployment/web")
    declare(cluster)

    cluster.throw("shop-back")

    cluster.until_reason("switch", "shop-back", "Paused")
    assert version(cluster) == "3"
    cluster.run("rollout", "resume", "deployment/web")
    cluster.until_phase("shop-back", "Engaged")
    assert version(cluster) == "2"
    assert operator.alive


def named(**names: Any) -> Body:
    """The Deployment with these fields in the spec of its pods."""
    body = deployment()
    body["spec"]["template"]["spec"] |= names
    return body


def test_missing_pull_secret_does_not_refuse_the_rollback(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(named(imagePullSecrets=[{"name": "regcred"}]))
    until_observed(cluster)
    set_version(cluster, "2")
    declare(cluster)
    cluster.until_reason("switch", "shop-back", "Ready")

    engage(cluster)

    assert version(cluster) == ""
    assert "ReferenceNotFound" not in remarks(cluster)
    assert operator.alive


@pytest.mark.parametrize(
    ("field", "gone"), [("serviceAccountName", "ServiceAccount/old"), ("runtimeClassName", "RuntimeClass/old")]
)
def test_revision_with_impossible_pods_is_refused_at_rest_and_when_thrown(
    cluster: Cluster, operator: Operator, field: str, gone: str
) -> None:
    cluster.apply(named(**{field: "old"}))
    until_observed(cluster)
    cluster.run("patch", "deployment", "web", "--type=json", "-p", json.dumps(without(field)))
    until_observed(cluster)
    declare(cluster)

    told = cluster.until_reason("switch", "shop-back", "ReferenceNotFound")
    assert f"revision 1 needs {gone}, which no longer exists" in told["message"]
    cluster.throw("shop-back")
    eventually("it is stalled", lambda: cluster.phase("shop-back") == "Stalled")
    assert field not in cluster.get("deployment", "web")["spec"]["template"]["spec"]

    if field == "serviceAccountName":
        cluster.run("create", "serviceaccount", "old")
        cluster.until_phase("shop-back", "Engaged")
    assert operator.alive


def without(field: str) -> list[Body]:
    """The JSON patch that takes the field out of the pod template."""
    names = (field, "serviceAccount") if field == "serviceAccountName" else (field,)
    return [{"op": "remove", "path": f"/spec/template/spec/{name}"} for name in names]


def test_deployment_without_stored_revisions_is_not_ready_at_rest(cluster: Cluster, operator: Operator) -> None:
    body = deployment()
    body["spec"]["revisionHistoryLimit"] = 0
    cluster.apply(body)
    until_observed(cluster)
    declare(cluster)

    told = cluster.until_reason("switch", "shop-back", "NoRevision")

    assert told["status"] == "False"
    assert "spec.revisionHistoryLimit: 0" in told["message"]
    assert operator.alive


def test_revision_with_a_missing_secret_is_refused_until_recreated(cluster: Cluster, operator: Operator) -> None:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "credentials"}}]
    cluster.apply(body)
    until_observed(cluster)
    cluster.apply(deployment())
    set_version(cluster, "2")
    declare(cluster, toRevision=1)

    cluster.throw("shop-back")

    told = cluster.until_reason("switch", "shop-back", "ReferenceNotFound")
    assert "revision 1 needs Secret/credentials, which no longer exists" in told["message"]
    cluster.run("create", "secret", "generic", "credentials", "--from-literal=password=hunter2")
    cluster.until_phase("shop-back", "Engaged")
    assert version(cluster) == ""
    assert "hunter2" not in cluster.run("get", "switches,runbooks,events", "-o", "yaml") + operator.log()
    assert operator.alive


def test_missing_named_revision_is_refused_with_the_stored_ones(cluster: Cluster, operator: Operator) -> None:
    three_versions(cluster)
    declare(cluster, toRevision=9)

    cluster.throw("shop-back")

    told = cluster.until_reason("switch", "shop-back", "NoRevision")
    assert told["message"] == "toRevision: Deployment/web has no revision 9; it has 3, 2, 1: choose one of them"
    assert version(cluster) == "3"
    assert operator.alive


def test_daemon_set_is_rolled_back_by_its_controller_revisions(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload("DaemonSet"))
    until_observed(cluster, "daemonset")
    set_version(cluster, "2", "daemonset")
    declare(cluster, "DaemonSet")

    for _ in range(2):
        engage(cluster)
        assert version(cluster, "daemonset") == ""
        until_observed(cluster, "daemonset")
        release(cluster)
    assert operator.alive


def pod_version(cluster: Cluster, name: str) -> str:
    container = cluster.get("pod", name)["spec"]["containers"][0]
    return str(container.get("env", [{"value": ""}])[0]["value"])


def stuck(cluster: Cluster) -> None:
    """A StatefulSet whose first pod is of a new revision, and is not Ready, since nobody schedules it."""
    cluster.apply(workload("StatefulSet", serviceName="web"))
    until_observed(cluster, "statefulset")
    set_version(cluster, "2", "statefulset")
    eventually("the pod is there", lambda: cluster.get("pod", "web-0"), SECONDS)
    cluster.run("delete", "pod", "web-0")
    eventually("the pod is new", lambda: pod_version(cluster, "web-0") == "2", SECONDS)


def test_pods_that_block_a_stateful_set_are_named(cluster: Cluster, operator: Operator) -> None:
    stuck(cluster)
    declare(cluster, "StatefulSet", toRevision=1)

    engage(cluster)

    assert version(cluster, "statefulset") == ""
    until_observed(cluster, "statefulset")
    assert "PodsStuck" in remarks(cluster)
    assert pod_version(cluster, "web-0") == "2"
    assert operator.alive


def test_pods_that_block_a_stateful_set_are_deleted_on_request(cluster: Cluster, operator: Operator) -> None:
    stuck(cluster)
    declare(cluster, "StatefulSet", toRevision=1, deleteBrokenPods=True)

    engage(cluster)

    eventually("the pod is old again", lambda: pod_version(cluster, "web-0") == "", SECONDS)
    release(cluster)
    engage(cluster)
    assert version(cluster, "statefulset") == ""
    assert operator.alive


def test_deployment_owned_by_flagger_is_refused(cluster: Cluster, operator: Operator) -> None:
    delivery.make_kinds()
    three_versions(cluster)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    canary = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web"}}
    cluster.apply(canary | {"spec": {"targetRef": reference}})
    declare(cluster)

    cluster.throw("shop-back")

    assert "Canary/web" in cluster.until_reason("switch", "shop-back", "DeliveryOwned")["message"]
    cluster.run("delete", "canary", "web")
    cluster.until_phase("shop-back", "Engaged")
    assert version(cluster) == "2"
    assert operator.alive


def test_argo_rollout_in_progress_is_aborted_and_resumed_after_release(cluster: Cluster, operator: Operator) -> None:
    make_rollout(cluster)
    delivery.set_status(cluster, "web", currentPodHash="hash2", stableRS="hash1", observedGeneration="1")
    declare(cluster, "Rollout", api_version="argoproj.io/v1alpha1", rollForwardOnRelease=True)
    before = rollout(cluster)["spec"]

    engage(cluster)

    assert rollout(cluster)["status"]["abort"] is True
    delivery.set_status(cluster, "web", abort=False)
    eventually("it is put back", lambda: rollout(cluster)["status"].get("abort"))
    release(cluster)
    assert "abort" not in rollout(cluster)["status"]
    assert rollout(cluster)["spec"] == before
    assert operator.alive


def test_promoted_argo_rollout_is_rolled_back_by_its_replica_sets(cluster: Cluster, operator: Operator) -> None:
    make_rollout(cluster)
    delivery.set_status(cluster, "web", currentPodHash="hash2", stableRS="hash2", observedGeneration="1")
    declare(cluster, "Rollout", api_version="argoproj.io/v1alpha1", rollForwardOnRelease=True)

    cluster.throw("shop-back")

    template = eventually("it is written", lambda: written(cluster, "1"))
    assert template["metadata"]["labels"] == {"app": "web"}
    delivery.set_status(cluster, "web", currentPodHash="hash1", observedGeneration="2")
    cluster.until_phase("shop-back", "Engaged")
    release(cluster)
    assert written(cluster, "2")
    assert operator.alive


def written(cluster: Cluster, number: str) -> Body | None:
    template: Body = rollout(cluster)["spec"]["template"]
    return template if template["spec"]["containers"][0]["env"][0]["value"] == number else None


# What follows needs pods that run.


def good(cluster: Cluster, name: str = "search") -> list[int]:
    status = cluster.get("runbook", name).get("status", {})
    return [one["revision"] for one in status.get("targets", [{}])[0].get("good", [])]


def example(cluster: Cluster) -> None:
    """The example, whose revision 1 is known good after a second."""
    cluster.run("apply", "-f", str(EXAMPLE / "app.yaml"))
    text = (EXAMPLE / "runbook.yaml").read_text().replace("goodAfter: 1m", "goodAfter: 1s")
    cluster.run("apply", "-f", "-", stdin=text)
    eventually("it is known good", lambda: good(cluster) == [1], seconds=SECONDS)


def break_it(cluster: Cluster, number: str, kind: str = "deployment", name: str = "search") -> None:
    """A deploy that really fails."""
    set_version(cluster, number, kind, name, STARTUP_FAIL="true")
    eventually(
        "a pod of it fails",
        lambda: any(fails(pod, number) for pod in api.items("pod", cluster.namespace)),
        seconds=SECONDS,
    )


def fails(pod: Body, number: str) -> bool:
    values = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0].get("env", [])}
    states = pod["status"].get("containerStatuses", [])
    return values.get("VERSION") == number and any(one["restartCount"] for one in states)


def is_whole(cluster: Cluster, replicas: int = 2) -> bool:
    status = cluster.get("deployment", "search")["status"]
    numbers = (status.get("updatedReplicas"), status.get("availableReplicas"), status["replicas"])
    return numbers == (replicas, replicas, replicas)


@pytest.mark.node
def test_example_after_two_bad_deploys_is_rolled_back_to_the_good_revision_and_kept(
    cluster: Cluster, operator: Operator, node: str
) -> None:
    example(cluster)
    break_it(cluster, "2")
    break_it(cluster, "3")
    assert good(cluster) == [1]

    for _ in range(2):
        engage(cluster, "search-rollback")
        assert version(cluster, name="search") == "1"
        until_observed(cluster, name="search")
        eventually("all pods are back", lambda: is_whole(cluster), seconds=SECONDS)
        release(cluster, "search-rollback")

    assert version(cluster, name="search") == "1"
    eventually("it is good under its new number", lambda: good(cluster) == [4, 1], SECONDS)
    assert operator.alive
    assert node


@pytest.mark.node
def test_good_revision_replaced_by_a_rollback_is_good_again_once_it_works(
    cluster: Cluster, operator: Operator, node: str
) -> None:
    example(cluster)
    set_version(cluster, "2", name="search")
    eventually("it is known good", lambda: good(cluster) == [2, 1], seconds=SECONDS)

    engage(cluster, "search-step-back")

    assert version(cluster, name="search") == "1"
    eventually("what was left is not good", lambda: 2 not in good(cluster))
    eventually("the other is under its new number", lambda: good(cluster) == [3, 1], seconds=SECONDS)
    release(cluster, "search-step-back")
    assert version(cluster, name="search") == "2"
    eventually("it is good again", lambda: good(cluster) == [4, 3, 1], seconds=SECONDS)
    assert operator.alive
    assert node


@pytest.mark.node
def test_stuck_stateful_set_recovers_after_rollback(cluster: Cluster, operator: Operator, node: str) -> None:
    cluster.apply(workload("StatefulSet", serviceName="web", scheduler="default-scheduler"))
    declare(cluster, "StatefulSet", deleteBrokenPods=True)
    eventually("it is known good", lambda: good(cluster, "shop") == [1], seconds=SECONDS)
    break_it(cluster, "2", "statefulset", "web")

    engage(cluster)

    def is_back() -> bool:
        status = cluster.get("statefulset", "web")["status"]
        return bool(status.get("availableReplicas") == status.get("updatedReplicas") == 2)

    eventually("it is back", is_back, seconds=SECONDS)
    assert operator.alive
    assert node


@pytest.mark.node
def test_daemon_set_recovers_after_rollback(cluster: Cluster, operator: Operator, node: str) -> None:
    cluster.apply(workload("DaemonSet", scheduler="default-scheduler"))

    def is_available() -> bool:
        return bool(cluster.get("daemonset", "web")["status"].get("numberAvailable") == 1)

    eventually("it runs", is_available, seconds=SECONDS)
    declare(cluster, "DaemonSet")
    eventually("it is known good", lambda: good(cluster, "shop") == [1], seconds=SECONDS)
    break_it(cluster, "2", "daemonset", "web")

    engage(cluster)

    assert version(cluster, "daemonset") == ""
    eventually("it runs again", is_available, seconds=SECONDS)
    assert remarks(cluster) == set()
    assert operator.alive
    assert node
