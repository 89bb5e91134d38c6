"""The person on call who has the role switch-operator and no other, with kubectl as typed."""

import subprocess

import pytest

from tests.e2e.harness import Cluster, deployment, eventually, runbook

WHY = "Stops taking orders; customers see the maintenance page."
STOP = [{"name": "stop", "description": WHY, "actions": [{"scale": {"target": "web", "replicas": 0}}]}]
CONTACTS = [{"name": "primary", "role": "Primary on call"}]
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "alice"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "switch-operator"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}],
}


@pytest.mark.usefixtures("operator")
def test_switch_operator_can_read_runbook_events_and_description(cluster: Cluster) -> None:
    cluster.apply(deployment(), runbook(title="Web shop", killSwitches=STOP, contacts=CONTACTS), BINDING)
    cluster.until_reason("switch", "shop-stop", "Ready")

    def alice(*arguments: str) -> str:
        return cluster.run("--as", "alice", *arguments)

    assert "shop" in eventually("alice may read Runbooks", lambda: alice("get", "rb"))
    wide = alice("get", "sw", "shop-stop", "-o", "wide")
    assert "DESCRIPTION" in wide
    assert WHY in wide
    status = cluster.get("switch", "shop-stop")["status"]
    assert (status["title"], status["contacts"]) == ("Web shop", ["primary"])

    alice("patch", "sw", "shop-stop", "--type=merge", "-p", '{"spec":{"engaged":true,"reason":"INC-42"}}')
    cluster.until_replicas(0)
    eventually(
        "alice sees the Event", lambda: "Engaged" in alice("describe", "sw", "shop-stop").partition("Events:")[2]
    )
    command = ["kubectl", "-n", cluster.namespace, "--as", "alice", "patch", "rb", "shop", "--type=merge"]
    refused = subprocess.run([*command, "-p", '{"spec":{"mode":"Observe"}}'], check=False, capture_output=True)
    assert b"cannot patch resource" in refused.stderr


@pytest.mark.usefixtures("operator")
def test_edited_description_is_shown_by_the_idle_switch(cluster: Cluster) -> None:
    cluster.apply(deployment(), runbook(killSwitches=STOP))
    cluster.until_reason("switch", "shop-stop", "Ready")

    cluster.apply(runbook(killSwitches=[STOP[0] | {"description": "Stops the shop."}]))

    eventually("it is shown", lambda: cluster.get("switch", "shop-stop")["status"]["description"] == "Stops the shop.")
