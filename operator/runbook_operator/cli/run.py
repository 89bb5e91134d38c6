"""The composition root: build settings, clients, store, queue, election and workers, and then kopf's watches."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import structlog

from runbook_operator import __version__
from runbook_operator.cache.namespace_coverage import Coverage
from runbook_operator.cache.store import Store
from runbook_operator.cache.throw_latency import Throws
from runbook_operator.cli.readiness import unready
from runbook_operator.controller import kopf_watches
from runbook_operator.controller.executor import step_executor
from runbook_operator.controller.reconciler import Reconciler
from runbook_operator.controller.registered_controllers import CONTROLLERS
from runbook_operator.controller.state_gauges import measure, measure_coverage
from runbook_operator.controller.write_reporter import WriteReporter
from runbook_operator.core.ip_policy import IPAddress
from runbook_operator.core.references import Ref, meta_of
from runbook_operator.core.sharding import ObjectFilter, all_objects
from runbook_operator.delivery.service import Delivery
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.apiserver_addresses import own_addresses
from runbook_operator.kube.client import Kube
from runbook_operator.kube.connections import connections
from runbook_operator.kube.crd_check import Crds
from runbook_operator.kube.discovery import Paths, namespace_of
from runbook_operator.kube.dynamic_watcher import Follower
from runbook_operator.kube.list_cache import Lists
from runbook_operator.kube.scaler_and_route_cache import Catalogue
from runbook_operator.leadership.leader import leadership
from runbook_operator.monitoring.io.check_scheduler import CheckScheduler
from runbook_operator.monitoring.io.monitoring_bridge import MonitoringBridge, MonitoringComponents
from runbook_operator.runtime import gc_tuning
from runbook_operator.runtime.background_budget import BackgroundBudget
from runbook_operator.runtime.keyed_locks import Locks
from runbook_operator.runtime.token_bucket import Bucket
from runbook_operator.runtime.work_queue import WorkQueue, backoff
from runbook_operator.settings import Settings
from runbook_operator.telemetry.audit import Audit
from runbook_operator.telemetry.http_server import Answers, serve
from runbook_operator.telemetry.logs import set_up
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
KEEPALIVE_SECONDS = 10.0
"""Seconds between two keep-alive requests; an idle connection is closed after 15 s."""
FOR_LEVERS = 4
"""Workers in addition to those of the settings, only for switches whose spec.engaged changed."""
RELIST_AFTER_TAKEOVER = 5.0
"""Seconds from the start of leadership to the relist; throws made meanwhile are carried out before it.

