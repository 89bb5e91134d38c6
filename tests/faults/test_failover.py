"""Leaders that die, freeze and hang: another takes over in time, and nothing is done twice."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook
from tests.faults.failover import AFTER_SIGTERM_SECONDS, DEFAULTS, TRIES, WITHIN_SECONDS, revive
from tests.faults.proxy import Faults, Proxy, end

FROZEN_SECONDS = 20


class Replicas:
    """Some operators with the terms of the lease that users get, each behind a proxy of its own."""

    def __init__(self, cluster: Cluster, folder: Path, count: int) -> None:
        self.cluster = cluster
        self.proxies = [Proxy(folder / str(number)) for number in range(count)]
        self.operators = [
            Operator(cluster.namespace, folder / str(number), KUBECONFIG=str(proxy.kubeconfig), **DEFAULTS)  # type: ignore[arg-type] # all are strings
            for number, proxy in enumerate(self.proxies)
        ]
        for operator in self.operators:
            operator.launch()
        for operator in self.operators:
            eventually("it is ready", operator.is_ready)

    @property
    def leader(self) -> Operator:
        """The one that says that it leads."""
        return eventually("somebody leads", self._leader, seconds=10)  # type: ignore[no-any-return] # what was found

    def proxy_of(self, operator: Operator) -> Proxy:
        return self.proxies[self.operators.index(operator)]

    def thrown_and_lost(
        self, within: float, lose: Callable[[Operator], object], back: Callable[[Operator], object]
    ) -> list[tuple[int, int]]:
        """Throw a switch as the leader is lost, until that took effect in time; returns the writes that this takes."""
        for tried in range(1, TRIES + 1):
            leader = self.leader
            lose(leader)
            began = time.monotonic()
            self.cluster.throw("shop-stop")
            self.cluster.until_replicas(0)
            took = time.monotonic() - began
            self.cluster.until_phase("shop-stop", "Engaged")
            if took < within:
                return ([(3, 0), (0, 3)] * tried)[:-1]
            back(leader)
            self.cluster.release("shop-stop")
            self.cluster.until_phase("shop-stop", "Released")
        pytest.fail(f"not within {within:.0f} s in any of {TRIES} times; {took:.1f} s at last")

    def close(self) -> None:
        try:
            self.cluster.clear()
        finally:
            end(self.operators, self.proxies)

    def _leader(self) -> Operator | None:
        return next((one for one in self.operators if one.alive and says_it_leads(one)), None)


def says_it_leads(operator: Operator) -> bool:
    said = [json.loads(line)["event"] for line in operator.log().splitlines() if "leading" in line]
    return bool(said) and said[-1] == "leading"


@pytest.fixture(params=[2, 3])
def replicas(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Iterator[Replicas]:
    running = Replicas(cluster, tmp_path, request.param)
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.until_reason("runbook", "shop", "Ready")
    yield running
    running.close()


def acts(replicas: Replicas) -> list[tuple[int, int]]:
    """Every write to the target that was accepted, by all of them, in the order of their leadership."""
    lines = [json.loads(line) for one in replicas.operators for line in one.log().splitlines() if '"act"' in line]
    done = sorted((line["epoch"], line["timestamp"], line) for line in lines if line["result"] == "done")
    return [(line["before"], line["after"]) for _, _, line in done]


def test_killed_leader_is_followed_within_five_seconds(replicas: Replicas) -> None:
    writes = replicas.thrown_and_lost(WITHIN_SECONDS, Operator.kill, revive)

    assert acts(replicas) == writes


def test_stopped_leader_is_followed_within_a_second(replicas: Replicas) -> None:
    told: list[Operator] = []

    def stop(leader: Operator) -> None:
        told.append(leader)
        leader.signal(signal.SIGTERM)

    writes = replicas.thrown_and_lost(AFTER_SIGTERM_SECONDS, stop, revive)

    assert told[-1].wait() == 0
    assert acts(replicas) == writes


def test_stopping_leader_finishes_its_current_write(cluster: Cluster, replicas: Replicas) -> None:
    leader = replicas.leader
    proxy = replicas.proxy_of(leader)
    proxy.faults.stalled = lambda call: call.path.endswith("/scale")
    observed = len(proxy.calls)
    cluster.throw("shop-stop")
    eventually("the write is on its way", lambda: any(call.path.endswith("/scale") for call in proxy.calls[observed:]))

    leader.signal(signal.SIGTERM)
    proxy.faults = Faults()

    assert leader.wait() == 0
    cluster.until_phase("shop-stop", "Engaged")
    assert acts(replicas) == [(3, 0)]


@pytest.mark.parametrize("replicas", [2], indirect=True)
def test_frozen_leader_writes_nothing_after_waking(cluster: Cluster, replicas: Replicas) -> None:
    leader = replicas.leader
    leader.signal(signal.SIGSTOP)
    frozen = time.monotonic()
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    eventually("it was frozen for long", lambda: time.monotonic() - frozen > FROZEN_SECONDS, seconds=30)

    leader.signal(signal.SIGCONT)
    eventually("it knows that it does not lead", lambda: not says_it_leads(leader))
    cluster.throw("shop-up")

    eventually("it was done", lambda: cluster.get("switch", "shop-up")["status"].get("history"))
    assert acts(replicas) == [(3, 0), (0, 3), (3, 5)]
    assert cluster.replicas() == 5


@pytest.mark.parametrize("replicas", [2], indirect=True)
def test_leader_with_a_hanging_api_server_stops_leading_by_its_own_clock(replicas: Replicas) -> None:
    lost: list[Operator] = []

    def hang(leader: Operator) -> None:
        lost.append(leader)
        replicas.proxy_of(leader).faults.stalled = lambda _call: True

    def go_on(leader: Operator) -> None:
        replicas.proxy_of(leader).faults = Faults()

    writes = replicas.thrown_and_lost(WITHIN_SECONDS, hang, go_on)

    assert not says_it_leads(lost[-1])
    go_on(lost[-1])
    assert acts(replicas) == writes
