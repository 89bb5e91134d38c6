"""Hours in minutes: switches are thrown, released and fought about without a pause, and nothing grows or is left."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook

SECONDS = float(os.environ.get("RUNBOOK_TEST_SOAK_SECONDS", "600"))
RUNBOOKS = 10
GROWTH = 1.05
WARM_PART = 0.5
"""The first part, in which caches and heaps fill up; what counts is that nothing grows after it."""


def resident(operator: Operator) -> int:
    """KiB of memory that the process holds."""
    lines = Path(f"/proc/{operator.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def tasks(operator: Operator) -> float:
    """How many tasks its loop has, as it says itself."""
    _, text = operator.http("/metrics")
    line = next(line for line in text.splitlines() if line.startswith("runbook_operator_tasks "))
    return float(line.split()[1])


class Churn:
    """People and other controllers, all of them at once, each doing what it may."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.random = random.Random(7)  # noqa: S311 # a sequence that can be repeated
        self.names = [f"soak{number}" for number in range(RUNBOOKS)]

    def begin(self) -> None:
        for name in self.names:
            target = [{"name": "web", "workload": {"name": name}}]
            # One pod each: how many the lab's controllers make and delete is nothing to us, and much to the machine.
            self.cluster.create(deployment(name, 1), runbook(name, targets=target))
        for name in self.names:
            self.cluster.until_reason("switch", f"{name}-stop", "Ready")

    def turn(self) -> None:
        """One of them is thrown, fought about and released."""
        name = self.random.choice(self.names)
        self.cluster.throw(f"{name}-stop")
        self.cluster.until_replicas(0, name)
        self.cluster.until_phase(f"{name}-stop", "Engaged")
        if self.random.random() < 1 / 4:
            self.cluster.scale(2, name)
            self.cluster.until_replicas(0, name)
        self.cluster.release(f"{name}-stop")
        self.cluster.until_replicas(1, name)
        self.cluster.until_phase(f"{name}-stop", "Released")


@pytest.mark.timeout(SECONDS + 300)
def test_long_churn_of_throws_leaves_no_growth_and_no_leftovers(
    cluster: Cluster, operator: Operator, record_property: Callable[[str, object], None]
) -> None:
    churn = Churn(cluster)
    churn.begin()
    turns = 0
    while operator.uptime() < SECONDS * WARM_PART:
        churn.turn()
        turns += 1
    memory, running = resident(operator), tasks(operator)
    while operator.uptime() < SECONDS:
        churn.turn()
        turns += 1

    record_property("soak", {"turns": turns, "kib": (memory, resident(operator))})
    assert turns > SECONDS / 10
    assert resident(operator) <= memory * GROWTH
    eventually("no task is left over", lambda: tasks(operator) <= running + 2)
    assert [cluster.replicas(name) for name in churn.names] == [1] * RUNBOOKS
