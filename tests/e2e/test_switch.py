"""A switch, thrown and released as a person does it."""

import json
import re

import pytest

from tests.e2e.harness import Cluster, Operator, deployment, eventually, kubectl, runbook


def ready(cluster: Cluster, *, replicas: int = 3) -> None:
    cluster.apply(deployment(replicas=replicas), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.until_reason("switch", "shop-up", "Ready")


def test_thrown_switch_scales_the_deployment_and_release_restores_it(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, replicas=5)

    cluster.throw("shop-stop")
    engaged = cluster.until_phase("shop-stop", "Engaged")

    assert cluster.replicas() == 0
    assert [e["saved"] for e in engaged["status"]["record"]["actions"]] == [5]
    assert cluster.condition("switch", "shop-stop", "Engaged")["status"] == "True"
    assert cluster.condition("switch", "shop-stop")["status"] == "True"
    assert engaged["status"]["observedGeneration"] == engaged["metadata"]["generation"]
    assert engaged["status"]["latencyMilliseconds"] > 0

    cluster.release("shop-stop")
    released = cluster.until_phase("shop-stop", "Released")

    assert cluster.replicas() == 5
    eventually("the finalizer is gone", lambda: not cluster.get("switch", "shop-stop")["metadata"].get("finalizers"))
    assert "Deployment/web back to 5" in released["status"]["history"][0]["outcome"]
    assert operator.alive


def test_every_step_makes_events_with_one_engagement_id(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)

    cluster.throw("shop-stop")
    identity = cluster.until_phase("shop-stop", "Engaged")["status"]["record"]["engagementId"]
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")

    for reason in ("Engaged", "Restored"):
        told = {event["involvedObject"]["kind"]: event["message"] for event in cluster.events(reason)}
        assert set(told) == {"Switch", "Runbook", "Deployment"}
        assert all(identity in message for message in told.values())
        assert {event["metadata"]["annotations"]["runbooks.dev/engagement-id"] for event in cluster.events(reason)} == {
            identity
        }
    lines = [json.loads(line) for line in operator.log().splitlines() if identity in line]
    assert {"Engaged", "Restored"} <= {line.get("reason") for line in lines}
    # The Deployment's own controller may write between the look and the write: a conflict is told, and nothing is done.
    acts = [line for line in lines if line["event"] == "act" and line["result"] != "conflict"]
    assert [(line["before"], line["after"], line["result"]) for line in acts] == [(3, 0, "done"), (0, 3, "done")]


def test_field_changed_while_held_is_reapplied_and_the_writer_named(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    cluster.run("patch", "deployment", "web", "-p", '{"spec":{"replicas":2}}')

    cluster.until_replicas(0)
    told = eventually("it is told", lambda: cluster.events("DriftCorrected"))
    assert (
        "kubectl-patch set Deployment/web to 2, which the switch holds at 0; the operator wrote the held value again."
        in told[0]["message"]
    )
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 3
    assert operator.alive


def test_scale_from_zero_without_field_manager_is_reapplied(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    kubectl("--namespace", cluster.namespace, "scale", "deployment/web", "--replicas", "2")

    told = eventually("it is told", lambda: cluster.events("DriftCorrected"))
    text = "a client for which the API server names no manager (usually kubectl scale or an autoscaler) set"
    assert f"{text} Deployment/web to 2" in told[0]["message"]
    assert f"kubectl -n {cluster.namespace} patch switch shop-stop" in told[0]["message"]
    cluster.until_replicas(0)
    assert operator.alive


def test_scaling_command_acts_once_per_throw_and_clears_engaged(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)

    for expected in (5, 6, 6):
        cluster.throw("shop-up")
        eventually("it sprang back", lambda: "engaged" not in cluster.get("switch", "shop-up")["spec"])
        cluster.until_phase("shop-up", "Released")
        assert cluster.replicas() == expected
    assert operator.alive


def test_scaling_command_that_waited_too_long_expires_and_never_acts(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.run("delete", "deployment", "web")
    cluster.until_reason("switch", "shop-up", "TargetNotFound")
    patch = '{"spec":{"engaged":true,"expiresAfter":"2s"}}'
    cluster.run("patch", "sw", "shop-up", "--type=merge", "-p", patch)

    eventually("it is refused", lambda: cluster.condition("switch", "shop-up", "Acted").get("reason") == "Expired")
    eventually("it sprang back", lambda: "engaged" not in cluster.get("switch", "shop-up")["spec"])

    message = cluster.condition("switch", "shop-up", "Acted")["message"]
    assert "did nothing: scale of Deployment/web: " in message
    assert f"To throw it again: kubectl -n {cluster.namespace} patch switch shop-up" in message
    assert cluster.events("Expired")
    cluster.apply(deployment())
    cluster.until_reason("switch", "shop-up", "Ready")
    assert cluster.replicas() == 3
    cluster.throw("shop-up")
    cluster.until_replicas(5)
    assert operator.alive


def test_engaged_false_on_a_scaling_command_is_reported_as_without_effect(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.run("patch", "sw", "shop-up", "--type=merge", "-p", '{"spec":{"engaged":false}}')

    def message() -> str:
        return str(cluster.condition("switch", "shop-up", "Automatic")["message"])

    eventually("it is reported", lambda: "has no effect on a momentary switch" in message())
    assert cluster.events("Silenced") == []
    cluster.throw("shop-up")
    cluster.until_replicas(5)
    assert operator.alive


@pytest.mark.parametrize("amount", [{"by": 1}, {"replicas": 5}])
def test_scaling_command_against_held_replicas_starts_no_pod_and_names_the_holder(
    cluster: Cluster, operator: Operator, amount: dict[str, int]
) -> None:
    """The command is in another Runbook; generation counts every write to the Deployment's spec."""
    command = {"name": "more", "target": "web", **amount}
    ready(cluster)
    cluster.apply(runbook("other", killSwitches=[], scaling=[command]))
    cluster.until_reason("switch", "other-more", "Ready")
    cluster.throw("shop-stop", reason="charges twice")
    cluster.until_phase("shop-stop", "Engaged")
    before = cluster.get("deployment", "web")["metadata"]["generation"]

    for _ in range(3):
        cluster.throw("other-more")
        eventually("it sprang back", lambda: "engaged" not in cluster.get("switch", "other-more")["spec"])
    eventually("it is reported", lambda: cluster.condition("switch", "other-more", "Acted").get("status") == "False")

    holds = r"did nothing: shop-stop holds Deployment/web at 0 since \d\d:\d\d \(charges twice\); release it first"
    assert re.fullmatch(holds, cluster.condition("switch", "other-more", "Acted")["message"])
    assert all(re.match(f"other-more {holds}", one["message"]) for one in cluster.events("HeldByAnother"))
    assert cluster.get("deployment", "web")["metadata"]["generation"] == before
    assert cluster.events("DriftCorrected") == []
    cluster.release("shop-stop")
    cluster.until_replicas(3)
    cluster.throw("other-more")
    cluster.until_replicas(4 if "by" in amount else 5)
    assert operator.alive


def test_two_switches_on_one_deployment_restore_the_original_in_either_order(
    cluster: Cluster, operator: Operator
) -> None:
    switches = [
        {"name": name, "actions": [{"scale": {"target": "web", "replicas": to}}]} for name, to in (("a", 0), ("b", 1))
    ]
    cluster.apply(deployment(), runbook(killSwitches=switches, scaling=[]))
    for first, last in (("shop-a", "shop-b"), ("shop-b", "shop-a")):
        cluster.until_reason("switch", "shop-a", "Ready")
        cluster.until_reason("switch", "shop-b", "Ready")
        cluster.throw("shop-a")
        cluster.until_phase("shop-a", "Engaged")
        cluster.throw("shop-b")
        cluster.until_phase("shop-b", "Engaged")
        assert cluster.replicas() == 1

        cluster.release(first)
        cluster.until_phase(first, "Released")
        assert cluster.replicas() == (1 if first == "shop-a" else 0)
        cluster.release(last)
        cluster.until_phase(last, "Released")
        assert cluster.replicas() == 3
    assert operator.alive


def test_observe_mode_writes_no_target_and_reports_the_rehearsal(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook(mode="Observe"))
    cluster.until_reason("switch", "shop-stop", "Ready")
    before = cluster.get("deployment", "web")["metadata"]["generation"]

    cluster.throw("shop-stop")

    eventually("it says so", lambda: cluster.condition("switch", "shop-stop", "Engaged").get("reason") == "Observing")
    said = cluster.condition("switch", "shop-stop", "Engaged")["message"]
    assert "scale web to 0" in said
    assert cluster.get("deployment", "web")["metadata"]["generation"] == before
    assert operator.alive


def test_switch_thrown_during_downtime_engages_after_start(cluster: Cluster, stopped_operator: Operator) -> None:
    stopped_operator.start()
    ready(cluster)
    stopped_operator.kill()

    cluster.throw("shop-stop")
    stopped_operator.start()

    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0


def test_deployment_recreated_while_engaged_is_held_and_restored_to_its_own_value(
    cluster: Cluster, operator: Operator
) -> None:
    ready(cluster, replicas=3)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    cluster.run("delete", "deployment", "web")
    cluster.apply(deployment(replicas=7))

    cluster.until_replicas(0)
    uid = cluster.get("deployment", "web")["metadata"]["uid"]
    eventually("the new one is recorded", lambda: recorded(cluster) == (uid, 7))
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 7
    assert operator.alive


def recorded(cluster: Cluster) -> tuple[str, int]:
    entry = cluster.get("switch", "shop-stop")["status"]["record"]["actions"][0]
    return entry["uid"], entry["saved"]


def test_deployment_recreated_after_release_is_unchanged(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, replicas=3)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    cluster.run("delete", "deployment", "web")

    cluster.release("shop-stop")
    released = cluster.until_phase("shop-stop", "Released")
    cluster.apply(deployment(replicas=0))

    assert "gone" in released["status"]["history"][0]["outcome"]
    cluster.until_reason("switch", "shop-stop", "Ready")
    assert cluster.replicas() == 0
    assert operator.alive


def test_deletion_of_the_runbook_of_an_engaged_switch_restores_everything(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    cluster.run("delete", "runbook", "shop")

    cluster.until_replicas(3)
    eventually("the switches are gone", lambda: not cluster.run("get", "switches", "-o", "name"))
    assert operator.alive


def test_dropped_entry_releases_and_removes_only_its_switch(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    cluster.apply(runbook(killSwitches=[]))

    cluster.until_replicas(3)
    left = ["switch.runbooks.dev/shop-up"]
    eventually("only the other is left", lambda: cluster.run("get", "switches", "-o", "name").split() == left)
    assert operator.alive


def test_manually_deleted_switch_is_created_again_released(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.throw("shop-stop")
    uid = cluster.until_phase("shop-stop", "Engaged")["metadata"]["uid"]

    cluster.run("delete", "switch", "shop-stop")

    cluster.until_replicas(3)
    again = eventually("it is there again", lambda: cluster.get("switch", "shop-stop"))
    assert again["metadata"]["uid"] != uid
    assert "engaged" not in again["spec"]
    assert operator.alive


def test_namespace_of_an_engaged_switch_is_deleted_once_an_operator_runs(
    cluster: Cluster, stopped_operator: Operator
) -> None:
    elsewhere = {"RUNBOOK_LEASE_NAMESPACE": "default", "RUNBOOK_LEASE_NAME": cluster.namespace}
    stopped_operator.launch(**elsewhere)
    ready(cluster)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    stopped_operator.kill()

    kubectl("delete", "namespace", cluster.namespace, "--wait=false")
    eventually("the Deployment is gone", lambda: not cluster.run("get", "deployments", "-o", "name"))
    assert cluster.phase("shop-stop") == "Engaged"
    stopped_operator.launch(**elsewhere)

    gone = ("get", "namespace", cluster.namespace, "--ignore-not-found", "-o", "name")
    eventually("the namespace is gone", lambda: not kubectl(*gone), seconds=40)
    kubectl("delete", "lease", cluster.namespace, "-n", "default")
