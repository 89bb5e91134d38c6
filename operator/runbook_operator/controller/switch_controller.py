"""The controller of Switches: locks of their targets, answers that a throw presumes, and statuses that wait."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import cast
from uuid import uuid4

import structlog

from runbook_operator.api.conditions import find
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.switch import Record
from runbook_operator.automation.desired_state import begins_automatically
from runbook_operator.automation.gates import is_blocked_by_gate
from runbook_operator.cache.snapshot_builder import switch_snapshot, targets_of
from runbook_operator.cache.status_deferral import CALM, StatusDeferral
from runbook_operator.controller.reconciler import AnyStep, KindController, Reconciler
from runbook_operator.controller.unaffected_fields import write_unaffected
from runbook_operator.controller.visits import Visit
from runbook_operator.core.queries import Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.yaml_values import NeedsParse
from runbook_operator.kube import errors
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import Step, WriteTarget
from runbook_operator.switches import engine as switches
from runbook_operator.switches.requeue import due
from runbook_operator.switches.switch_status import begun, refused
from runbook_operator.switches.write_ahead_record import replanned
from runbook_operator.telemetry.metrics import Metrics

REREAD = 10.0
"""Seconds until an engaged switch is visited again if a target of it has no watch, or an action still waits."""
SHOWN = (
    ("Automatic", "Silenced", "switches_silenced", "Switches that a person holds released."),
    ("Contested", "", "switches_contested", "Switches with a held field that another client keeps writing."),
    ("Stalled", "", "switches_stalled", "Switches that cannot go on without a person."),
)
"""Condition, reason (empty for any), and the gauge that counts the switches with that condition."""


class SwitchController(KindController[SwitchObject, Snapshot]):
    """Switches: no two of them with a common target are decided on at the same time."""

    def __init__(self, loop: Reconciler) -> None:
        super().__init__(loop)
        self.status_deferral = StatusDeferral()

    def snapshot(self, found: SwitchObject, visit: Visit) -> Snapshot:
        latency = self.executor.reporter.throws.milliseconds(visit.key)
        new_id = uuid4().hex[:12]
        rest = self.loop.of_visit(visit)
        return switch_snapshot(self.store, found, now=self.loop.now(), new_id=new_id, latency=latency, **rest)

    def next_step(self, snapshot: Snapshot) -> AnyStep | None:
        return switches.next_step(snapshot)

    def requeue(self, snapshot: Snapshot) -> datetime | None:
        return due(snapshot)

    async def carry_out(self, found: SwitchObject, snapshot: Snapshot, step: AnyStep) -> None:
        """Carry out the step. If a write to the Switch itself is refused, report that in its status and raise.

        For a deletion that cannot read a target, do the same: the status then shows how long it has waited.
        """
        del found
        needed = (errors.UnavailableError,) if snapshot.deleting else ()
        try:
            await self.executor.switch_step(snapshot, cast("Step", step))
        except (errors.ForbiddenError, errors.RefusedError, *needed) as error:
            reason = Reason(error.reason)
            if (told := refused(snapshot, reason, f"{error}. {error.user_action}")) is not None:
                await self.executor.own_objects.status(snapshot.switch.meta.ref, snapshot.switch.written, told)
            raise

    async def visit(self, visit: Visit, found: SwitchObject) -> None:
        targets = targets_of(self.store, found)
        if found.spec.engaged and found.status.record is None:
            visit.answers.update(self.loop.query_supply.usual_lists(found))
        needed = unwatched = [ref for ref in targets if not self.loop.is_watched(ref)]
        while unparsed := await self._settled(visit, targets, needed):
            # Parse without the locks, so that a throw of another switch with these targets does not wait.
            await self.loop.query_supply.parse_one_at_a_time(unparsed)
            needed = []
        self._watch_over(visit.key, unwatched)

    async def _settled(self, visit: Visit, targets: Sequence[Ref], needed: Sequence[Ref]) -> NeedsParse | None:
        """Take all steps of the switch under the locks of its targets; return a document to parse first, or None."""
        async with self.loop.locks.hold(targets):
            self.store.evict(needed)
            try:
                await self.loop.settle(visit, self.step)
            except NeedsParse as unparsed:
                return unparsed
            read = (one.ref for one in visit.answers if isinstance(one, Read))
            self.executor.reader.evict_unreferenced((*targets, *read))
            return None

    def _watch_over(self, key: Ref, unwatched: Sequence[Ref]) -> None:
        """Requeue an engaged switch whose targets are not watched, or whose actions still wait."""
        switch = self.store.switches.get(key)
        if switch and switch.status.record and (unwatched or switch.status.phase != "Engaged"):
            self.loop.queue.add_later(key, REREAD)

    async def step(self, visit: Visit) -> bool:
        key = visit.key
        if (switch := self.store.switches.get(key)) is None:
            return False
        snapshot = self.snapshot(switch, visit)
        structlog.contextvars.bind_contextvars(switch=key.name, namespace=key.namespace)
        if snapshot.record:
            structlog.contextvars.bind_contextvars(engagementId=snapshot.record.engagement_id)
            if visit.presumed:
                return await self._confirm(visit, snapshot, snapshot.record)
        else:
            self.executor.write_histories.forget(key)
            self.store.unconfirmed_throws.visited(key)
        with self.loop.measured(key):
            decided = switches.decided(snapshot)
        self._reserve(snapshot)
        if decided is None:
            self.status_deferral.note_written(key)
            self.loop.requeue(switch, due(snapshot), snapshot.now)
            return self.loop.settling.settles(key)
        rule, step = decided
        if self._is_delayed(visit, snapshot, step):
            return False
        await self.loop.settling.takes(key, rule, step)
        await self.carry_out(switch, snapshot, step)
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
            seconds = self.loop.corrections.take() if step.corrects_drift else 0.0
            if seconds:
                self.loop.queue.add_later(visit.key, seconds)
            return bool(seconds)
        return bool(visit.writes) and not switches.awaits_record(snapshot) and self.is_deferred(snapshot.switch)

    async def _confirm(self, visit: Visit, snapshot: Snapshot, record: Record) -> bool:
        """Verify the presumed answers before any write to a target; write a new record if they were wrong."""
        await asyncio.gather(*visit.presumed)
        visit.answers.update(visit.verified)
        if any(found != () for found in visit.verified.values()) and (fresh := replanned(snapshot, record)) != record:
            await self.carry_out(snapshot.switch, snapshot, begun(snapshot, fresh))
        visit.presumed.clear()
        return True

    def _reserve(self, snapshot: Snapshot) -> None:
        """Count an automatic engagement that is about to begin, so that other decisions include it at once.

        If the write of its record fails, it may still have happened: it counts until the next visit to the switch.
        """
        if begins_automatically(snapshot):
            self.store.ledger.reserve(snapshot.switch, snapshot.now)
        else:
            self.store.ledger.free(snapshot.switch.meta.ref)

    def is_deferred(self, found: SwitchObject) -> bool:
        """True if the switch's status is deferred, because other switches are being thrown."""
        ref = found.meta.ref
        waits = self.status_deferral.waits(ref, found.meta.generation, crowded=self.loop.queue.is_crowded(ref))
        if waits:
            self.loop.queue.add_later(ref, CALM)
        return waits

    def is_urgent(self, before: SwitchObject | None, after: SwitchObject) -> bool:
        moved = self.executor.reporter.throws.note(before, after)
        if moved:
            self.status_deferral.moved(after.meta.ref)
        return moved

    def unanswered(self) -> Iterable[Ref]:
        return self.store.unanswered()

    async def go_on(self, key: Ref, number: str) -> None:
        if (switch := self.store.switches.get(key)) is not None:
            async with self.loop.locks.hold(targets_of(self.store, switch)):
                await write_unaffected(key, number, self.executor, lambda one: self.snapshot(one, Visit(key, False)))

    def forget(self, key: Ref) -> None:
        self.status_deferral.note_written(key)

    def stop_leading(self, key: Ref) -> None:
        # Another replica leads there now, so an engagement that was about to begin here no longer counts.
        self.store.ledger.free(key)

    def expose(self, metrics: Metrics) -> None:
        count = self.store.count
        metrics.gauge("switches_engaged", "Switches with an engagement under way.", count(_is_engaged))
        metrics.gauge("switches_held_back", "Switches that a gate keeps from engaging.", count(_is_blocked_by_gate))
        for condition, reason, name, text in SHOWN:
            metrics.gauge(name, text, count(partial(_shows, condition, reason)))


def _shows(condition: str, reason: str, switch: SwitchObject) -> bool:
    found = find(switch.status.conditions, condition)
    return found is not None and reason in ("", found.reason)


def _is_blocked_by_gate(switch: SwitchObject) -> bool:
    return is_blocked_by_gate(switch.status)


def _is_engaged(switch: SwitchObject) -> bool:
    return switch.status.record is not None