A relist spares later throws a read of what this leader listed; listing first would delay the takeover.
"""
RELIST_COST_FACTOR = 10.0
"""Wait 10 times the duration of the last relist before the next: an overload must not cause more load."""
Until = Callable[[], Coroutine[Any, Any, None]]


class Operator:
    """One replica. Every replica watches and fills its store; only the leader of an object's namespace works on it."""

    def __init__(self, settings: Settings, kube: Kube, lease_kube: Kube, watch_kube: Kube) -> None:
        self.settings = settings
        self.store = Store()
        self.queue: WorkQueue[Ref] = WorkQueue()
        self.throws = Throws()
        self.metrics = Metrics()
        self.elector = leadership(settings, lease_kube, self.queue, self.lead, self.rest)
        self.kube = kube = kube.guarded(lambda path: self.elector.leads(namespace_of(path)))
        self.forbidden: set[IPAddress] = set()
        self.out = Outbound(settings.allowed_urls, settings.allowed_networks, self.forbidden)
        self.delivery = Delivery(settings, kube, self.forbidden, self.metrics.message)
        seconds = (settings.watch_seconds, settings.resync_seconds)
        self.paths = Paths(kube)
        self.catalogue = Catalogue(Paths(watch_kube), settings.namespaces, *seconds, lacks=self.paths.lacks)
        reporter = WriteReporter(kube, self.metrics, self._audit(), self.throws, self.delivery)
        budget = BackgroundBudget()
        lists = Lists(self.paths, self.catalogue.find)
        self.executor = step_executor(lists, self.out, self.store, reporter, self.wake, budget)
        self.coverage = _coverage(self)
        self.follower = Follower(
            Paths(watch_kube), self.store, self.handle_event, *seconds, accounts=self.store.accounts
        )
        self.store.held_targets_changed.add(self.follower.sync_watches)
        self.components = MonitoringComponents(settings, (kube, watch_kube), self.out, self.metrics, budget)
        self.scheduler = _check_scheduler(self)
        self.monitoring = MonitoringBridge(self.scheduler, self.store, self.wake, languages=self.components.languages)
        self.crds = Crds(kube)
        self.reconciler = _reconciler(self)
        self.metrics.gauge("crd_missing_fields", "Fields that the installed CRDs lack.", self.crds.count)
        self._led = asyncio.Event()
        self.watch: kopf_watches.Watch | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        measure(self.metrics, self.elector, settings.shards, self.queue)
        self.reconciler.expose(self.metrics)

    def lead(self, only: ObjectFilter = all_objects) -> None:
        """Start to lead the objects that `only` accepts: visit all, beginning with throws that are not answered yet."""
        self.executor.reader.lead(only)
        self.monitoring.clear(only)
        self.wake(filter(only, self.reconciler.unanswered()), urgent=True)
        self.wake(filter(only, self.store.keys()))
        self.queue.resume()
        self._led.set()

    def rest(self, only: ObjectFilter) -> None:
        """Stop leading the objects that `only` accepts: stop their checks and drop their reserved engagements."""
        self.monitoring.clear(only)
        self.store.stop_leading(only)

    def wake(self, keys: Iterable[Ref], *, urgent: bool = False) -> None:
        """Queue these objects for a visit."""
        for key in keys:
            self.queue.add(key, urgent=urgent)

    def handle_event(self, kind: str | None, body: dict[str, Any]) -> None:
        """Handle a watch event; kind None is an object of a list, from which the time of a throw is unknown."""
        meta = meta_of(body)
        before = self.store.own(meta.ref)
        wake = self.store.drop(meta.ref, meta.uid) if kind == "DELETED" else self.store.take(body)
        after = self.store.own(meta.ref)
        self.wake(wake)
        if kind is not None and after is not None and self.reconciler.is_urgent(before, after):
            self.queue.add(after.meta.ref, urgent=True)

    async def run(self, until: Until) -> None:
        """Run until `until` returns; then finish the visits under way and release the lease."""
        # Start waiting at once: the kernel ignores signals without a handler for a container's first process.
        ending = asyncio.create_task(until())
        async with self._serving():
            if not await self._first_sync(ending):
                return
            self._tasks.update(asyncio.create_task(work) for work in self._work())
            self.watch = _watch(self)
            self.watch.start()
            await ending
            log.info("stopping")
            await self._stop()
            await self.watch.stop()

    def unhealthy(self) -> list[str]:
        """Return a sentence per problem that only a restart would solve."""
        return [f"task {task.get_coro()} ended unexpectedly" for task in self._tasks if task.done()]

    def unready(self) -> list[str]:
        """Return a sentence per problem that keeps this replica from carrying out a throw or from taking over."""
        return [*self.unhealthy(), *unready(self.watch, self.coverage, self.elector)]

    def warnings(self) -> list[str]:
        """Return a sentence per limitation of this replica, which is ready otherwise."""
        return [*self.coverage.warnings(), *self.crds.warnings()]

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        workers = [self.queue.work(self.reconciler.visit) for _ in range(self.settings.workers)]
        workers += [self.queue.work(self.reconciler.visit, urgent=True) for _ in range(FOR_LEVERS)]
        watching = [self.coverage.run(), self.follower.run(), self.catalogue.run(), self.scheduler.run()]
        watching += [*self.components.work(), self.crds.run(), *self.delivery.work()]
        return [*workers, self.elector.run(), self._resync_for_ever(), self._keep_connection_open(), *watching]

    def leads(self, ref: Ref) -> bool:
        """True if this replica leads the object's namespace."""
        return self.elector.leads(ref.namespace)

    def is_watched(self, ref: Ref) -> bool:
        """True if a watch delivers each change of the object."""
        return self.store.listings.proves_absence(ref) or (self.store.is_held(ref) and self.follower.follows(ref))

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        answers = Answers(self.metrics.render, self.unhealthy, self.unready, self.warnings)
        runner, port = await serve(self.settings.http_host, self.settings.http_port, answers)
        log.info("runbook-operator", version=__version__, http=f"http://{self.settings.http_host}:{port}")
        try:
            yield
        finally:
            await runner.cleanup()

    async def _first_sync(self, ending: asyncio.Task[None]) -> bool:
        failures = 0
        await self.components.sources.refresh()
        while not self.coverage.begun and not ending.done():
            try:
                await self._resync()
            except errors.ApiError as error:
                log.warning("cannot list yet; the operator tries again", error=str(error), hint=_hint(error))
                gc_tuning.settle()
                await asyncio.wait((ending,), timeout=backoff(failures))
                failures += 1
        if failures and self.coverage.begun:
            log.info("can list now")
        return self.coverage.begun

    async def _resync_for_ever(self) -> None:
        took, time = 0.0, asyncio.get_running_loop().time
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.resync_seconds):
                    await self._led.wait()
                    self._led.clear()
                    await asyncio.sleep(max(RELIST_AFTER_TAKEOVER, took * RELIST_COST_FACTOR))
            began = time()
            try:
                self.wake(await self._resync())
            except errors.ApiError as error:
                log.warning("the resync failed; the next one comes at its usual time", error=str(error))
            took = time() - began

    async def _resync(self) -> frozenset[Ref]:
        """Update the API server's addresses, which checks may not reach, and list everything into the store."""
        found = await own_addresses(self.kube, self.out.guard.resolver)
        self.forbidden.clear()
        self.forbidden.update(found)
        found_again = await self.coverage.list_all()
        gc_tuning.settle()
        return found_again

    async def _keep_connection_open(self) -> None:
        """Keep the connection open: it closes after 15 s idle, and a throw must not wait for a handshake.

        The request lists the API groups, so that a throw need not check if a missing kind exists by now.
        """
        while True:
            with contextlib.suppress(errors.ApiError):
                await self.paths.refresh()
            await asyncio.sleep(KEEPALIVE_SECONDS)

    async def _stop(self) -> None:
        self.queue.pause()
        self.elector.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.request_timeout):
                await self.queue.idle()
        await self.elector.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.components.close()

    def _audit(self) -> Audit:
        path = Path(self.settings.audit_file) if self.settings.audit_file else None
        return Audit(self.settings.identity, self.elector.epoch_of, path)


