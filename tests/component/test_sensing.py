"""From an answer to a held switch: the sensor, the Runbook's visits and the switch's, on a clock that passes at once.

Left out are the API server, which `FaultyKube` stands in for, and the network: an answer is what the test says.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.deep_checks import DeepChecks
from runbook_operator.cache.store import Store
from runbook_operator.cache.throw_latency import Throws
from runbook_operator.cli import run
from runbook_operator.controller.executor import step_executor
from runbook_operator.controller.reconciler import Reconciler
from runbook_operator.controller.registered_controllers import CONTROLLERS
from runbook_operator.controller.write_reporter import WriteReporter
from runbook_operator.core.monitors import Key, Reading, Watch
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.signals import Signal
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.list_cache import Lists
from runbook_operator.monitoring.io.check_scheduler import CheckScheduler
from runbook_operator.monitoring.io.monitoring_bridge import MonitoringBridge
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.runtime import gc_tuning
from runbook_operator.runtime.background_budget import BackgroundBudget
from runbook_operator.runtime.keyed_locks import Locks
from runbook_operator.runtime.token_bucket import Bucket
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.settings import Settings
from runbook_operator.telemetry.audit import Audit
from runbook_operator.telemetry.metrics import Metrics
from tests.builders import NAMESPACE, NOW, Body, kill_switch, runbook_body, switch_body
from tests.fakes.addressed_kube import Addressed, Uninstalled
from tests.fakes.check_loop import BEGINNING, GOOD, on_a_fake_clock, passing
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, FaultyKube
from tests.fakes.list_kube import ListKube
from tests.fakes.rig import STOP
from tests.watching import MODEL

SHOP = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")
RUNBOOK = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/runbooks/shop"
DOWN = Reading(ok=False, reason="Refused", message="the connection was refused: Service/model:8080")
FAST = MODEL | {"targets": [], "period": "1s", "for": "2s", "recoverAfter": "3s", "noDataAfter": "10s"}
NOTHING = Reading(reason="NotListed", message="the Services are not listed yet")


def cluster(**spec: Any) -> FaultyKube:
    """A Runbook with a dependency whose fallback is `stop`, its Switch, and the Deployment at 3."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "web-1", "resourceVersion": "1"},
        "spec": {"replicas": 3},
    }
    body = runbook_body(**({"dependencies": [FAST]} | spec))
    return FaultyKube({DEPLOYMENT: deployment, SWITCH: switch_body(), RUNBOOK: body})


def now() -> datetime:
    return NOW + timedelta(seconds=passing().seconds - BEGINNING)


