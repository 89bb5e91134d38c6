"""Carries out one step and takes the API server's answer into the store, so that the next look sees it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from runbook_operator import errors
from runbook_operator.act.steps import apply, carry_out
from runbook_operator.decide.record import resaved
from runbook_operator.decide.status import begun
from runbook_operator.io import clock
from runbook_operator.io.paths import Paths, own
from runbook_operator.model.base import StatusModel
from runbook_operator.model.notices import Notice
from runbook_operator.model.refs import Ref
from runbook_operator.model.seen import Missing, Seen, absent
from runbook_operator.observe.store import Store
from runbook_operator.observe.targets import read_target
from runbook_operator.observe.throws import Throws
from runbook_operator.plan.steps import (
    Act,
    CreateSwitch,
    DeleteSwitch,
    SetFinalizers,
    SpringBack,
    Step,
    WriteStatus,
)
from runbook_operator.plan.world import World
from runbook_operator.report.events import post
from runbook_operator.report.metrics import Metrics
from runbook_operator.report.status import write_status

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass
class Writer:
    """The hands of the operator: each method carries out one step; every error is an OperatorError.

    `wake` is told who is to look again at what a write changed. The watch brings the same answer later, and by then
    it is no news.
    """

    paths: Paths
    store: Store
    throws: Throws
    metrics: Metrics
    wake: Callable[[Iterable[Ref]], None]

    async def switch_step(self, world: World, step: Step) -> None:
        """Carry out a step of a switch."""
        if isinstance(step, Act):
            await self._act(world, step)
        elif isinstance(step, WriteStatus):
            await self.status(world.switch.meta.ref, world.switch.status, step)
        else:
            await self.own_object(world.switch.meta.ref, step)

    async def status(self, ref: Ref, old: StatusModel, step: WriteStatus) -> None:
        """Say it, then write it down: a crash in between says the same again, which is one Event."""
        await self._say(step.notices)
        try:
            self.wake(self.store.put(await write_status(self.paths.kube, old, step)) - {ref})
        except (errors.ConflictError, errors.NotFoundError):
            await self._refresh(ref)

    async def own_object(self, ref: Ref, step: SetFinalizers | SpringBack | CreateSwitch | DeleteSwitch) -> None:
        """Write to a Switch; `ref` is what to read again where it changed meanwhile."""
        try:
            body = await carry_out(self.paths.kube, step)
        except (errors.ConflictError, errors.NotFoundError):
            await self._refresh(ref)
            return
        if body is not None:
            self.wake(self.store.put(body) - {ref})

    async def _act(self, world: World, step: Act) -> None:
        ref = step.effect.ref
        try:
            seen = await apply(self.paths, step.effect)
        except errors.ConflictError:
            await self._moved(world, ref, await read_target(self.paths, ref))
            return
        except errors.NotFoundError:
            self._saw(world, absent(ref))
            return
        except errors.UnavailableError:
            # Whether it was written is unknown: what is there now says so, at the next visit.
            self._saw(world, await read_target(self.paths, ref))
            raise
        self._saw(world, seen)
        self._measure(world, step)
        await self._say(step.notices)

    async def _moved(self, world: World, ref: Ref, seen: Seen | Missing) -> None:
        """The write was refused, so nothing was done: what is there now is what is to be saved."""
        self.metrics.acts.labels("conflict").inc()
        self._saw(world, seen)
        if world.record is None or not world.wanted:
            return
        now = replace(world, seen={**world.seen, ref: seen})
        record = resaved(now, world.record, ref)
        if record != world.record:
            await self.status(world.switch.meta.ref, world.switch.status, begun(now, record))

    def _measure(self, world: World, step: Act) -> None:
        self.metrics.acts.labels("done").inc()
        took = self.throws.acted(world.switch.meta.ref) if step.timed else None
        if took is not None:
            self.metrics.effect_seconds.observe(took)
        log.info("target written", target=str(step.effect.ref), replicas=step.effect.replicas, seconds=took)

    async def _say(self, notices: Sequence[Notice]) -> None:
        for notice in {(notice.reason, notice.message): notice for notice in notices}.values():
            (log.warning if notice.warning else log.info)(notice.message, reason=notice.reason.value)
            self.metrics.notices.labels(notice.reason.value).inc()
        if notices:
            await post(self.paths.kube, notices, clock.now())

    async def _refresh(self, ref: Ref) -> None:
        try:
            self.wake(self.store.put(await self.paths.kube.get(own(ref))) - {ref})
        except errors.NotFoundError:
            self.wake(self.store.forget(ref) - {ref})

    def _saw(self, world: World, seen: Seen | Missing) -> None:
        self.wake(self.store.put_target(seen) - {world.switch.meta.ref})
