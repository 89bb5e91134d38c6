"""The reconcile loop: take a key, and let the controller of its kind take one step after another until none is left.

A kind overrides the three abstract methods of KindController. `registered_controllers.py` lists the controllers.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, cast

import structlog

from runbook_operator.api.resource_kind import OwnObject
from runbook_operator.cache.deep_checks import DeepChecks
from runbook_operator.cache.store import Store
from runbook_operator.controller.executor import StepExecutor
from runbook_operator.controller.internal_errors import contain, identity
from runbook_operator.controller.query_supply import QuerySupply
from runbook_operator.controller.settling import Settling
from runbook_operator.controller.visits import Visit
from runbook_operator.core.queries import NeedsRead
from runbook_operator.core.references import Ref
from runbook_operator.core.yaml_values import NeedsParse
from runbook_operator.delivery.orders import NoDelivery, TakesOrders
from runbook_operator.kube import errors
from runbook_operator.kube.object_reads import is_watched
from runbook_operator.monitoring.io.monitoring_bridge import MonitoringBridge
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.reconcile.steps import IncidentStep, RunbookStep, Step, WriteProbes, WriteStatus, WriteTarget
from runbook_operator.runtime import clock
from runbook_operator.runtime.keyed_locks import Locks
from runbook_operator.runtime.token_bucket import Bucket
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.telemetry.loop_watchdog import watch
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
LAPSED_LEASE_RETRY = 0.2
"""Seconds until a visit that a lapsed lease cut short is repeated, without back-off: the object is not at fault."""
LONGEST_REQUEUE = 60.0

AnyStep = Step | RunbookStep | IncidentStep


class KindSnapshot(Protocol):
    """What a decision depends on."""

    @property
    def now(self) -> datetime: ...


T = TypeVar("T", bound=OwnObject)
S = TypeVar("S", bound=KindSnapshot)


class KindController(ABC, Generic[T, S]):
    """Decides and carries out the steps of objects of one kind. There is one instance for each kind and replica."""

    def __init__(self, loop: "Reconciler") -> None:
        self.loop, self.executor, self.store = loop, loop.executor, loop.store

    @abstractmethod
    def snapshot(self, found: T, visit: Visit) -> S:
        """Build the snapshot from the store."""

    @abstractmethod
    def next_step(self, snapshot: S) -> AnyStep | None:
        """Return the next step, None if the object is as it should be. Pure."""

    @abstractmethod
    def requeue(self, snapshot: S) -> datetime | None:
        """Return when time alone would change the next step, None for never. Pure."""

    async def carry_out(self, found: T, snapshot: S, step: AnyStep) -> None:
        """Write the status or the object itself; a kind that writes something else overrides this."""
        del snapshot
        if isinstance(step, WriteStatus):
            await self.executor.own_objects.status(found.meta.ref, found.written, step)
        elif isinstance(step, WriteTarget | WriteProbes):
            raise TypeError(f"{type(self).__name__} does not write to targets")
        else:
            await self.executor.own_objects.own_object(found.meta.ref, step)

    async def visit(self, visit: Visit, found: T) -> None:
        """Take steps until none is left; a kind with locks or with work around its visits overrides this."""
        del found
        await self.loop.settle(visit, self.step)

    async def step(self, visit: Visit) -> bool:
        """Take the next step; return False if there is none."""
        key = visit.key
        if (found := cast("T | None", self.store.own(key))) is None:
            return False
        with self.loop.measured(key):
            snapshot = self.snapshot(found, visit)
            step = self.next_step(snapshot)
        if step is None:
            self.loop.requeue(found, self.requeue(snapshot), snapshot.now)
            return self.loop.settling.settles(key)
        await self.loop.settling.takes(key, type(step).__name__, step)
        await self.carry_out(found, snapshot, step)
        return True

    def is_deferred(self, found: T) -> bool:
        """True if the visit is put off, after the controller has queued it again."""
        del found
        return False

    def is_urgent(self, before: T | None, after: T) -> bool:
        """True if a live watch event asks for a visit before all others."""
        del before, after
        return False

    def unanswered(self) -> Iterable[Ref]:
        """Return the objects that a new leader visits before all others."""
        return ()

    async def go_on(self, key: Ref, number: str) -> None:
        """After an internal error with that id in a visit, do what the error does not concern."""

    def forget(self, key: Ref) -> None:
        """Forget a deleted object."""

    def stop_leading(self, key: Ref) -> None:
        """Forget what only the leader of the object may count on."""

    def expose(self, metrics: Metrics) -> None:
        """Register the gauges of this kind."""


@dataclass
class Reconciler:
    """Reconcile one object per visit. A visit may happen at any time and any number of times."""

    executor: StepExecutor
    monitoring: MonitoringBridge
    queue: WorkQueue[Ref]
    locks: Locks[Ref]
    policy: Policy
    corrections: Bucket
    kinds: Mapping[str, Callable[["Reconciler"], KindController[Any, Any]]]
    """How to make the controller of each kind."""
    now: Callable[[], datetime] = clock.now
    deep_checks: DeepChecks = field(default_factory=DeepChecks)
    is_watched: Callable[[Ref], bool] = is_watched
    cause: Callable[[str], str] = lambda _: ""
    """Return a sentence on why objects of the kind do not settle, empty if that is not known."""
    delivery: TakesOrders = field(default_factory=NoDelivery)
    store: Store = field(init=False)
    metrics: Metrics = field(init=False)
    settling: Settling = field(init=False)
    query_supply: QuerySupply = field(init=False)
    controllers: dict[str, KindController[Any, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.store, self.metrics = self.executor.store, self.executor.reporter.metrics
        self.settling = Settling(self.executor.own_objects, self.now, self.cause)
        self.query_supply = QuerySupply(self.executor.reader, self.policy.requires_account)
        self.controllers = {kind: controller(self) for kind, controller in self.kinds.items()}

    async def visit(self, key: Ref) -> None:
        """Visit one object; errors are logged and retried with back-off, so that none of them ends the worker."""
        result, controller = "ok", self.controllers[key.kind]
        try:
            await self._visit_object(key, controller)
            self.queue.forget(key)
        except errors.NotLeadingError as error:
            # If the lease is renewed before the elector notices the lapse, nothing else requeues this object.
            result = error.reason
            self.queue.retry(key, LAPSED_LEASE_RETRY)
        except errors.OperatorError as error:
            result = error.reason
            seconds = self.queue.retry(key, error.retry_after)
            tell = log.info if errors.is_ending(error) else log.warning
            tell("a visit failed; it is tried again", object=str(key), error=str(error), seconds=round(seconds, 2))
        except Exception as error:
            result, number = "Bug", identity(key, error)
            self.queue.retry(key)
            log.exception("an unexpected error in a visit; it is tried again", object=str(key), errorId=number)
            await contain(key, error, self.executor, controller.go_on)
        finally:
            structlog.contextvars.clear_contextvars()
            if not self.queue.mine(key):
                controller.stop_leading(key)
            self.metrics.reconciles.labels(key.kind, result).inc()

    async def _visit_object(self, key: Ref, controller: KindController[Any, Any]) -> None:
        if (found := self.store.own(key)) is None:
            self.executor.forget(key)
            controller.forget(key)
            self.deep_checks.forget(key)
            self.settling.forget(key)
        elif not controller.is_deferred(found):
            await controller.visit(self.begin(found), found)

    def is_urgent(self, before: OwnObject | None, after: OwnObject) -> bool:
        """True if a live watch event asks for a visit before all others."""
        return self.controllers[after.meta.ref.kind].is_urgent(before, after)

    def unanswered(self) -> Iterable[Ref]:
        """Return the objects that a new leader visits before all others."""
        return [key for controller in self.controllers.values() for key in controller.unanswered()]

    def expose(self, metrics: Metrics) -> None:
        """Register the gauges of every kind."""
        for controller in self.controllers.values():
            controller.expose(metrics)

    def begin(self, found: OwnObject) -> Visit:
        """Begin a visit, and queue the next deep check."""
        key = found.meta.ref
        look = self.deep_checks.at(found, self.store)
        self.queue.add_later(key, look.again)
        return Visit(key, look.thorough, look.edition)

    async def settle(self, visit: Visit, step: Callable[[Visit], Awaitable[bool]]) -> None:
        """Repeat `step` until it returns False; read what it lacks."""
        self.settling.begin(visit.key)
        try:
            while True:
                try:
                    if not await step(visit):
                        return
                except NeedsRead as needed:
                    await self.settling.takes(visit.key, "decide", needed.queries)
                    await self.query_supply.ask(visit, needed)
                except NeedsParse as unparsed:
                    await self.query_supply.parse(visit, unparsed)
        finally:
            self.settling.end(visit.key)
            for asking in visit.presumed:
                asking.cancel()
            await asyncio.gather(*visit.presumed, return_exceptions=True)

    def requeue(self, found: OwnObject, moment: datetime | None, now: datetime) -> None:
        """Requeue for the next deep check or for `moment`; at most LONGEST_REQUEUE ahead, as the clock may be set."""
        naps = [] if moment is None else [LONGEST_REQUEUE, (moment - now).total_seconds()]
        self.queue.add_later(found.meta.ref, min([self.deep_checks.again(found), *naps]))

    def measured(self, key: Ref) -> AbstractContextManager[None]:
        """Measure a decision, and limit the YAML that it parses."""
        return watch(key, self.metrics, self.deep_checks.monotonic, clock.processor)

    def of_visit(self, visit: Visit) -> dict[str, Any]:
        """Return the fields of a snapshot that do not come from the store."""
        return {
            "answers": visit.answers,
            "thorough": visit.thorough,
            "write_histories": self.executor.write_histories.of(visit.key),
            "policy": self.policy,
            "languages": self.monitoring.languages(),
            "unsettled": self.settling.of(visit.key),
        }
