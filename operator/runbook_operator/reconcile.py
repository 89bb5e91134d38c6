"""observe → decide → act → report, one step at a time, until nothing is left to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import structlog

from runbook_operator import errors
from runbook_operator.api.objects import SwitchObject
from runbook_operator.decide import runbook as runbooks
from runbook_operator.decide import switch as switches
from runbook_operator.decide.status import stalled
from runbook_operator.io import clock
from runbook_operator.io.locks import Locks
from runbook_operator.io.queue import WorkQueue
from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import Ref
from runbook_operator.observe.store import declared
from runbook_operator.observe.targets import REREAD, is_watched, read_target
from runbook_operator.observe.worlds import runbook_world, switch_world, targets_of
from runbook_operator.plan.steps import Step, WriteStatus
from runbook_operator.plan.world import World
from runbook_operator.writer import Writer

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_STEPS = 200
"""A Runbook of 64 switches takes 65 steps; more than this is a loop, which is left with back-off and told."""


@dataclass
class Reconciler:
    """Moves one object at a time to where it should be. Safe to run at any moment, any number of times."""

    writer: Writer
    queue: WorkQueue[Ref]
    locks: Locks[Ref]

    async def visit(self, key: Ref) -> None:
        """One visit. What goes wrong is logged and tried again with back-off: the first of two broad boundaries."""
        result = "ok"
        try:
            await self._look_at(key)
            self.queue.forget(key)
        except errors.NotLeadingError as error:
            result = error.reason
        except errors.OperatorError as error:
            result = error.reason
            seconds = self.queue.retry(key, error.retry_after)
            log.warning("will try again", object=str(key), error=str(error), seconds=round(seconds, 2))
        except Exception:
            result = "Bug"
            self.queue.retry(key)
            log.exception("a visit failed in a way that nobody foresaw; will try again", object=str(key))
        finally:
            structlog.contextvars.clear_contextvars()
            self.writer.metrics.reconciles.labels(key.kind, result).inc()

    async def _look_at(self, key: Ref) -> None:
        store = self.writer.store
        if (runbook := store.runbooks.get(key)) is not None:
            await self._reread(key, declared(runbook))
            await self._settle(key, self._runbook_step)
        elif (switch := store.switches.get(key)) is not None:
            targets = targets_of(store, switch)
            async with self.locks.hold(targets):
                await self._reread(key, targets)
                await self._settle(key, self._switch_step)
        else:
            self.writer.throws.forget(key)

    async def _reread(self, key: Ref, targets: tuple[Ref, ...]) -> None:
        """Targets of a kind that nobody watches for us are read at each visit, and visited again before long."""
        unwatched = [ref for ref in targets if not is_watched(ref)]
        for ref in unwatched:
            self.writer.store.put_target(await read_target(self.writer.paths, ref))
        if unwatched:
            self.queue.add_later(key, REREAD)

    async def _settle(self, key: Ref, step: Callable[[Ref], Awaitable[bool]]) -> None:
        for _ in range(MAX_STEPS):
            if not await step(key):
                return
        raise errors.UnsettledError(f"{key} took {MAX_STEPS} steps and is not settled")

    async def _runbook_step(self, key: Ref) -> bool:
        """Take the Runbook's next step; False where there is none."""
        if (runbook := self.writer.store.runbooks.get(key)) is None:
            return False
        step = runbooks.next_step(runbook_world(self.writer.store, runbook, clock.now()))
        if isinstance(step, WriteStatus):
            await self.writer.status(key, runbook.status, step)
        elif step is not None:
            await self.writer.own_object(key, step)
        return step is not None

    async def _switch_step(self, key: Ref) -> bool:
        """Take the Switch's next step; False where there is none."""
        if (switch := self.writer.store.switches.get(key)) is None:
            return False
        world = self._world(switch)
        structlog.contextvars.bind_contextvars(switch=key.name, namespace=key.namespace)
        if world.record:
            structlog.contextvars.bind_contextvars(engagement=world.record.id)
        step = switches.next_step(world)
        if step is not None:
            await self._try(world, step)
        return step is not None

    def _world(self, switch: SwitchObject) -> World:
        latency = self.writer.throws.milliseconds(switch.meta.ref)
        return switch_world(self.writer.store, switch, now=clock.now(), new_id=uuid4().hex[:12], latency=latency)

    async def _try(self, world: World, step: Step) -> None:
        """What the API server refuses is told on the Switch before it is tried again."""
        try:
            await self.writer.switch_step(world, step)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            reason = Reason(error.reason)
            if (told := stalled(world, reason, f"{error}. {error.user_action}")) is not None:
                await self.writer.status(world.switch.meta.ref, world.switch.status, told)
            raise
