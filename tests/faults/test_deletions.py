"""Deletions meet an operator that is down, or that crashes after any of its first writes: each comes to its end.

A namespace that is deleted takes its objects in any order, so that no two runs write the same. What is compared is what
must be left, and that nothing was written again and again.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from runbook_operator.api.switch import FINALIZER
from tests.e2e import api
from tests.e2e.harness import Cluster, Operator, eventually, fresh_namespace
from tests.e2e.people import policies
from tests.faults.deletions import DELETIONS, WRITES, Deletion
from tests.faults.proxy import Proxy, end
from tests.faults.scenarios import engaged, settled
from tests.faults.view import summary

OFTEN = 6
"""A switch is written for its record, its effect, its restore, its end and its finalizer."""
STORIES = [pytest.param(one, id=one.name) for one in DELETIONS]


@pytest.fixture(params=[True, False], ids=["with policies", "without policies"])
def has_policies(request: pytest.FixtureRequest, _crds: None) -> bool:
    """Whether the chart's policies are there, which mark a Switch in the write that engages it."""
    return bool(request.param)


@pytest.fixture
def place(has_policies: bool) -> Iterator[Cluster]:  # noqa: FBT001 # a fixture
    with fresh_namespace() as name, policies(name) if has_policies else nullcontext():
        yield Cluster(name)


@pytest.fixture
def run(place: Cluster, tmp_path: Path) -> Iterator["Run"]:
    with fresh_namespace() as home:
        made = Run(place, home, tmp_path)
        yield made
        end([made.operator], [made.proxy])


class Run:
    """One operator behind a proxy, with its lease in a namespace that stays."""

    def __init__(self, cluster: Cluster, home: str, folder: Path) -> None:
        self.cluster = cluster
        self.proxy = Proxy(folder / "proxy")
        settings = {"RUNBOOK_LEASE_NAMESPACE": home, "KUBECONFIG": str(self.proxy.kubeconfig)}
        self.operator = Operator(cluster.namespace, folder, **settings)  # type: ignore[arg-type] # all are strings
        self.operator.start()

    def prepare(self, *, marked: bool) -> None:
        """At rest and prepared, with the policy in force where there is one."""
        settled(self.cluster)
        eventually("it is prepared", lambda: self.cluster.get("switch", "shop-stop")["status"].get("prepared"))
        if marked:
            where = f"{api.path('switch', self.cluster.namespace, 'shop-stop')}?dryRun=All"
            throw = {"spec": {"engaged": True}}
            patch = "application/merge-patch+json"
            eventually(
                "the policy marks a throw",
                lambda: FINALIZER in api.request("PATCH", where, throw, patch)["metadata"].get("finalizers", []),
            )

    def crash_in(self, act: Callable[[], object], after: int) -> None:
        """Kill -9 after that many writes from now on, 0 for before the act."""
        if after == 0:
            self.operator.kill()
            act()
            return
        self.proxy.crash_at(after, lambda: self.operator.signal(signal.SIGKILL))
        act()

    def ends(self, story: Deletion) -> None:
        """Whoever leads now brings it to its end, and writes nothing without an end."""
        eventually(f"{story.name} is over", lambda: self._is_over(story))
        if story.replicas is not None:
            assert self.cluster.replicas() == story.replicas
        often = Counter(summary(self.proxy.writes, self.cluster.namespace))
        assert {path: times for path, times in often.items() if times > OFTEN and "/events" not in path} == {}
        for word in ("did not settle", "Traceback", "unexpected error"):
            assert word not in self.operator.log()

    def _is_over(self, story: Deletion) -> bool:
        if not self.operator.alive:
            self.operator.launch()
        return story.over(self.cluster)


@pytest.mark.parametrize("write", range(WRITES))
@pytest.mark.parametrize("story", STORIES)
def test_deletion_during_downtime_in_the_middle_of_a_throw_ends(
    run: Run, story: Deletion, write: int, *, has_policies: bool
) -> None:
    run.prepare(marked=has_policies)
    run.crash_in(lambda: run.cluster.throw("shop-stop"), write)
    eventually("the operator is down", lambda: not run.operator.alive)

    story.act(run.cluster)
    run.operator.launch()

    run.ends(story)


@pytest.mark.parametrize("write", range(1, WRITES + 1))
@pytest.mark.parametrize("story", STORIES)
def test_deletion_with_a_crash_after_any_write_ends(run: Run, story: Deletion, write: int) -> None:
    engaged(run.cluster)

    run.crash_in(lambda: story.act(run.cluster), write)

    run.ends(story)
