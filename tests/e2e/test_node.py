"""What only running pods can show: the app of the examples, ready, switched off, back, and really broken."""

from pathlib import Path

import pytest

from tests.e2e.harness import ROLLOUT, Cluster, Operator, eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "01-first-switch"

pytestmark = pytest.mark.node


def ready_replicas(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "shop")["status"].get("readyReplicas", 0))


def running_pods(cluster: Cluster) -> list[str]:
    return cluster.run("get", "pods", "-l", "app=shop", "-o", "name").split()


def test_example_pods_stop_when_thrown_and_are_ready_after_release(
    cluster: Cluster, operator: Operator, node: str
) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    eventually("three pods are ready", lambda: ready_replicas(cluster) == 3, seconds=ROLLOUT)
    cluster.until_reason("switch", "shop-stop", "Ready")

    cluster.throw("shop-stop")

    eventually("no pod is left", lambda: not running_pods(cluster), seconds=ROLLOUT)
    cluster.release("shop-stop")
    eventually("three pods are ready", lambda: ready_replicas(cluster) == 3, seconds=ROLLOUT)
    assert operator.alive
    assert node


def test_failing_revision_does_not_prevent_a_throw(cluster: Cluster, operator: Operator, node: str) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    eventually("three pods are ready", lambda: ready_replicas(cluster) == 3, seconds=ROLLOUT)

    cluster.run("set", "env", "deployment/shop", "STARTUP_FAIL=true")

    states = "jsonpath={.items[*].status.containerStatuses[*].lastState.terminated.exitCode}"
    eventually("a pod fails", lambda: "1" in cluster.run("get", "pods", "-o", states).split(), seconds=ROLLOUT)
    cluster.throw_when_there("shop-stop")
    eventually("no pod is left", lambda: not running_pods(cluster), seconds=ROLLOUT)
    assert operator.alive
    assert node
