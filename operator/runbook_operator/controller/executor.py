"""Carry out one step and put the API server's answer into the store, so that the next decision sees it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from runbook_operator.automation.desired_state import should_be_engaged
from runbook_operator.cache.failed_writes import WriteHistories
from runbook_operator.cache.read_versions import ReadVersions
from runbook_operator.cache.store import Store
from runbook_operator.cache.throw_latency import Throws
from runbook_operator.controller.dry_runs import DryRuns
from runbook_operator.controller.status_writer import write_status
from runbook_operator.controller.target_writes import apply, carry_out
from runbook_operator.core.accounts import Account
from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.observed_object import Missing, ObservedObject, absent, alike, observed_from, scaled
from runbook_operator.core.queries import Denied, NeedsRead, Query
from runbook_operator.core.references import MANAGER, Ref, meta_of
from runbook_operator.core.sharding import ObjectFilter, all_objects
from runbook_operator.core.writes import Effect, Patch
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.access_reviews import Reviews
from runbook_operator.kube.client import Body
from runbook_operator.kube.discovery import Paths, own
from runbook_operator.kube.list_cache import Edition, Lists
from runbook_operator.kube.object_reads import read_target
from runbook_operator.kube.query_answers import Queries
from runbook_operator.kube.service_account_presence import Presence
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.acting_identity import Reader
from runbook_operator.reconcile.freshness import is_exact, to_confirm
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot
from runbook_operator.reconcile.steps import (
    ClearOverride,
    CreateSwitch,
    DeferStatus,
    DeleteSwitch,
    OwnStep,
    RunbookStep,
    Step,
    WriteProbes,
    WriteStatus,
    WriteTarget,
    write_key,
)
from runbook_operator.reconcile.write_answers import answers
from runbook_operator.switches.restore_deadline import is_never_read
from runbook_operator.switches.switch_status import begun
from runbook_operator.switches.write_ahead_record import resaved
from runbook_operator.telemetry.audit import Audit, Outcome
from runbook_operator.telemetry.event_writer import report
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
AnySnapshot = Snapshot | RunbookSnapshot


@dataclass
class StepExecutor:
    """Carry out steps; each method carries out one, and every error is an OperatorError.

    `wake` gets the objects to requeue after a write changed something; the later watch event wakes nothing again.
    """

    paths: Paths
    out: Outbound
    store: Store
    throws: Throws
    write_histories: WriteHistories
    metrics: Metrics
    audit: Audit
    wake: Callable[[Iterable[Ref]], None]
    lists: Lists = field(init=False)
    queries: Queries = field(init=False)
    dry_runs: DryRuns = field(init=False)
    read_versions: ReadVersions = field(default_factory=ReadVersions)

    def __post_init__(self) -> None:
        self.lists, self.dry_runs = Lists(self.paths), DryRuns(self.paths)
        rights, trials = (Reviews(self.paths), Presence(self.paths.kube)), self.dry_runs
        self.queries = Queries(self.paths, self.out, self.lists, *rights, trials.answer, trials.admitted)

    async def switch_step(self, snapshot: Snapshot, step: Step) -> None:
        """Carry out a step of a switch."""
        if isinstance(step, WriteTarget):
            await self._write_target(snapshot, step)
        elif not await self._is_confirmed(snapshot, step):
            return
        elif isinstance(step, DeferStatus):
            self.store.defer_status(snapshot.switch.meta.ref, step.status)
        elif isinstance(step, WriteStatus):
            await self.status(snapshot.switch.meta.ref, snapshot.switch.written, step)
        else:
            await self.own_object(snapshot.switch.meta.ref, step)

    async def runbook_step(self, snapshot: RunbookSnapshot, step: RunbookStep) -> None:
        """Carry out a step of a Runbook."""
        if isinstance(step, WriteProbes):
            await self._write_target(snapshot, step)
        elif isinstance(step, WriteStatus):
            await self.status(snapshot.actor.ref, snapshot.runbook.status, step)
        else:
            await self._own_step(snapshot, step)

    async def _own_step(self, snapshot: RunbookSnapshot, step: OwnStep) -> None:
        """Write to an own object; a refusal is remembered for decisions, and blocks no other step."""
        ref, place = snapshot.actor.ref, write_key(step)
        try:
            await self.own_object(ref, step)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self.write_histories.failed(ref, place, error, snapshot.now)
        else:
            self.write_histories.worked(ref, place)

    async def status(self, ref: Ref, old: StatusModel, step: WriteStatus) -> None:
        """Post the Events, then write the status: a crash in between posts them again, as one Event."""
        await report(self.paths.kube, self.metrics, step.notices)
        try:
            self._learn(ref, await write_status(self.paths.kube, old, step))
        except (errors.ConflictError, errors.NotFoundError):
            await self._refresh(ref)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            if not step.meta.deleting or self.store.own(ref) is None:
                raise
            # The object goes away: it restores its held fields from memory, and does not wait for its status.
            log.info("the API server refused the status of a deleted object", object=str(ref), error=str(error))
            self.store.defer_status(ref, step.status)

    async def own_object(self, ref: Ref, step: OwnStep) -> None:
        """Write to one of the operator's own objects for `ref`; after a conflict, read the object again."""
        await report(
            self.paths.kube, self.metrics, step.notices if isinstance(step, ClearOverride | DeleteSwitch) else ()
        )
        try:
            body = await carry_out(self.paths.kube, step)
        except (errors.ConflictError, errors.NotFoundError):
            await self._refresh(ref if isinstance(step, CreateSwitch) else step.meta.ref, ref)
            return
        if body is not None:
            self._learn(ref, body)
        elif isinstance(step, DeleteSwitch):
            self.wake(self.store.drop(step.meta.ref, step.meta.uid) - {ref})

    async def ask(
        self, needed: NeedsRead, answers: dict[Query, Any], edition: Edition, reader: Reader, *, deleting: bool = False
    ) -> None:
        """Put the answers to all unread queries, read concurrently, into `answers`; objects that were read are cached.

        A deletion restores what can be read, and does not wait for ever for the rest.
        """
        asked, shared = list(needed.queries), None if needed.urgent else edition
        answer = self.queries.answer_if_available if deleting else self.queries.answer
        found_all = await asyncio.gather(*(answer(one, shared, reader) for one in asked))
        for query, found in zip(asked, found_all, strict=True):
            if isinstance(found, ObservedObject | Missing) and not isinstance(reader, Denied):
                self.read_versions.note_read(found, reader)
                self.store.learn(found)
            answers[query] = found

    def evict_unreferenced(self, refs: Iterable[Ref]) -> None:
        """Evict objects that are neither held nor declared: each engagement creates some, with new names."""
        for ref in self.store.unreferenced(refs):
            self.store.targets.pop(ref, None)
            self.read_versions.forget(ref)

    def lead(self, only: ObjectFilter = all_objects) -> None:
        """Begin a leadership term: the watch may lag behind writes of the previous leader."""
        self.read_versions.clear(only)
        self.store.unconfirmed_throws.clear(only)

    async def _write_target(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes) -> None:
        """Write to a target. A failure is remembered for decisions, and not raised."""
        if not await self._is_record_current(snapshot):
            return
        paths = self.paths.as_(step.account)
        try:
            answer = await apply(paths, step.effect)
        except errors.NotFoundError:
            self._note(snapshot, step, "gone")
            self._note_read(snapshot, absent(step.effect.ref), step.account)
        except (errors.ConflictError, errors.AlreadyExistsError) as error:
            await self._conflict(snapshot, step, error)
        except errors.UnavailableError as error:
            self._failed(snapshot, step, error, "unknown")
            # It is unknown if the write happened: read the target to find out.
            self._note_read(snapshot, await read_target(paths, step.effect.ref), step.account)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self._failed(snapshot, step, error, "refused")
        else:
            self._note_read(snapshot, observed := self._after(step.effect, answer), step.account)
            self.write_histories.answered(snapshot.actor.ref, step.field_keys, answers(step, observed), snapshot.now)
            self._measure(snapshot, step)

    def _after(self, effect: Effect, answer: Body | None) -> ObservedObject | Missing:
        """Return the target as the API server has just answered it."""
        if answer is None:
            return absent(effect.ref)
        known = old if isinstance(old := self.store.targets.get(effect.ref), ObservedObject) else None
        if isinstance(effect, Patch) and effect.subresource == "scale":
            return scaled(known, effect.ref, answer, MANAGER)
        return observed_from(answer, whole=True, scalable=known.scalable if known else True)

    def _fail(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, error: errors.ApiError) -> None:
        for place in step.field_keys:
            self.write_histories.failed(snapshot.actor.ref, place, error, snapshot.now)

    def forget(self, ref: Ref) -> None:
        """Forget a deleted object."""
        self.throws.forget(ref)
        self.write_histories.forget(ref)
        self.read_versions.forget(ref)
        self.dry_runs.forget(ref)

    async def _is_record_current(self, snapshot: AnySnapshot) -> bool:
        """True if the record to act on is current; reads it once if only a watch has delivered it.

        A watch may lag: a field that was restored long ago would be restored again. A record that is not written yet
        follows from a status that only this leader can have changed since it read it.
        """
        actor, known = snapshot.actor, self.read_versions.version(snapshot.actor.ref)
        is_foreseen = isinstance(snapshot, Snapshot) and snapshot.switch.stored_status is not None
        if known == actor.resource_version or (is_foreseen and known is not None):
            return True
        await self._refresh(actor.ref)
        now = self.store.own(actor.ref)
        return now is not None and now.meta.resource_version == actor.resource_version

    async def _is_confirmed(self, snapshot: Snapshot, step: Step) -> bool:
        """True if the targets are as in the snapshot; reads once those that only a watch has delivered."""
        confirmed, account = True, acting_identity.of_switch(snapshot.switch, snapshot.runbook)
        for ref in to_confirm(snapshot, step):
            # A target that the decision did not use is not read.
            if (before := snapshot.observed.get(ref)) is None or self._is_known(
                ref, account, exactly=is_exact(snapshot, step)
            ):
                continue
            try:
                observed = await read_target(self.paths.as_(account), ref)
            except (errors.ForbiddenError, errors.UnavailableError):
                if not is_never_read(snapshot):
                    raise
                continue
            self._note_read(snapshot, observed, account)
            confirmed = confirmed and alike(observed, before)
        return confirmed

    def _is_known(self, ref: Ref, account: Account | None, *, exactly: bool) -> bool:
        observed, version = self.store.targets.get(ref), self.read_versions.version(ref, account)
        return isinstance(observed, ObservedObject) and (
            version == observed.resource_version if exactly else version is not None
        )

    async def _conflict(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, error: errors.ApiError) -> None:
        self._note(snapshot, step, "conflict")
        observed = await read_target(self.paths.as_(step.account), step.effect.ref)
        expected = step.effect.resource_version if isinstance(step.effect, Patch) else ""
        if isinstance(observed, ObservedObject) and observed.resource_version == expected:
            # The object has not changed, so that another read finds the same: retry the 409 with back-off.
            self._fail(snapshot, step, errors.UnavailableError(str(error)))
        await self._moved(snapshot, step, observed)

    def _failed(
        self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, error: errors.ApiError, outcome: Outcome
    ) -> None:
        self._fail(snapshot, step, error)
        self._note(snapshot, step, outcome, str(error))

    async def _moved(
        self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, observed: ObservedObject | Missing
    ) -> None:
        """Save the target again: the write was refused, so its current values are the ones to save."""
        ref = step.effect.ref
        self._note_read(snapshot, observed, step.account)
        if isinstance(snapshot, RunbookSnapshot) or snapshot.record is None or not should_be_engaged(snapshot):
            return
        now = replace(snapshot, observed={**snapshot.observed, ref: observed})
        record = resaved(now, snapshot.record, ref)
        if record != snapshot.record:
            await self.status(snapshot.switch.meta.ref, snapshot.switch.written, begun(now, record))

    def _measure(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes) -> None:
        if isinstance(step, WriteTarget) and step.timed and (took := self.throws.acted(snapshot.actor.ref)) is not None:
            self.metrics.effect(took, step.record.engagement_id)
        self._note(snapshot, step, "done")

    def _note(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, outcome: Outcome, error: str = "") -> None:
        self.metrics.acts.labels(outcome).inc()
        self.audit.note(snapshot, step, outcome, error)

    async def _refresh(self, ref: Ref, visited: Ref | None = None) -> None:
        try:
            self._learn(visited or ref, await self.paths.kube.get(own(ref)))
        except errors.NotFoundError:
            self.wake(self.store.forget(ref) - {visited or ref})

    def _learn(self, ref: Ref, body: Body) -> None:
        """Store one of the operator's own objects as just answered; one that a watch reported deleted stays deleted."""
        learnt = meta_of(body)
        if learnt.ref != ref or self.store.own(ref) is not None:
            self.read_versions.note(learnt.ref, learnt.resource_version)
            self.wake(self.store.read(body) - {ref})

    def _note_read(self, snapshot: AnySnapshot, observed: ObservedObject | Missing, account: Account | None) -> None:
        self.read_versions.note_read(observed, account)
        self.wake(self.store.learn(observed) - {snapshot.actor.ref})
