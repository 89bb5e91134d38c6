"""What helm runs before and after an uninstall, as a process: the chart's own hooks are in test_lifecycle.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook


def uninstall(cluster: Cluster, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "RUNBOOK_NAMESPACES": json.dumps([cluster.namespace]),
        "RUNBOOK_LEASE_NAMESPACE": cluster.namespace,
        "RUNBOOK_LEASE_SECONDS": "1",
        "RUNBOOK_RENEW_DEADLINE_SECONDS": "0.9",
        "RUNBOOK_RETRY_SECONDS": "0.2",
        "RUNBOOK_HTTP_PORT": "0",
    }
    command = [sys.executable, "-m", "runbook_operator", "uninstall", *arguments]
    return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)


def finalizers(cluster: Cluster) -> list[str]:
    return cluster.run("get", "switches", "-o", "jsonpath={.items[*].metadata.finalizers[*]}").split()


def engaged(cluster: Cluster) -> None:
    cluster.apply(deployment(), runbook())
    cluster.throw_when_there("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")


def test_uninstall_refuse_names_each_holding_switch_and_its_release(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    before = uninstall(cluster, "refuse")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    done = uninstall(cluster, "refuse")

    assert (before.returncode, before.stdout) == (0, "refuse: done\n")
    assert done.returncode == 1
    assert f"Switch {cluster.namespace}/shop-stop is Engaged since" in done.stderr
    assert f"kubectl -n {cluster.namespace} patch switch shop-stop --type merge" in done.stderr
    assert cluster.replicas() == 0
    assert operator.alive


def test_uninstall_release_restores_by_the_leader_with_a_temporary_silence(
    cluster: Cluster, operator: Operator
) -> None:
    engaged(cluster)

    done = uninstall(cluster, "release", "--within", "90")

    assert done.returncode == 0, done.stderr
    assert cluster.replicas() == 3
    assert finalizers(cluster) == []
    spec = cluster.get("switch", "shop-stop")["spec"]
    assert (spec["engaged"], spec["expiresAfter"]) == (False, "10m")
    assert operator.alive


def test_uninstall_release_without_time_left_names_the_held_switches(cluster: Cluster, operator: Operator) -> None:
    engaged(cluster)
    operator.kill()

    done = uninstall(cluster, "release", "--within", "0")

    assert done.returncode == 1
    assert f"Switch {cluster.namespace}/shop-stop is Engaged since" in done.stderr


def test_uninstall_forget_ends_the_namespace_without_operator(cluster: Cluster, operator: Operator) -> None:
    engaged(cluster)
    operator.kill()

    done = uninstall(cluster, "forget", "--within", "90")

    assert done.returncode == 0, done.stderr
    assert finalizers(cluster) == []
    assert cluster.replicas() == 0
    assert cluster.get("switch", "shop-stop")["status"]["record"]["actions"][0]["saved"] == 3


def test_operator_without_api_server_ends_at_once_on_sigterm(tmp_path: Path) -> None:
    nowhere = tmp_path / "kubeconfig"
    config = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    nowhere.write_text(yaml.safe_dump(config))
    lost = Operator("nowhere", tmp_path, as_typed=True, KUBECONFIG=str(nowhere))
    lost.launch()
    eventually("it has tried", lambda: "cannot list yet" in lost.log())

    # Not by the signal: the first process of a container has nobody to be ended by.
    assert lost.stop() == 0
