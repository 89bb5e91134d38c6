"""kill -9 after each write: whatever was done, the restarted operator ends where it should."""

import signal
from pathlib import Path

import pytest

from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook

CRASHING = str(Path(__file__).with_name("crashing.py"))
NEVER = "1000"
# Engage: the finalizer, the record, the scale, three Events and the status; and the Runbook's count of engaged ones.
ENGAGE_WRITES = range(1, 9)
# Release: the scale, three Events, the status and the finalizer; and the Runbook's count.
RELEASE_WRITES = range(1, 8)


@pytest.mark.parametrize("write", ENGAGE_WRITES)
def test_killed_after_each_write_of_engaging_it_goes_on_and_saves_the_original(
    cluster: Cluster, stopped_operator: Operator, write: int
) -> None:
    settled(cluster, stopped_operator)
    cluster.throw("shop-stop")

    stopped_operator.start(CRASHING, str(write))
    assert stopped_operator.wait() == -signal.SIGKILL
    stopped_operator.start()

    status = cluster.until_phase("shop-stop", "Engaged")["status"]
    assert cluster.replicas() == 0
    assert [entry["saved"] for entry in status["record"]["actions"]] == [3]
    assert len(cluster.events("Engaged")) == 3
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 3


@pytest.mark.parametrize("write", RELEASE_WRITES)
def test_killed_after_each_write_of_releasing_it_goes_on_and_puts_back_the_original(
    cluster: Cluster, stopped_operator: Operator, write: int
) -> None:
    settled(cluster, stopped_operator, thrown=True)
    cluster.release("shop-stop")

    stopped_operator.start(CRASHING, str(write))
    assert stopped_operator.wait() == -signal.SIGKILL
    stopped_operator.start()

    status = cluster.until_phase("shop-stop", "Released")["status"]
    assert cluster.replicas() == 3
    assert "record" not in status
    assert [over["outcome"] for over in status["history"]] == ["Deployment/web back to 3"]
    assert len(cluster.events("Restored")) == 3


def test_the_walks_cover_every_write_there_is(cluster: Cluster, stopped_operator: Operator) -> None:
    settled(cluster, stopped_operator)

    cluster.throw("shop-stop")
    stopped_operator.start(CRASHING, NEVER)
    cluster.until_phase("shop-stop", "Engaged")
    eventually("the Runbook counts it", lambda: cluster.get("runbook", "shop")["status"]["engaged"] == 1)
    assert stopped_operator.log().count("\nwrite ") == len(ENGAGE_WRITES)

    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    eventually("the Runbook counts it", lambda: cluster.get("runbook", "shop")["status"]["engaged"] == 0)
    eventually("it is let go", lambda: "finalizers" not in cluster.get("switch", "shop-stop")["metadata"])
    assert stopped_operator.log().count("\nwrite ") == len(ENGAGE_WRITES) + len(RELEASE_WRITES)


def settled(cluster: Cluster, operator: Operator, *, thrown: bool = False) -> None:
    """A Runbook of one switch, all written that there is to write, and the operator stopped."""
    operator.start()
    cluster.apply(deployment(), runbook(scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.until_reason("runbook", "shop", "Ready")
    if thrown:
        cluster.throw("shop-stop")
        cluster.until_phase("shop-stop", "Engaged")
    assert operator.stop() == 0