async def signalled() -> None:
    """Wait for SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    await stop.wait()


async def run(settings: Settings, until: Until = signalled) -> None:
    """Run one replica until `until` returns, by default at SIGTERM or SIGINT."""
    gc_tuning.starting()
    set_up(settings.log_format, settings.log_level)
    async with connections(settings) as made:
        await Operator(settings, made.work, made.lease, made.watches).run(until)


def _check_scheduler(operator: Operator) -> CheckScheduler:
    """Make the scheduler of the checks, which yields to a switch that is thrown."""
    queue, checker = operator.queue, operator.components.asking
    return CheckScheduler(checker, queue.add, operator.leads, operator.metrics, has_urgent=lambda: queue.has_urgent)


def _coverage(operator: Operator) -> Coverage:
    """Make the Coverage: it lets no object be visited before its namespace is listed, and a metric shows it."""
    listing, namespaces = operator.executor.reader.read_versions.listing, operator.settings.namespaces
    made = Coverage(operator.kube, operator.store, namespaces, listing, operator.wake)
    made.limit(operator.queue)
    measure_coverage(operator.metrics, made)
    return made


def _reconciler(operator: Operator) -> Reconciler:
    policy, rate = operator.settings.policy, operator.settings.reapplies_per_second
    parts = (operator.executor, operator.monitoring, operator.queue, Locks[Ref](), policy, Bucket(rate, max(1.0, rate)))
    is_watched, cause = operator.is_watched, operator.crds.cause
    return Reconciler(*parts, CONTROLLERS, is_watched=is_watched, cause=cause, delivery=operator.delivery)


def _watch(operator: Operator) -> kopf_watches.Watch:
    settings = operator.settings
    return kopf_watches.Watch(
        operator.handle_event, settings.namespaces, settings.watch_seconds, operator.coverage.suspect
    )


def _hint(error: errors.ApiError) -> str:
    if isinstance(error, errors.NotFoundError):
        return "the CRDs are not installed: runbook-operator crds | kubectl apply --server-side -f -"
    return error.user_action
