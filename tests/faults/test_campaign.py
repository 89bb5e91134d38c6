"""Crash the operator after every write of every story: the end is the same as if nothing had happened.

The method is that of Sieve (OSDI 2022): a reference run, the same run with one fault at each possible place, and the
comparison of both end states and of how often each object was written.
"""

import fcntl
import json
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.e2e.harness import QUICK_LEASE, Body, Cluster, Operator, eventually, fresh_namespace, pause
from tests.faults.proxy import Proxy, end
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.view import summary, view

CASES = [pytest.param(one, write, id=f"{one.name}-{write}") for one in SCENARIOS for write in range(1, one.writes + 1)]
STORIES = [pytest.param(one, id=one.name) for one in SCENARIOS]
STEADY_LOOKS = 5
TIMELESS = {"RUNBOOK_PROGRESS_SECONDS": "3600", "RUNBOOK_REQUEST_TIMEOUT": "60"}
"""How far pods are is told when it takes long, and what is not answered is written again: no two runs share that."""
Ending = tuple[Body, Counter[str]]


class Run:
    """One story from its beginning to its end, with the operators behind proxies of their own."""

    def __init__(self, scenario: Scenario, cluster: Cluster, folder: Path) -> None:
        self.scenario, self.cluster = scenario, cluster
        self.proxies = [Proxy(folder / f"proxy-{number}") for number in range(scenario.replicas)]
        # Only a failover waits for a lease to expire.
        settings = TIMELESS | (QUICK_LEASE if scenario.replicas > 1 else {})
        self.operators = [
            Operator(cluster.namespace, folder / str(number), KUBECONFIG=str(proxy.kubeconfig), **settings)  # type: ignore[arg-type] # all are strings
            for number, proxy in enumerate(self.proxies)
        ]

    def play(self) -> Ending:
        """Nothing goes wrong; returns the end state and how often each object was written from the act on."""
        self._begin()
        self.scenario.act(self.cluster)
        eventually(f"{self.scenario.name} is over", lambda: self.scenario.over(self.cluster))
        with suppress(pytest.fail.Exception):
            # What ends a story is seldom the last that is written; how much is to come is known.
            eventually("all is written", lambda: self._writes().total() >= self.scenario.writes)
        self._steady()
        return self._ending()

    def play_with_crash(self, after: int, expected: Ending) -> Ending:
        """As play, with a crash after the so-manieth write; waits for the end that is expected, and then for more."""
        self._begin()
        self._crash(after)
        with suppress(pytest.fail.Exception):
            eventually("the end is the same", lambda: self._writes() == expected[1] and self._ending() == expected)
        self._steady()
        return self._ending()

    def _ending(self) -> Ending:
        return view(self.cluster), self._writes()

    def _writes(self) -> Counter[str]:
        done = [write for one, start in zip(self.proxies, self._before, strict=True) for write in one.writes[start:]]
        return summary(done, self.cluster.namespace, self.scenario.beside)

    def close(self) -> None:
        """Let everything go while an operator is there to do it."""
        try:
            if not any(operator.alive for operator in self.operators):
                self.operators[0].launch()
            self.cluster.clear()
        finally:
            end(self.operators, self.proxies)

    def _begin(self) -> None:
        self.operators[0].start()
        for standby in self.operators[1:]:
            standby.launch()
            eventually("the standby is ready", standby.is_ready)
        self.scenario.begin(self.cluster)
        self._steady()
        self._before = [len(one.writes) for one in self.proxies]

    def _crash(self, after: int) -> None:
        leader = self.operators[0]
        self.proxies[0].crash_at(after, lambda: leader.signal(signal.SIGKILL))
        self.scenario.act(self.cluster)
        assert leader.wait() == -signal.SIGKILL, "the story has fewer writes than the campaign thinks"
        if len(self.operators) == 1:
            leader.launch()

    def _steady(self) -> None:
        """Wait until nothing is under way: as many looks in a row as find no write more and every leader idle.

        An operator that has not had the processor for a while has not answered, and so is not idle.
        """
        quiet, observed = 0, -1
        while quiet < STEADY_LOOKS:
            idle = all(_is_idle(operator) for operator in self.operators if operator.alive)
            now = sum(len(one.writes) for one in self.proxies)
            quiet, observed = (quiet + 1, now) if idle and now == observed else (0, now)
            pause()


def _is_idle(operator: Operator) -> bool:
    """Whether it says that it has nothing to look at, or that it only stands by."""
    try:
        lines = operator.http("/metrics")[1].splitlines()
    except OSError:
        return False
    shown = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    return not shown["runbook_operator_leading"] or not shown["runbook_operator_queue_length"]


def difference(expected: Ending, found: Ending) -> str:
    """Every line in which the end or the writes of a run differ from those of the reference, with what is around it."""
    before, after = (json.dumps(one, indent=1, sort_keys=True, default=str).splitlines() for one in (expected, found))
    return "\n".join(unified_diff(before, after, "without a crash", "with a crash", lineterm="", n=6))


@pytest.fixture(scope="session")
def reference(_crds: None, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[Scenario], Ending]:
    """How a story ends where nothing goes wrong; each is played once, by the first of the workers that asks for it."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent

    def play(scenario: Scenario) -> Ending:
        path = shared / f"{scenario.name}.json"
        with (shared / f"{scenario.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                folder = tmp_path_factory.mktemp("reference")
                with fresh_namespace() as namespace, closing(Run(scenario, Cluster(namespace), folder)) as run:
                    path.write_text(json.dumps(run.play()))
        end, writes = json.loads(path.read_text())
        return end, Counter(writes)

    return play


@pytest.mark.parametrize(("scenario", "write"), CASES)
def test_crash_after_any_write_ends_in_the_same_state(
    reference: Callable[[Scenario], Ending],
    cluster: Cluster,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    scenario: Scenario,
    write: int,
) -> None:
    record_property("campaign", scenario.name)
    expected = reference(scenario)

    with closing(Run(scenario, cluster, tmp_path)) as run:
        found = run.play_with_crash(write, expected)
        # All of it: pytest shows the head of a difference, and a run that ends otherwise may not come again.
        if found != expected:
            pytest.fail(difference(expected, found))


@pytest.mark.parametrize("scenario", STORIES)
def test_campaign_lists_every_write_of_its_stories(reference: Callable[[Scenario], Ending], scenario: Scenario) -> None:
    _, writes = reference(scenario)

    assert writes.total() == scenario.writes, "\n".join(f"{times} {write}" for write, times in writes.items())


def test_run_with_another_end_prints_every_different_line() -> None:
    expected = ({"switches": {f"s{one}": {"phase": "Released"} for one in range(200)}}, Counter({"PATCH a": 1}))
    found = ({"switches": {f"s{one}": {"phase": "Stalled"} for one in range(200)}}, Counter({"PATCH a": 2}))

    lines = difference(expected, found).splitlines()

    assert sum(line.startswith("+") and "Stalled" in line for line in lines) == 200
    assert '+  "PATCH a": 2' in lines
