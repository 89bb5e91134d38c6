"""Replicas that share the work on a real API server: each acts in its own shards, and nothing is done twice."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from runbook_operator.api.conditions import moment
from runbook_operator.core.sharding import shard_of
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.faults.failover import AFTER_SIGTERM_SECONDS, DEFAULTS, TRIES, WITHIN_SECONDS, revive
from tests.faults.proxy import end

SHARDS = 8
LEASE = "runbook-operator"


class Sharing:
    """Replicas that share eight shards, with a namespace in each."""

    def __init__(self, namespaces: list[str], folder: Path) -> None:
        self.clusters = [Cluster(name) for name in namespaces]
        self.folder = folder
        self.operators: list[Operator] = []

    def join(self, shards: int = SHARDS, *, wait: bool = True) -> Operator:
        """One more replica, which is ready where one waits for it."""
        names = [one.namespace for one in self.clusters]
        settings = DEFAULTS | {
            "RUNBOOK_SHARDS": str(shards),
            "RUNBOOK_NAMESPACES": json.dumps(names),
            "RUNBOOK_LEASE_NAMESPACE": names[0],
        }
        operator = Operator(names[0], self.folder / str(len(self.operators)), **settings)  # type: ignore[arg-type] # all are strings
        operator.launch()
        self.operators.append(operator)
        if wait:
            eventually("it is ready", operator.is_ready)
        return operator

    def holders(self) -> list[str]:
        """Who has each shard, as its Lease says."""
        found = {one["metadata"]["name"]: one["spec"]["holderIdentity"] for one in self.leases()}
        return [found.get(f"{LEASE}-shard-{shard}", "") for shard in range(SHARDS)]

    def leases(self) -> list[Body]:
        return api.items("lease", self.clusters[0].namespace)

    def sizes(self) -> list[int]:
        """How many shards each replica leads that is alive, by its own metrics."""
        return sorted(held(one) for one in self.operators if one.alive)

    def until_sizes(self, *sizes: int) -> None:
        eventually(f"the shares are {sizes}", lambda: self.sizes() == list(sizes))

    def thrown_and_lost(
        self, within: float, lose: Callable[[Operator], object], measured: Callable[[Operator], float] | None = None
    ) -> int:
        """Throw all switches as one of three replicas is lost, until all took effect in time; return how often.

        In time means `within` seconds longer than a throw of all switches takes on this machine while nobody is lost,
        since a busy machine is slow without any loss. `measured` gives the seconds of another measure of the loss.
        """
        for tried in range(1, TRIES + 1):
            self.until_sizes(2, 3, 3)
            usual = self.thrown()
            self.released()
            lost = max(self.operators, key=held)
            lose(lost)
            took = self.thrown()
            took = took if measured is None else measured(lost)
            self.until_sizes(4, 4)
            self.released()
            if took < within + usual:
                return 2 * tried
            revive(lost)
        pytest.fail(f"not within {within:.0f} s and {usual:.1f} s in any of {TRIES} times; {took:.1f} s at last")

    def thrown(self) -> float:
        """Throw all switches and wait until they are Engaged; return the seconds until the last one took effect."""
        began = time.monotonic()
        self.throw()
        for cluster in self.clusters:
            cluster.until_replicas(0)
        took = time.monotonic() - began
        self.until(0, "Engaged")
        return took

    def released(self) -> None:
        """Release all switches and wait until they are Released."""
        self.release()
        self.until(3, "Released")

    def leaderless(self, lost: Operator) -> float:
        """For how many seconds the last of the shards that it has given back had nobody, by what all of them say."""
        given = next(line for line in reversed(said(lost, "not leading")))
        taken = {
            shard: moment(line["timestamp"])
            for one in self.operators
            for line in said(one, "leading")
            for shard in line["shards"]
            if one is not lost and line["timestamp"] > given["timestamp"]
        }
        return max((taken[shard] - moment(given["timestamp"])).total_seconds() for shard in given["shards"])

    def throw(self) -> None:
        for cluster in self.clusters:
            cluster.throw("shop-stop")

    def release(self) -> None:
        for cluster in self.clusters:
            cluster.release("shop-stop")

    def until(self, replicas: int, phase: str) -> None:
        for cluster in self.clusters:
            cluster.until_replicas(replicas)
            cluster.until_phase("shop-stop", phase)

    def acts(self) -> dict[str, list[Body]]:
        """By namespace, every write to a target that was accepted, by all of them, in the order of their time."""
        lines = [json.loads(line) for one in self.operators for line in one.log().splitlines() if '"act"' in line]
        done = sorted(
            (line["timestamp"], number, line) for number, line in enumerate(lines) if line["result"] == "done"
        )
        names = [cluster.namespace for cluster in self.clusters]
        return {name: [line for *_, line in done if line["namespace"] == name] for name in names}

    def writes(self) -> set[tuple[tuple[int, int], ...]]:
        """What was done to the targets of a namespace; one set where in all of them the same was."""
        return {tuple((one["before"], one["after"]) for one in lines) for lines in self.acts().values()}

    def engaged_once(self) -> bool:
        """Whether the Events say of each namespace that it was engaged by as many engagements as were told."""
        told = [Counter(event["involvedObject"]["kind"] for event in one.events("Engaged")) for one in self.clusters]
        return len({tuple(sorted(one.items())) for one in told}) == 1

    def close(self) -> None:
        try:
            if not any(one.alive for one in self.operators):
                self.join()
            for cluster in self.clusters:
                cluster.clear()
        finally:
            end(self.operators, [])


def said(operator: Operator, event: str) -> list[Body]:
    lines = [json.loads(line) for line in operator.log().splitlines() if f'"{event}"' in line]
    return [line for line in lines if line["event"] == event]


def held(operator: Operator) -> int:
    _, text = operator.http("/metrics")
    line = next(line for line in text.splitlines() if line.startswith("runbook_operator_shards_held "))
    return int(float(line.split()[1]))


def namespaces() -> list[str]:
    """Names of namespaces that are not there yet, one for each shard."""
    found: dict[int, str] = {}
    while len(found) < SHARDS:
        name = f"t-{uuid4().hex[:8]}"
        found.setdefault(shard_of(name, SHARDS), name)
    return [found[shard] for shard in range(SHARDS)]


def forget(name: str) -> None:
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def sharing(_crds: None, tmp_path: Path) -> Iterator[Sharing]:
    with ExitStack() as stack:
        names = namespaces()
        for name in names:
            api.create("/api/v1/namespaces", {"metadata": {"name": name}})
            stack.callback(forget, name)
        running = Sharing(names, tmp_path)
        stack.callback(running.close)
        for cluster in running.clusters:
            cluster.create(deployment(), runbook())
        for _ in range(3):
            running.join()
        for cluster in running.clusters:
            cluster.until_reason("switch", "shop-stop", "Ready")
        running.until_sizes(2, 3, 3)
        yield running


def test_switches_thrown_at_once_are_each_handled_once_by_the_shard_holder(sharing: Sharing) -> None:
    holders = sharing.holders()
    assert sorted(Counter(holders).values()) == [2, 3, 3]

    sharing.throw()
    sharing.until(0, "Engaged")
    sharing.release()
    sharing.until(3, "Released")

    assert sharing.writes() == {((3, 0), (0, 3))}
    assert sharing.engaged_once()
    assert sharing.holders() == holders
    by = {name: {one["operator"] for one in lines} for name, lines in sharing.acts().items()}
    assert by == {one.namespace: {holders[shard]} for shard, one in enumerate(sharing.clusters)}


def test_shards_of_a_killed_replica_move_within_five_seconds_without_repeated_writes(sharing: Sharing) -> None:
    before: list[str] = []

    def kill(replica: Operator) -> None:
        before[:] = sharing.holders()
        replica.kill()

    tried = sharing.thrown_and_lost(WITHIN_SECONDS, kill)

    assert sharing.sizes() == [4, 4]
    moved = [shard for shard in range(SHARDS) if sharing.holders()[shard] != before[shard]]
    assert len(moved) == 3
    assert sharing.writes() == {((3, 0), (0, 3)) * tried}
    assert sharing.engaged_once()


def test_stopped_replica_is_followed_within_a_second(sharing: Sharing) -> None:
    tried = sharing.thrown_and_lost(
        AFTER_SIGTERM_SECONDS, lambda replica: replica.signal(signal.SIGTERM), sharing.leaderless
    )

    assert sharing.writes() == {((3, 0), (0, 3)) * tried}


def test_frozen_replica_writes_nothing_in_moved_shards_after_waking(sharing: Sharing) -> None:
    frozen = max(sharing.operators, key=held)
    frozen.signal(signal.SIGSTOP)
    sharing.throw()
    sharing.until(0, "Engaged")
    sharing.release()
    sharing.until(3, "Released")
    assert frozen._identity not in sharing.holders()

    frozen.signal(signal.SIGCONT)
    sharing.until_sizes(2, 3, 3)
    sharing.throw()
    sharing.until(0, "Engaged")

    assert sharing.writes() == {((3, 0), (0, 3), (3, 0))}


def test_fourth_replica_takes_its_share_during_throws(sharing: Sharing) -> None:
    before = sharing.holders()
    fourth = sharing.join(wait=False)
    thrown = 0
    while thrown < 2 or not fourth.is_ready() or sharing.sizes() != [2, 2, 2, 2]:
        thrown += 1
        sharing.throw()
        sharing.until(0, "Engaged")
        sharing.release()
        sharing.until(3, "Released")

    after = sharing.holders()
    assert len([shard for shard in range(SHARDS) if before[shard] != after[shard]]) == 2
    assert sorted(Counter(after).values()) == [2, 2, 2, 2]
    assert sharing.writes() == {((3, 0), (0, 3)) * thrown}


def test_replicas_with_another_shard_count_wait_for_the_old_ones(sharing: Sharing) -> None:
    sharing.throw()
    sharing.until(0, "Engaged")
    old = list(sharing.operators)
    alone = sharing.join(shards=1)
    assert alone.is_ready()

    for one in old:
        assert held(alone) == 0
        one.stop()
    eventually("it leads", lambda: held(alone) == 1)
    sharing.release()
    sharing.until(3, "Released")

    assert sharing.writes() == {((3, 0), (0, 3))}
