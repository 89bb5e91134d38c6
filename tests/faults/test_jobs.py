"""A Job runs once per throw: crash the operator after every write of it, and delete the Job while it is down."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, eventually, runbook
from tests.faults.proxy import Proxy, end

WRITES = 7
"""The crash is after so many writes at most: record and finalizer, the Job, its uid, its begin, and Events."""
POD: Body = {"schedulerName": "nobody", "containers": [{"name": "job", "image": "none"}]}


class Run:
    """One operator behind a proxy, with a switch that runs a Job at rest."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.proxy = cluster, Proxy(folder / "proxy")
        kubeconfig = str(self.proxy.kubeconfig)
        self.operator = Operator(cluster.namespace, folder, KUBECONFIG=kubeconfig)
        self.operator.start()

    def crash(self, after: int) -> None:
        """Throw the switch, and kill -9 after that many writes."""
        action = {"runJob": {"job": {"template": {"spec": POD}}}}
        self.cluster.create(runbook(killSwitches=[{"name": "run", "actions": [action]}], scaling=[], targets=[]))
        self.cluster.until_reason("switch", "shop-run", "Ready")
        self.cluster.until_reason("runbook", "shop", "Ready")
        self.proxy.crash_at(after, lambda: self.operator.signal(signal.SIGKILL))
        self.cluster.throw("shop-run")
        eventually("the operator is down, or all is written", lambda: not self.operator.alive or self.is_over())
        self.proxy.never_crash()
        if self.operator.alive:
            self.operator.kill()

    def jobs(self) -> list[Body]:
        return api.items("job", self.cluster.namespace)

    def recorded(self) -> list[str]:
        """The uids in the record."""
        record = self.cluster.get("switch", "shop-run").get("status", {}).get("record") or {}
        return [one["uid"] for one in record.get("actions", []) if "uid" in one]

    def is_over(self) -> bool:
        """True if the Job begun, or a person is to look at what became of it."""
        entries = (self.cluster.get("switch", "shop-run").get("status", {}).get("record") or {}).get("actions", [])
        return any(one.get("begun") or (one.get("failure") or {}).get("reason") == "JobInterrupted" for one in entries)

    def begun(self) -> int:
        """How many Jobs were ever let begin."""
        return sum(1 for write in self.proxy.writes if write.startswith("PATCH") and "/jobs/" in write)


@pytest.fixture
def run(cluster: Cluster, tmp_path: Path) -> Iterator[Run]:
    made = Run(cluster, tmp_path)
    yield made
    end([made.operator], [made.proxy])


@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_job_deleted_during_downtime_never_runs_twice(run: Run, write: int) -> None:
    run.crash(write)
    recorded = run.recorded()
    for one in run.jobs():
        api.delete(api.path("job", run.cluster.namespace, one["metadata"]["name"]))
    eventually("no Job is left", lambda: not run.jobs())

    run.operator.launch()

    if recorded:
        run.cluster.until_reason("switch", "shop-run", "JobInterrupted")
    eventually("it is over", run.is_over)
    assert run.begun() <= 1
    assert len(run.jobs()) == (0 if recorded else 1)
