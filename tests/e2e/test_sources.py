"""Numbers without a Prometheus, of a real app: what they engage, and what lets go again."""

from pathlib import Path

import pytest

from tests.e2e.harness import ROLLOUT, Cluster, eventually
from tests.e2e.inside import Inside

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "12-other-sources"


def told(cluster: Cluster, what: str) -> dict[str, str]:
    metrics = cluster.get("runbook", "mails").get("status", {}).get("metrics", [])
    return {one["name"]: one[what] for one in metrics}


def applied(cluster: Cluster) -> None:
    """Applied, and each source has given its number; what is well for good is told after the metric's own time."""
    cluster.run("apply", "-f", str(EXAMPLE))
    numbers = {"waiting": "0", "crashing": "0", "overdue": "0", "replicas": "1"}
    eventually("each has a number", lambda: told(cluster, "value") == numbers, ROLLOUT)
    eventually("the queue is short", lambda: told(cluster, "level")["waiting"] == "Ok", ROLLOUT)


def set_env(cluster: Cluster, value: str) -> None:
    cluster.run("set", "env", "deployment/worker", value)


def env(cluster: Cluster) -> list[str]:
    (container,) = cluster.get("deployment", "worker")["spec"]["template"]["spec"]["containers"]
    return [one["name"] for one in container.get("env", [])]


def until_phase(cluster: Cluster, switch: str, phase: str) -> None:
    eventually(f"{switch} is {phase}", lambda: cluster.phase(switch) == phase, ROLLOUT)


@pytest.mark.node
def test_long_queue_gets_more_workers_until_it_is_short(cluster: Cluster, inside: Inside, node: str) -> None:
    applied(cluster)

    set_env(cluster, "QUEUE_DEPTH=5000")
    until_phase(cluster, "mails-more-workers", "Engaged")
    assert cluster.replicas("worker") == 5
    (said,) = (one["message"] for one in cluster.events("Critical"))
    assert "5000 > 1000" in said
    assert "A campaign was sent" in said

    set_env(cluster, "QUEUE_DEPTH=0")
    until_phase(cluster, "mails-more-workers", "Released")
    assert cluster.replicas("worker") == 1
    assert inside.alive
    assert node


@pytest.mark.node
def test_crashing_version_is_rolled_back_by_its_waiting_pods(cluster: Cluster, inside: Inside, node: str) -> None:
    applied(cluster)
    eventually("it is known good", lambda: cluster.get("runbook", "mails")["status"]["targets"][0].get("good"), ROLLOUT)

    set_env(cluster, "STARTUP_FAIL=true")

    until_phase(cluster, "mails-rollback", "Engaged")
    assert env(cluster) == []
    assert any("CrashLoopBackOff" in one["message"] for one in cluster.events("Critical"))
    until_phase(cluster, "mails-rollback", "Released")
    assert env(cluster) == []
    assert inside.alive
    assert node
