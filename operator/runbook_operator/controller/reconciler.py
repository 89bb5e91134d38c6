"""The reconcile loop: build a snapshot, decide, carry out one step, and repeat until nothing is left to do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog

from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.switch import Record
from runbook_operator.automation.desired_state import begins_automatically
from runbook_operator.cache.deep_checks import DeepChecks
from runbook_operator.cache.snapshot_builder import runbook_snapshot, switch_snapshot, targets_of
from runbook_operator.cache.status_deferral import CALM, StatusDeferral
from runbook_operator.cache.store import Store
from runbook_operator.controller.executor import StepExecutor
from runbook_operator.controller.internal_errors import contain, identity
from runbook_operator.controller.query_supply import QuerySupply
from runbook_operator.controller.settling import Settling
from runbook_operator.controller.visits import Visit
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.yaml_values import NeedsParse
from runbook_operator.kube import errors
from runbook_operator.kube.object_reads import is_watched
from runbook_operator.monitoring.io.monitoring_bridge import MonitoringBridge
from runbook_operator.reconcile.snapshot import Policy, Snapshot
from runbook_operator.reconcile.steps import Step, WriteTarget
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
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LONGEST_REQUEUE = 60.0
REREAD = 10.0
"""Seconds until an engaged switch is visited again if a target of it has no watch, or an action still waits."""
LAPSED_LEASE_RETRY = 0.2
"""Seconds until a visit that a lapsed lease cut short is repeated, without back-off: the object is not at fault."""


@dataclass
class Reconciler:
    """Reconcile one object per visit. A visit may happen at any time and any number of times."""

    executor: StepExecutor
    monitoring: MonitoringBridge
    queue: WorkQueue[Ref]
    locks: Locks[Ref]
    policy: Policy
    corrections: Bucket
    now: Callable[[], datetime] = clock.now
    deep_checks: DeepChecks = field(default_factory=DeepChecks)
    is_watched: Callable[[Ref], bool] = is_watched
    status_deferral: StatusDeferral = field(default_factory=StatusDeferral)
    cause: Callable[[str], str] = lambda _: ""
    """Return a sentence on why objects of the kind do not settle, empty if that is not known."""
    store: Store = field(init=False)
    metrics: Metrics = field(init=False)
    settling: Settling = field(init=False)
    query_supply: QuerySupply = field(init=False)

    def __post_init__(self) -> None:
        self.store, self.metrics = self.executor.store, self.executor.reporter.metrics
        self.settling = Settling(self.executor.own_objects, self.now, self.cause)
        self.query_supply = QuerySupply(self.executor.reader, self.policy.requires_account)

    async def visit(self, key: Ref) -> None:
        """Visit one object; errors are logged and retried with back-off, so that none of them ends the worker."""
        result = "ok"
        try:
            await self._visit_object(key)
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
            await contain(key, error, self.executor, self.locks, lambda one: self._snapshot(one, Visit(key, False)))
        finally:
            structlog.contextvars.clear_contextvars()
            if not self.queue.mine(key):
                # Another replica leads there now, so an engagement that was about to begin here no longer counts.
                self.store.ledger.free(key)
            self.metrics.reconciles.labels(key.kind, result).inc()

    async def _visit_object(self, key: Ref) -> None:
        store = self.store
        if (runbook := store.runbooks.get(key)) is not None:
            visit = self._visit(key, runbook)
            store.evict(ref for ref in declared(runbook) if not self.is_watched(ref))
            self.monitoring.sync(key)
            try:
                await self._settle(visit, self._runbook_step)
            finally:
                # Signals follow the status, since switches read that too; they are sent even if its write failed.
                self.monitoring.send_signals(key)
        elif (switch := store.switches.get(key)) is not None:
            if self._defers_status(switch):
                return
            visit, targets = self._visit(key, switch), targets_of(store, switch)
            if switch.spec.engaged and switch.status.record is None:
                visit.answers.update(self.query_supply.usual_lists(switch))
            needed = unwatched = [ref for ref in targets if not self.is_watched(ref)]
            while unparsed := await self._settled(visit, targets, needed):
                # Parse without the locks, so that a throw of another switch with these targets does not wait.
                await self.query_supply.parse_one_at_a_time(unparsed)
                needed = []
            self._watch_over(key, unwatched)
        else:
            self.executor.forget(key)
            self.status_deferral.note_written(key)
            self.monitoring.sync(key)
            self.deep_checks.forget(key)
            self.settling.forget(key)

    async def _settled(self, visit: Visit, targets: Sequence[Ref], needed: Sequence[Ref]) -> NeedsParse | None:
        """Take all steps of the switch under the locks of its targets; return a document to parse first, or None."""
        async with self.locks.hold(targets):
            self.store.evict(needed)
            try:
                await self._settle(visit, self._switch_step)
            except NeedsParse as unparsed:
                return unparsed
            read = (one.ref for one in visit.answers if isinstance(one, Read))
            self.executor.reader.evict_unreferenced((*targets, *read))
            return None

    def _watch_over(self, key: Ref, unwatched: Sequence[Ref]) -> None:
        """Requeue an engaged switch whose targets are not watched, or whose actions still wait."""
        switch = self.store.switches.get(key)
        if switch and switch.status.record and (unwatched or switch.status.phase != "Engaged"):
            self.queue.add_later(key, REREAD)

    def _visit(self, key: Ref, observed: RunbookObject | SwitchObject) -> Visit:
        look = self.deep_checks.at(observed, self.store)
        self.queue.add_later(key, look.again)
        return Visit(key, look.thorough, look.edition)

    async def _settle(self, visit: Visit, step: Callable[[Visit], Awaitable[bool]]) -> None:
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

    async def _runbook_step(self, visit: Visit) -> bool:
        """Take the Runbook's next step; return False if there is none."""
        key = visit.key
        if (runbook := self.store.runbooks.get(key)) is None:
            return False
        with watch(key, self.metrics, self.deep_checks.monotonic, clock.processor):
            rest = {"monitor_states": self.monitoring.monitor_states(key), **self._of_visit(visit)}
            snapshot = runbook_snapshot(self.store, runbook, self.now(), **rest)
            step = runbooks.next_step(snapshot)
        if step is None:
            self._requeue(runbook, runbook_due(snapshot), snapshot.now)
            return self.settling.settles(key)
        await self.settling.takes(key, type(step).__name__, step)
        await self.executor.runbook_step(snapshot, step)
        return True

    async def _switch_step(self, visit: Visit) -> bool:
        """Take the Switch's next step; return False if there is none now."""
        key = visit.key
        if (switch := self.store.switches.get(key)) is None:
            return False
        snapshot = self._snapshot(switch, visit)
        structlog.contextvars.bind_contextvars(switch=key.name, namespace=key.namespace)
        if snapshot.record:
            structlog.contextvars.bind_contextvars(engagementId=snapshot.record.engagement_id)
            if visit.presumed:
                return await self._confirm(visit, snapshot, snapshot.record)
        else:
            self.executor.write_histories.forget(key)
            self.store.unconfirmed_throws.visited(key)
        with watch(key, self.metrics, self.deep_checks.monotonic, clock.processor):
            decided = switches.decided(snapshot)
        self._reserve(snapshot)
        if decided is None:
            self.status_deferral.note_written(key)
            self._requeue(switch, due(snapshot), snapshot.now)
            return self.settling.settles(key)
        rule, step = decided
        if self._is_delayed(visit, snapshot, step):
            return False
        await self.settling.takes(key, rule, step)
        await self._try(snapshot, step)
        if isinstance(step, WriteTarget):
            visit.writes.append(step)
            self.status_deferral.acted(key, switch.meta.generation)
        else:
            self.status_deferral.note_written(key)
        self.store.ledger.free(key)
        return True

    def _is_delayed(self, visit: Visit, snapshot: Snapshot, step: Step) -> bool:
        """True if the step waits: a drift correction for its rate limit, a status for other throws' effects."""
        if isinstance(step, WriteTarget):
            seconds = self.corrections.take() if step.corrects_drift else 0.0
            if seconds:
                self.queue.add_later(visit.key, seconds)
            return bool(seconds)
        return bool(visit.writes) and not switches.awaits_record(snapshot) and self._defers_status(snapshot.switch)

    def _defers_status(self, switch: SwitchObject) -> bool:
        """True if the switch's status is deferred, because other switches are being thrown."""
        ref = switch.meta.ref
        waits = self.status_deferral.waits(ref, switch.meta.generation, crowded=self.queue.is_crowded(ref))
        if waits:
            self.queue.add_later(ref, CALM)
        return waits

    async def _confirm(self, visit: Visit, snapshot: Snapshot, record: Record) -> bool:
        """Verify the presumed answers before any write to a target; write a new record if they were wrong."""
        await asyncio.gather(*visit.presumed)
        visit.answers.update(visit.verified)
        if any(found != () for found in visit.verified.values()) and (fresh := replanned(snapshot, record)) != record:
            await self._try(snapshot, begun(snapshot, fresh))
        visit.presumed.clear()
        return True

    def _reserve(self, snapshot: Snapshot) -> None:
        """Count an automatic engagement that is about to begin, so that other decisions include it at once.

        If the write of its record fails, it may still have happened: it counts until the next visit to the switch.
        """
        acting = self.store.ledger
        if begins_automatically(snapshot):
            acting.reserve(snapshot.switch, snapshot.now)
        else:
            acting.free(snapshot.switch.meta.ref)

    def _requeue(self, observed: RunbookObject | SwitchObject, moment: datetime | None, now: datetime) -> None:
        """Requeue for the next deep check or for `moment`; at most LONGEST_REQUEUE ahead, as the clock may be set."""
        naps = [] if moment is None else [LONGEST_REQUEUE, (moment - now).total_seconds()]
        self.queue.add_later(observed.meta.ref, min([self.deep_checks.again(observed), *naps]))

    def _snapshot(self, switch: SwitchObject, visit: Visit) -> Snapshot:
        rest = {"latency": self.executor.reporter.throws.milliseconds(switch.meta.ref), **self._of_visit(visit)}
        return switch_snapshot(self.store, switch, now=self.now(), new_id=uuid4().hex[:12], **rest)

    def _of_visit(self, visit: Visit) -> dict[str, Any]:
        """Return the fields of a snapshot that do not come from the store."""
        return {
            "answers": visit.answers,
            "thorough": visit.thorough,
            "write_histories": self.executor.write_histories.of(visit.key),
            "policy": self.policy,
            "languages": self.monitoring.languages(),
            "unsettled": self.settling.of(visit.key),
        }

    async def _try(self, snapshot: Snapshot, step: Step) -> None:
        """Carry out the step. If a write to the Switch itself is refused, report that in its status and raise.

        For a deletion that cannot read a target, do the same: the status then shows how long it has waited.
        """
        needed = (errors.UnavailableError,) if snapshot.deleting else ()
        try:
            await self.executor.switch_step(snapshot, step)
        except (errors.ForbiddenError, errors.RefusedError, *needed) as error:
            reason = Reason(error.reason)
            if (told := refused(snapshot, reason, f"{error}. {error.user_action}")) is not None:
                await self.executor.own_objects.status(snapshot.switch.meta.ref, snapshot.switch.written, told)
            raise
