"""The whole operator but for its sockets, over a FaultyKube. Left out: watches, leader election and checks."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.store import Store
from runbook_operator.cache.throw_latency import Throws
from runbook_operator.controller.executor import step_executor
from runbook_operator.controller.reconciler import Reconciler
from runbook_operator.controller.registered_controllers import CONTROLLERS
from runbook_operator.controller.write_reporter import WriteReporter
from runbook_operator.core.monitors import Key, Reading, Watch
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.references import API_VERSION, Ref, switch_ref
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.list_cache import Lists
from runbook_operator.monitoring.io.check_scheduler import CheckScheduler
from runbook_operator.monitoring.io.monitoring_bridge import MonitoringBridge
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.runtime.background_budget import BackgroundBudget
from runbook_operator.runtime.keyed_locks import Locks
from runbook_operator.runtime.token_bucket import Bucket
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.telemetry.audit import Audit
from runbook_operator.telemetry.metrics import Metrics
from tests.builders import NAMESPACE, NOW, runbook_body, switch_body
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, Body, FaultyKube

STOP = switch_ref(NAMESPACE, "shop-stop")

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")


async def nobody(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
    """Nobody is asked: nothing is watched."""
    raise AssertionError(watches)


class Rig:
    """A Reconciler over a FaultyKube, with `shop-stop` thrown and the Deployment at 3."""

    kube_class: type[FaultyKube] = FaultyKube

    def __init__(self, **spec: Any) -> None:
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "web-1", "resourceVersion": "1"},
            "spec": {"replicas": 3},
        }
        thrown = switch_body(engaged=True, reason="INC-42")
        self.kube = self.kube_class({DEPLOYMENT: deployment, SWITCH: thrown})
        self.store = Store()
        for body in (runbook_body(**spec), thrown, deployment):
            self.store.put(body)
        self.queue: WorkQueue[Ref] = WorkQueue()
        self.budget = BackgroundBudget()
        lists = Lists(Paths(self.kube))
        reporter = WriteReporter(self.kube, Metrics(), Audit(), Throws())
        writer = step_executor(lists, Outbound(), self.store, reporter, lambda _keys: None, self.budget)
        self.time = NOW
        bucket = Bucket(10, 10)
        sensing = MonitoringBridge(
            CheckScheduler(nobody, self.queue.add, lambda _: False, Metrics()), self.store, lambda _keys: None
        )
        parts = (writer, sensing, self.queue, Locks[Ref](), Policy(), bucket, CONTROLLERS)
        self.reconciler = Reconciler(*parts, now=lambda: self.time)

    def release(self) -> None:
        patch: Body = {"metadata": {}, "spec": {"engaged": None}}
        self.store.put(self.kube._patched(SWITCH, patch))

    def engage(self) -> None:
        patch: Body = {"metadata": {}, "spec": {"engaged": True}}
        self.store.put(self.kube._patched(SWITCH, patch))

    def restart_with(self, deployment: Body) -> None:
        """Another leader, whose watch shows the Deployment as it was at another time."""
        self.store.put_target(observed_from(deployment))
        self.reconciler.executor.reader.lead()

    async def visit(self) -> SwitchStatus:
        """One visit, an hour after the one before: whatever was to be tried again is due."""
        self.time += timedelta(hours=1)
        await self.reconciler.visit(STOP)
        return self.store.switches[STOP].status
