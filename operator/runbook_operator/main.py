"""The composition root: settings, clients, store, queue, leader, workers, and then kopf's watching."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any

import structlog

from runbook_operator import __version__, errors, handlers
from runbook_operator.io.kube import Kube, connect
from runbook_operator.io.lease import Elector, Terms
from runbook_operator.io.locks import Locks
from runbook_operator.io.paths import Paths
from runbook_operator.io.queue import WorkQueue, backoff
from runbook_operator.io.serve import Answers, serve
from runbook_operator.model.refs import Ref, meta_of
from runbook_operator.observe.resync import KINDS, resync
from runbook_operator.observe.store import Store
from runbook_operator.observe.throws import Throws
from runbook_operator.reconcile import Reconciler
from runbook_operator.report.logs import set_up
from runbook_operator.report.metrics import Metrics
from runbook_operator.settings import Settings
from runbook_operator.writer import Writer

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
WARM = 10.0
"""Seconds between two uses of the connection at least; it is closed after 15 idle ones."""
SILENCE = 10.0
"""Seconds without an answer to the lease's requests after which a replica says that it is not ready."""


class Operator:
    """One replica: every replica watches and keeps its store warm, only the leader works."""

    def __init__(self, settings: Settings, kube: Kube, lease_kube: Kube) -> None:
        self.settings = settings
        self.kube = kube
        self.store = Store()
        self.queue: WorkQueue[Ref] = WorkQueue()
        self.throws = Throws()
        self.metrics = Metrics()
        self.elector = Elector(lease_kube, _terms(settings), self.lead, self.queue.pause)
        kube.may_write = lambda: self.elector.leading
        writer = Writer(Paths(kube), self.store, self.throws, self.metrics, self.wake)
        self.reconciler = Reconciler(writer, self.queue, Locks())
        self.synced = False
        self.watching = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.metrics.gauge("leading", "1 where this replica leads.", lambda: float(self.elector.leading))
        self.metrics.gauge("queue_length", "Objects to look at.", lambda: float(len(self.queue)))
        self.metrics.gauge("switches_engaged", "Switches with an engagement under way.", self._engaged)

    def lead(self) -> None:
        """Leading began: look at everything."""
        self.wake(self.store.keys())
        self.queue.resume()

    def wake(self, keys: Iterable[Ref]) -> None:
        """Look at these again."""
        for key in keys:
            self.queue.add(key)

    def see(self, kind: str | None, body: dict[str, Any]) -> None:
        """An event of a watch; kind None is a listing, in which nobody knows when a throw happened."""
        meta = meta_of(body)
        before = self.store.switches.get(meta.ref)
        wake = self.store.drop(meta.ref, meta.uid) if kind == "DELETED" else self.store.take(body)
        after = self.store.switches.get(meta.ref)
        if kind is not None and after is not None:
            self.throws.note(before, after)
        self.wake(wake)

    async def run(self) -> None:
        """Serve until a signal comes; then finish what is in hand and give the lease back."""
        async with self._serving():
            await self._first_sync()
            # Started before kopf, which on its way out cancels every task that began after it.
            for work in self._work():
                self._spawn(work)
            await handlers.watch(self.see, self.settings.namespaces, self.watching)
            log.info("stopping")
            await self._stop()

    def unhealthy(self) -> list[str]:
        """What only a restart would mend."""
        dead = [f"task {task.get_coro()} ended" for task in self._tasks if task.done()]
        if self.watching.is_set() and handlers.watchers() < len(KINDS) * max(1, len(self.settings.namespaces)):
            dead.append("a watch ended and was not started again")
        return dead

    def unready(self) -> list[str]:
        """What keeps this replica from throwing a switch, or from taking over."""
        problems = self.unhealthy()
        if not self.synced:
            problems.append("not all objects were listed yet")
        silent = self.elector.monotonic() - self.elector.contact
        if silent > SILENCE:
            problems.append(f"the API server has not answered about the lease for {silent:.0f} s")
        return problems

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        workers = [self.queue.work(self.reconciler.visit) for _ in range(self.settings.workers)]
        return [*workers, self.elector.run(), self._resync_for_ever(), self._keep_warm()]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        answers = Answers(self.metrics.render, self.unhealthy, self.unready)
        runner, port = await serve(self.settings.http_host, self.settings.http_port, answers)
        log.info("runbook-operator", version=__version__, http=f"http://{self.settings.http_host}:{port}")
        try:
            yield
        finally:
            await runner.cleanup()

    async def _first_sync(self) -> None:
        failures = 0
        while not self.synced:
            try:
                await resync(self.kube, self.store, self.settings.namespaces)
                self.synced = True
            except errors.ApiError as error:
                log.warning("cannot list yet", error=str(error), hint=_hint(error))
                await asyncio.sleep(backoff(failures))
                failures += 1

    async def _resync_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            try:
                self.wake(await resync(self.kube, self.store, self.settings.namespaces))
            except errors.ApiError as error:
                log.warning("the resync failed; the next one is due as usual", error=str(error))

    async def _keep_warm(self) -> None:
        """An idle connection is closed after 15 s, and a throw at night must not wait for a new one's handshake."""
        while True:
            await asyncio.sleep(WARM)
            with contextlib.suppress(errors.ApiError):
                await self.kube.get("/version")

    async def _stop(self) -> None:
        self.queue.pause()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.request_timeout):
                await self.queue.idle()
        await self.elector.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _engaged(self) -> float:
        return float(sum(1 for switch in self.store.switches.values() if switch.status.record))


async def run(settings: Settings) -> None:
    """Run one replica until SIGTERM or SIGINT. The lease has a connection of its own: no burst delays its renewal."""
    set_up(settings.log_format, settings.log_level)
    kube = await connect(settings.request_timeout)
    lease_kube = await connect(settings.renew_deadline_seconds)
    try:
        await Operator(settings, kube, lease_kube).run()
    finally:
        await kube.close()
        await lease_kube.close()


def _terms(settings: Settings) -> Terms:
    return Terms(
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=settings.identity,
        lease=settings.lease_seconds,
        renew_deadline=settings.renew_deadline_seconds,
        retry=settings.retry_seconds,
    )


def _hint(error: errors.ApiError) -> str:
    if isinstance(error, errors.NotFoundError):
        return "the CRDs are not installed: runbook-operator crds | kubectl apply --server-side -f -"
    return error.user_action
