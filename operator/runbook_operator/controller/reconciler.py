"""The reconcile loop: build a snapshot, decide, carry out one step, and repeat until nothing is left to do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import structlog

from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.switch import Record
from runbook_operator.automation.desired_state import begins_by_itself
from runbook_operator.cache.deep_checks import Looks
from runbook_operator.cache.snapshot_builder import runbook_world, switch_world, targets_of
from runbook_operator.cache.status_deferral import CALM, Bursts
from runbook_operator.controller.executor import Writer
from runbook_operator.controller.internal_errors import contain, identity
from runbook_operator.controller.query_supply import Answering
from runbook_operator.controller.settling import Settling
from runbook_operator.controller.visits import Visit
from runbook_operator.core.queries import Read, Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.yaml_values import Unparsed
from runbook_operator.kube import errors
from runbook_operator.kube.object_reads import is_watched
from runbook_operator.monitoring.io.monitoring_bridge import Sensing
from runbook_operator.reconcile.snapshot import Policy, World
from runbook_operator.reconcile.steps import Act, Step
from runbook_operator.reconcile.target_index import declared
from runbook_operator.runbooks import runbook_reconcile as runbooks
from runbook_operator.runbooks.runbook_requeue import runbook_due
from runbook_operator.runtime import clock
from runbook_operator.runtime.keyed_locks import Locks
from runbook_operator.runtime.token_bucket import Bucket
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.switches import engine as switches
from runbook_operator.switches.requeue import due
from runbook_operator.switches.switch_status import begun, refused
from runbook_operator.switches.write_ahead_record import replanned
from runbook_operator.telemetry.loop_watchdog import watch

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LONGEST_NAP = 60.0
REREAD = 10.0
"""Seconds until a held object is read again if its watch has just begun or fails."""
LAPSED = 0.2
"""Seconds until a visit that a lapsed lease cut short is repeated, without back-off: the object is not at fault."""


@dataclass
class Reconciler:
    """Reconcile one object at a time. Safe to run at any moment, any number of times."""

    writer: Writer
    sensing: Sensing
    queue: WorkQueue[Ref]
    locks: Locks[Ref]
    policy: Policy
    put_backs: Bucket
    now: Callable[[], datetime] = clock.now
    looks: Looks = field(default_factory=Looks)
    is_watched: Callable[[Ref], bool] = is_watched
    bursts: Bursts = field(default_factory=Bursts)
    settling: Settling = field(init=False)
    answering: Answering = field(init=False)

    def __post_init__(self) -> None:
        self.settling = Settling(self.writer, self.now)
        self.answering = Answering(self.writer, self.policy.requires_account)

    async def visit(self, key: Ref) -> None:
        """Visit one object; errors are logged and retried with back-off, so that none of them ends the worker."""
        result = "ok"
        try:
            await self._look_at(key)
            self.queue.forget(key)
        except errors.NotLeadingError as error:
            # The lease may be renewed before its lapse is noticed: then nothing else would requeue this object.
            result = error.reason
            self.queue.retry(key, LAPSED)
        except errors.OperatorError as error:
            result = error.reason
            seconds = self.queue.retry(key, error.retry_after)
            tell = log.info if errors.is_ending(error) else log.warning
            tell("will try again", object=str(key), error=str(error), seconds=round(seconds, 2))
        except Exception as error:
            result, number = "Bug", identity(key, error)
            self.queue.retry(key)
            log.exception("failed in a way that nobody foresaw; will try again", object=str(key), errorId=number)
            await contain(key, error, self.writer, self.locks, lambda one: self._world(one, Visit(key, False)))
        finally:
            structlog.contextvars.clear_contextvars()
            if not self.queue.mine(key):
                # Another replica leads there now: an engagement that was about to begin here does not count any more.
                self.writer.store.acting.free(key)
            self.writer.metrics.reconciles.labels(key.kind, result).inc()

    async def _look_at(self, key: Ref) -> None:
        store = self.writer.store
        if (runbook := store.runbooks.get(key)) is not None:
            visit = self._visit(key, runbook)
            store.let_go(ref for ref in declared(runbook) if not self.is_watched(ref))
            self.sensing.look(key)
            try:
                await self._settle(visit, self._runbook_step)
            finally:
                # After the status, which switches read too; even if it could not be written.
                self.sensing.tell(key)
        elif (switch := store.switches.get(key)) is not None:
            if self._tells_later(switch):
                return
            visit, targets = self._visit(key, switch), targets_of(store, switch)
            if switch.spec.engaged and switch.status.record is None:
                visit.answers.update(self.answering.usual_lists(switch))
            unread = unwatched = [ref for ref in targets if not self.is_watched(ref)]
            while unparsed := await self._settled(visit, targets, unread):
                # Without the locks: a throw of another switch with these targets does not wait for this document.
                await self.answering.parse_in_turn(unparsed)
                unread = []
            self._watch_over(key, unwatched)
        else:
            self.writer.forget(key)
            self.bursts.told(key)
            self.sensing.look(key)
            self.looks.forget(key)
            self.settling.forget(key)

    async def _settled(self, visit: Visit, targets: Sequence[Ref], unread: Sequence[Ref]) -> Unparsed | None:
        """Settle the switch under the locks of its targets; return a document to parse first, None if settled."""
        async with self.locks.hold(targets):
            self.writer.store.let_go(unread)
            try:
                await self._settle(visit, self._switch_step)
            except Unparsed as unparsed:
                return unparsed
            self.writer.forget_strangers((*targets, *(one.ref for one in visit.answers if isinstance(one, Read))))
            return None

    def _watch_over(self, key: Ref, unwatched: Sequence[Ref]) -> None:
        """Requeue an engaged switch whose targets are not watched, or whose actions still wait."""
        switch = self.writer.store.switches.get(key)
        if switch and switch.status.record and (unwatched or switch.status.phase != "Engaged"):
            self.queue.add_later(key, REREAD)

    def _visit(self, key: Ref, seen: RunbookObject | SwitchObject) -> Visit:
        look = self.looks.at(seen, self.writer.store)
        self.queue.add_later(key, look.again)
        return Visit(key, look.thorough, look.edition)

    async def _settle(self, visit: Visit, step: Callable[[Visit], Awaitable[bool]]) -> None:
        self.settling.begin(visit.key)
        try:
            while True:
                try:
                    if not await step(visit):
                        return
                except Unread as unread:
                    await self.settling.takes(visit.key, "decide", unread.queries)
                    await self.answering.ask(visit, unread)
                except Unparsed as unparsed:
                    await self.answering.parse(visit, unparsed)
        finally:
            self.settling.end(visit.key)
            for asking in visit.presumed:
                asking.cancel()
            await asyncio.gather(*visit.presumed, return_exceptions=True)

    async def _runbook_step(self, visit: Visit) -> bool:
        """Take the Runbook's next step; return False if there is none."""
        key = visit.key
        if (runbook := self.writer.store.runbooks.get(key)) is None:
            return False
        with watch(key, self.writer.metrics, self.looks.monotonic, clock.processor):
            world = runbook_world(
                self.writer.store,
                runbook,
                self.now(),
                answers=visit.answers,
                thorough=visit.thorough,
                senses=self.sensing.senses(key),
                efforts=self.writer.efforts.of(key),
                policy=self.policy,
                unsettled=self.settling.of(key),
            )
            step = runbooks.next_step(world)
        if step is None:
            self._come_back(runbook, runbook_due(world), world.now)
            return self.settling.settles(key)
        await self.settling.takes(key, type(step).__name__, step)
        await self.writer.runbook_step(world, step)
        return True

    async def _switch_step(self, visit: Visit) -> bool:
        """Take the Switch's next step; return False if there is none now."""
        key = visit.key
        if (switch := self.writer.store.switches.get(key)) is None:
            return False
        world = self._world(switch, visit)
        structlog.contextvars.bind_contextvars(switch=key.name, namespace=key.namespace)
        if world.record:
            structlog.contextvars.bind_contextvars(engagementId=world.record.engagement_id)
            if visit.presumed:
                return await self._confirm(visit, world, world.record)
        else:
            self.writer.efforts.forget(key)
            self.writer.store.doubts.visited(key)
        with watch(key, self.writer.metrics, self.looks.monotonic, clock.processor):
            decided = switches.decided(world)
        self._reserve(world)
        if decided is None:
            self.bursts.told(key)
            self._come_back(switch, due(world), world.now)
            return self.settling.settles(key)
        rule, step = decided
        if self._is_put_off(visit, world, step):
            return False
        await self.settling.takes(key, rule, step)
        await self._try(world, step)
        if isinstance(step, Act):
            visit.acts.append(step)
            self.bursts.acted(key, switch.meta.generation)
        else:
            self.bursts.told(key)
        self.writer.store.acting.free(key)
        return True

    def _is_put_off(self, visit: Visit, world: World, step: Step) -> bool:
        """True if the step waits: a drift correction for its rate limit, a status for other throws' effects."""
        if isinstance(step, Act):
            seconds = self.put_backs.take() if step.put_back else 0.0
            if seconds:
                self.queue.add_later(visit.key, seconds)
            return bool(seconds)
        return bool(visit.acts) and not switches.awaits_record(world) and self._tells_later(world.switch)

    def _tells_later(self, switch: SwitchObject) -> bool:
        """True if the switch's status is deferred, because other switches are being thrown."""
        ref = switch.meta.ref
        waits = self.bursts.waits(ref, switch.meta.generation, crowded=self.queue.is_crowded(ref))
        if waits:
            self.queue.add_later(ref, CALM)
        return waits

    async def _confirm(self, visit: Visit, world: World, record: Record) -> bool:
        """Await the presumed answers before any write to a target; save again if they were wrong."""
        await asyncio.gather(*visit.presumed)
        visit.answers.update(visit.asked)
        if any(found != () for found in visit.asked.values()) and (fresh := replanned(world, record)) != record:
            await self._try(world, begun(world, fresh))
        visit.presumed.clear()
        return True

    def _reserve(self, world: World) -> None:
        """Count an automatic engagement that is about to begin, so that other decisions see it at once.

        If the write ends in an error, it may still have happened: it counts until the next visit to the switch.
        """
        acting = self.writer.store.acting
        if begins_by_itself(world):
            acting.reserve(world.switch, world.now)
        else:
            acting.free(world.switch.meta.ref)

    def _come_back(self, seen: RunbookObject | SwitchObject, moment: datetime | None, now: datetime) -> None:
        """Requeue for the next close look, or for `moment`, in naps: the clock may be set meanwhile."""
        naps = [] if moment is None else [LONGEST_NAP, (moment - now).total_seconds()]
        self.queue.add_later(seen.meta.ref, min([self.looks.again(seen), *naps]))

    def _world(self, switch: SwitchObject, visit: Visit) -> World:
        ref = switch.meta.ref
        return switch_world(
            self.writer.store,
            switch,
            now=self.now(),
            new_id=uuid4().hex[:12],
            latency=self.writer.throws.milliseconds(ref),
            efforts=self.writer.efforts.of(ref),
            policy=self.policy,
            answers=visit.answers,
            thorough=visit.thorough,
            unsettled=self.settling.of(ref),
        )

    async def _try(self, world: World, step: Step) -> None:
        """Write; if a write to the Switch itself is refused, report that in its status before the next try.

        So does a deletion that cannot read a target: its status then shows how long it has waited.
        """
        unread = (errors.UnavailableError,) if world.deleting else ()
        try:
            await self.writer.switch_step(world, step)
        except (errors.ForbiddenError, errors.RefusedError, *unread) as error:
            reason = Reason(error.reason)
            if (told := refused(world, reason, f"{error}. {error.user_action}")) is not None:
                await self.writer.status(world.switch.meta.ref, world.switch.written, told)
            raise