class Replica:
    """One replica that leads while it is `leading`. What it writes it learns at once, what others write by `see`."""

    def __init__(self, kube: FaultyKube) -> None:
        self.kube = kube
        self.answer = GOOD
        self.store = Store()
        self.queue: WorkQueue[Ref] = WorkQueue()
        self.written: list[str] = []
        self.fault: Callable[[str], None] = lambda _path: None
        kube.fault = self._write
        outbound, metrics = Outbound(), Metrics()
        reporter = WriteReporter(kube, metrics, Audit(), Throws())
        writer = step_executor(Lists(Paths(kube)), outbound, self.store, reporter, self._wake, BackgroundBudget())
        self.scheduler = CheckScheduler(
            self._ask, self.queue.add, lambda _runbook: True, metrics, now, lambda: passing().seconds
        )
        self.monitoring = MonitoringBridge(self.scheduler, self.store, self._wake, now)
        self.reconciler = Reconciler(
            writer,
            self.monitoring,
            self.queue,
            Locks(),
            Policy(),
            Bucket(10, 10),
            CONTROLLERS,
            now,
            DeepChecks(lambda: passing().seconds),
        )

    async def _ask(self, watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        return {one.key: self.answer for one in watches}

    def _wake(self, keys: Any) -> None:
        for key in keys:
            self.queue.add(key)

    def _write(self, _method: str, path: str) -> None:
        self.written.append(path)
        self.fault(path)

    def handle_event(self, path: str) -> None:
        """A watch tells of an object."""
        self._wake(self.store.put(self.kube.objects[path]))

    def edit(self, spec: Body) -> None:
        """Somebody patches the Runbook."""
        generation = self.kube.objects[RUNBOOK]["metadata"]["generation"] + 1
        self.kube._patched(RUNBOOK, {"metadata": {"generation": generation}, "spec": spec})
        self.handle_event(RUNBOOK)

    def delete_runbook(self) -> None:
        gone = self.kube.objects.pop(RUNBOOK)
        self._wake(self.store.drop(SHOP, gone["metadata"]["uid"]) | {SHOP})

    @property
    def status(self) -> SwitchStatus:
        return self.store.switches[STOP].status

    @property
    def told(self) -> str:
        """The level of the dependency, as the API server has it."""
        return str(self.kube.objects[RUNBOOK]["status"]["dependencies"][0]["level"])

    @property
    def health(self) -> Mapping[str, str]:
        """The status of each condition of the Runbook."""
        return {one["type"]: one["status"] for one in self.kube.objects[RUNBOOK]["status"]["conditions"]}


@asynccontextmanager
async def leading(kube: FaultyKube) -> AsyncIterator[Replica]:
    """A replica that begins to lead, as after a start or a failover."""
    replica = Replica(kube)
    for path in (DEPLOYMENT, SWITCH, RUNBOOK):
        replica.handle_event(path)
    replica.monitoring.clear()
    replica.queue.resume()
    work = [replica.queue.work(replica.reconciler.visit), replica.queue.work(replica.reconciler.visit)]
    tasks = [asyncio.create_task(one) for one in (*work, replica.scheduler.run())]
    try:
        yield replica
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def become(replica: Replica, answer: Reading, seconds: float = 5) -> None:
    """It is answered like this for so long."""
    replica.answer = answer
    await asyncio.sleep(seconds)


@on_a_fake_clock
async def test_failed_dependency_engages_its_fallback_until_it_recovers() -> None:
    async with leading(cluster()) as replica:
        await become(replica, GOOD)
        assert (replica.told, replica.kube.replicas, replica.health["Healthy"]) == ("Ok", 3, "True")

        await become(replica, DOWN)

        assert (replica.told, replica.kube.replicas) == ("Critical", 0)
        assert replica.health == {"Ready": "True", "Healthy": "False"}
        (hold,) = replica.status.holds
        assert (hold.source, hold.name) == ("Dependency", "model")
        assert hold.reason == "the connection was refused: Service/model:8080; impact if down: No AI responses"
        assert replica.status.engaged_by == "Dependency model"
        await become(replica, GOOD)
        assert (replica.told, replica.kube.replicas, replica.status.phase) == ("Ok", 3, "Released")
        assert [one["reason"] for one in replica.kube.events if one["involvedObject"]["kind"] == "Runbook"] == [
            "Critical",
            "Engaged",
            "Recovered",
            "Restored",
        ]


@on_a_fake_clock
async def test_unchanged_answer_writes_no_status() -> None:
    async with leading(cluster()) as replica:
        await become(replica, GOOD)
        replica.written.clear()

        await become(replica, GOOD, 300)

        assert replica.written == []


@on_a_fake_clock
async def test_missing_data_neither_engages_nor_releases() -> None:
    async with leading(cluster()) as replica:
        await become(replica, NOTHING, 30)
        assert (replica.told, replica.kube.replicas, replica.health["Healthy"]) == ("Stale", 3, "Unknown")
        await become(replica, DOWN)
        assert replica.kube.replicas == 0

        await become(replica, NOTHING, 600)

        assert (replica.told, replica.kube.replicas, replica.status.phase) == ("Stale", 0, "Engaged")


@on_a_fake_clock
async def test_new_leader_continues_from_the_reported_level() -> None:
    kube = cluster()
    async with leading(kube) as before:
        await become(before, DOWN)
        assert before.status.record is not None
        engagement = before.status.record.engagement_id
    said = len(kube.events)

    async with leading(kube) as replica:
        await become(replica, NOTHING)
        assert (replica.told, kube.replicas, replica.written) == ("Critical", 0, [])
        await become(replica, DOWN)
        assert (replica.written, len(kube.events)) == ([], said)
        await become(replica, GOOD)

        assert (replica.told, kube.replicas) == ("Ok", 3)
        assert [one.engagement_id for one in replica.status.history] == [engagement]


@on_a_fake_clock
async def test_new_leader_does_not_engage_by_an_old_level() -> None:
    """The leader before it wrote the status and ended, and its switch is not held; nobody is asked yet."""
    kube = cluster()
    told = {"name": "model", "level": "Critical", "known": "Critical", "since": "2026-11-24T01:00:00Z"}
    kube.objects[RUNBOOK]["status"] = {"dependencies": [told]}

    async with leading(kube) as replica:
        await become(replica, NOTHING)
        assert (replica.told, kube.replicas) == ("Critical", 3)

        await become(replica, DOWN)

        assert kube.replicas == 0


@on_a_fake_clock
async def test_leader_of_a_second_term_ignores_signals_of_the_first() -> None:
    async with leading(cluster()) as replica:
        await become(replica, DOWN)
        assert [one.verdict for one in replica.store.signals_of(STOP)] == ["Engage"]

        replica.answer = NOTHING
        replica.monitoring.clear()

        assert replica.store.signals_of(STOP) == ()
        replica.queue.add(SHOP)
        await become(replica, NOTHING)
        assert [one.verdict for one in replica.store.signals_of(STOP)] == ["Unknown"]
        await become(replica, GOOD)
        assert replica.kube.replicas == 3


@on_a_fake_clock
async def test_removed_entry_releases_its_switch() -> None:
    async with leading(cluster()) as replica:
        await become(replica, DOWN)

        replica.edit({"dependencies": []})
        await become(replica, DOWN)

        assert (replica.kube.replicas, replica.status.holds) == (3, [])
        assert replica.monitoring.monitor_states(SHOP) == {}
        assert "Healthy" not in replica.health


@on_a_fake_clock
async def test_added_entry_is_monitored_and_the_others_continue() -> None:
    async with leading(cluster()) as replica:
        await become(replica, DOWN)
        since = replica.kube.objects[RUNBOOK]["status"]["dependencies"][0]["since"]

        replica.edit({"dependencies": [FAST, FAST | {"name": "cache", "fallback": None}]})
        await become(replica, DOWN)

        model, cache = replica.kube.objects[RUNBOOK]["status"]["dependencies"]
        assert (model["since"], cache["level"]) == (since, "Critical")
        assert replica.kube.replicas == 0


@on_a_fake_clock
async def test_unparsable_runbook_releases_no_switch() -> None:
    async with leading(cluster()) as replica:
        await become(replica, DOWN)

        replica.edit({"killSwitches": [kill_switch("BAD")]})
        await become(replica, GOOD, 60)

        assert (replica.kube.replicas, replica.told) == (0, "Critical")
        assert replica.health == {"Ready": "False", "Healthy": "Unknown"}
        replica.edit({"killSwitches": [kill_switch()]})
        await become(replica, GOOD)
        assert replica.kube.replicas == 3


@on_a_fake_clock
async def test_deleted_runbook_is_no_longer_checked() -> None:
    async with leading(cluster()) as replica:
        await become(replica, GOOD)
        assert replica.monitoring.monitor_states(SHOP)

        replica.delete_runbook()
        await become(replica, GOOD)

        assert replica.monitoring.monitor_states(SHOP) == {}


@on_a_fake_clock
async def test_recreated_runbook_is_monitored() -> None:
    async with leading(cluster()) as replica:
        await become(replica, GOOD)
        replica.delete_runbook()
        await become(replica, GOOD)

        again = runbook_body(uid="rb-2", dependencies=[FAST])
        again["metadata"]["resourceVersion"] = str(replica.kube.version)
        replica.kube.objects[RUNBOOK] = again
        replica.handle_event(RUNBOOK)
        await become(replica, DOWN)

        assert replica.told == "Critical"


@on_a_fake_clock
async def test_switch_is_held_although_the_runbook_status_cannot_be_written() -> None:
    async with leading(cluster()) as replica:
        await become(replica, GOOD)

        def refuse(path: str) -> None:
            if path.startswith(RUNBOOK):
                raise errors.UnavailableError("500")

        replica.fault = refuse
        await become(replica, DOWN, 10)

        assert (replica.told, replica.kube.replicas) == ("Ok", 0)


@on_a_fake_clock
async def test_signals_of_another_runbooks_switch_are_unchanged() -> None:
    async with leading(cluster()) as replica:
        theirs = switch_body(runbook="other")
        theirs["metadata"]["uid"] = "uid-theirs"
        ref = Ref(API_VERSION, "Switch", NAMESPACE, "other-stop")
        replica.store.put(theirs)
        said = (Signal("Metric", "errors", "Engage", "12% > 10%"),)
        replica.store.set_signals(ref, said)

        await become(replica, DOWN)

        assert replica.store.signals_of(ref) == said


async def test_standby_replica_checks_nothing_and_starts_without_signals() -> None:
    operator = run.Operator(Settings(), ListKube(), ListKube(), ListKube())
    said = (Signal("Dependency", "model", "Engage"),)
    operator.store.set_signals(STOP, said)

    assert not operator.scheduler.may_ask(SHOP)
    operator.lead()

    assert operator.store.signals_of(STOP) == ()


async def test_configured_sources_exist_before_the_first_visit(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text("default: {url: https://prometheus.example.com}")
    operator = run.Operator(Settings(metric_sources=str(file)), Addressed(), ListKube(), ListKube())

    ending = asyncio.create_task(asyncio.sleep(60))
    assert await operator._first_sync(ending)

    assert list(operator.components.sources) == ["default"]
    ending.cancel()
    await operator._stop()
    assert list(operator.components.sources) == []


async def test_start_that_waits_for_crds_collects_garbage() -> None:
    gc_tuning.starting()
    kube = Uninstalled()
    operator = run.Operator(Settings(), kube, ListKube(), ListKube())

    assert not await operator._first_sync(asyncio.create_task(kube.missed()))

    assert gc.isenabled()
