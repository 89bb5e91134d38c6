"""Carry out one step and put the API server's answer into the store, so that the next decision sees it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from runbook_operator.automation.desired_state import wanted
from runbook_operator.cache.failed_writes import Efforts
from runbook_operator.cache.read_versions import Certainty
from runbook_operator.cache.store import Store
from runbook_operator.cache.throw_latency import Throws
from runbook_operator.controller.dry_runs import Trials
from runbook_operator.controller.status_writer import write_status
from runbook_operator.controller.target_writes import apply, carry_out
from runbook_operator.core.accounts import Account
from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.observed_object import Missing, Seen, absent, alike, scaled, seen_of
from runbook_operator.core.queries import Denied, Query, Unread
from runbook_operator.core.references import MANAGER, Ref, meta_of
from runbook_operator.core.sharding import Whose, everybody
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
from runbook_operator.reconcile.snapshot import RunbookWorld, World
from runbook_operator.reconcile.steps import (
    Act,
    Adjust,
    CreateSwitch,
    Defer,
    DeleteSwitch,
    OwnStep,
    RunbookStep,
    Step,
    Unsay,
    WriteStatus,
    place_of,
)
from runbook_operator.reconcile.write_answers import answers
from runbook_operator.switches.action_progress import is_never_read
from runbook_operator.switches.switch_status import begun
from runbook_operator.switches.write_ahead_record import resaved
from runbook_operator.telemetry.audit import Audit, Outcome
from runbook_operator.telemetry.event_writer import say
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
AnyWorld = World | RunbookWorld


@dataclass
class Writer:
    """Carry out steps; each method carries out one, and every error is an OperatorError.

    `wake` gets the objects to requeue after a write changed something; the later watch event wakes nothing again.
    """

    paths: Paths
    out: Outbound
    store: Store
    throws: Throws
    efforts: Efforts
    metrics: Metrics
    audit: Audit
    wake: Callable[[Iterable[Ref]], None]
    lists: Lists = field(init=False)
    queries: Queries = field(init=False)
    trials: Trials = field(init=False)
    certain: Certainty = field(default_factory=Certainty)

    def __post_init__(self) -> None:
        self.lists, self.trials = Lists(self.paths), Trials(self.paths)
        rights, trials = (Reviews(self.paths), Presence(self.paths.kube)), self.trials
        self.queries = Queries(self.paths, self.out, self.lists, *rights, trials.answer, trials.admitted)

    async def switch_step(self, world: World, step: Step) -> None:
        """Carry out a step of a switch."""
        if isinstance(step, Act):
            await self._act(world, step)
        elif not await self._is_confirmed(world, step):
            return
        elif isinstance(step, Defer):
            self.store.foresee(world.switch.meta.ref, step.status)
        elif isinstance(step, WriteStatus):
            await self.status(world.switch.meta.ref, world.switch.written, step)
        else:
            await self.own_object(world.switch.meta.ref, step)

    async def runbook_step(self, world: RunbookWorld, step: RunbookStep) -> None:
        """Carry out a step of a Runbook."""
        if isinstance(step, Adjust):
            await self._act(world, step)
        elif isinstance(step, WriteStatus):
            await self.status(world.actor.ref, world.runbook.status, step)
        else:
            await self._own_step(world, step)

    async def _own_step(self, world: RunbookWorld, step: OwnStep) -> None:
        """Write to an own object; a refusal is remembered for decisions, and blocks no other step."""
        ref, place = world.actor.ref, place_of(step)
        try:
            await self.own_object(ref, step)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self.efforts.failed(ref, place, error, world.now)
        else:
            self.efforts.worked(ref, place)

    async def status(self, ref: Ref, old: StatusModel, step: WriteStatus) -> None:
        """Post the Events, then write the status: a crash in between posts them again, as one Event."""
        await say(self.paths.kube, self.metrics, step.notices)
        try:
            self._learn(ref, await write_status(self.paths.kube, old, step))
        except (errors.ConflictError, errors.NotFoundError):
            await self._refresh(ref)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            if not step.meta.deleting or self.store.own(ref) is None:
                raise
            # The object goes away: it restores its held fields from memory, and does not wait for its status.
            log.info("the status of an object that is being deleted is not written", object=str(ref), error=str(error))
            self.store.foresee(ref, step.status)

    async def own_object(self, ref: Ref, step: OwnStep) -> None:
        """Write to one of the operator's own objects for `ref`; after a conflict, read the object again."""
        await say(self.paths.kube, self.metrics, step.notices if isinstance(step, Unsay | DeleteSwitch) else ())
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
        self, unread: Unread, answers: dict[Query, Any], edition: Edition, reader: Reader, *, deleting: bool = False
    ) -> None:
        """Put the answers to all unread queries, read concurrently, into `answers`; objects that were read are cached.

        A deletion restores what can be read, and does not wait for ever for the rest.
        """
        asked, shared = list(unread.queries), None if unread.urgent else edition
        answer = self.queries.answer_if_available if deleting else self.queries.answer
        found_all = await asyncio.gather(*(answer(one, shared, reader) for one in asked))
        for query, found in zip(asked, found_all, strict=True):
            if isinstance(found, Seen | Missing) and not isinstance(reader, Denied):
                self.certain.saw(found, reader)
                self.store.learn(found)
            answers[query] = found

    def forget_strangers(self, refs: Iterable[Ref]) -> None:
        """Evict objects that are neither held nor declared: each engagement creates some, with new names."""
        for ref in self.store.strangers(refs):
            self.store.targets.pop(ref, None)
            self.certain.forget(ref)

    def lead(self, whose: Whose = everybody) -> None:
        """Begin a leadership term: the watch may lag behind writes of the previous leader."""
        self.certain.clear(whose)
        self.store.doubts.clear(whose)

    async def _act(self, world: AnyWorld, step: Act | Adjust) -> None:
        """Write to a target. A failure is remembered for decisions, and not raised."""
        if not await self._is_certain(world):
            return
        paths = self.paths.as_(step.account)
        try:
            answer = await apply(paths, step.effect)
        except errors.NotFoundError:
            self._note(world, step, "gone")
            self._saw(world, absent(step.effect.ref), step.account)
        except (errors.ConflictError, errors.AlreadyExistsError) as error:
            await self._conflict(world, step, error)
        except errors.UnavailableError as error:
            self._failed(world, step, error, "unknown")
            # It is unknown if the write happened: read the target to find out.
            self._saw(world, await read_target(paths, step.effect.ref), step.account)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self._failed(world, step, error, "refused")
        else:
            self._saw(world, seen := self._after(step.effect, answer), step.account)
            self.efforts.answered(world.actor.ref, step.places, answers(step, seen), world.now)
            self._measure(world, step)

    def _after(self, effect: Effect, answer: Body | None) -> Seen | Missing:
        """Return the target as the API server has just answered it."""
        if answer is None:
            return absent(effect.ref)
        known = old if isinstance(old := self.store.targets.get(effect.ref), Seen) else None
        if isinstance(effect, Patch) and effect.subresource == "scale":
            return scaled(known, effect.ref, answer, MANAGER)
        return seen_of(answer, whole=True, scalable=known.scalable if known else True)

    def _fail(self, world: AnyWorld, step: Act | Adjust, error: errors.ApiError) -> None:
        for place in step.places:
            self.efforts.failed(world.actor.ref, place, error, world.now)

    def forget(self, ref: Ref) -> None:
        """Forget a deleted object."""
        self.throws.forget(ref)
        self.efforts.forget(ref)
        self.certain.forget(ref)
        self.trials.forget(ref)

    async def _is_certain(self, world: AnyWorld) -> bool:
        """True if the record to act on is current; reads it once if only a watch has delivered it.

        A watch may lag: a field that was restored long ago would be restored again. A record that is not written yet
        follows from a status that only this leader can have changed since it read it.
        """
        actor, known = world.actor, self.certain.version(world.actor.ref)
        is_foreseen = isinstance(world, World) and world.switch.told is not None
        if known == actor.resource_version or (is_foreseen and known is not None):
            return True
        await self._refresh(actor.ref)
        now = self.store.own(actor.ref)
        return now is not None and now.meta.resource_version == actor.resource_version

    async def _is_confirmed(self, world: World, step: Step) -> bool:
        """True if the targets are as in the snapshot; reads once those that only a watch has delivered."""
        confirmed, account = True, acting_identity.of_switch(world.switch, world.runbook)
        for ref in to_confirm(world, step):
            # A target that the decision did not use is not read.
            if (before := world.seen.get(ref)) is None or self._is_known(ref, account, exactly=is_exact(world, step)):
                continue
            try:
                seen = await read_target(self.paths.as_(account), ref)
            except (errors.ForbiddenError, errors.UnavailableError):
                if not is_never_read(world):
                    raise
                continue
            self._saw(world, seen, account)
            confirmed = confirmed and alike(seen, before)
        return confirmed

    def _is_known(self, ref: Ref, account: Account | None, *, exactly: bool) -> bool:
        seen, version = self.store.targets.get(ref), self.certain.version(ref, account)
        return isinstance(seen, Seen) and (version == seen.resource_version if exactly else version is not None)

    async def _conflict(self, world: AnyWorld, step: Act | Adjust, error: errors.ApiError) -> None:
        self._note(world, step, "conflict")
        seen = await read_target(self.paths.as_(step.account), step.effect.ref)
        expected = step.effect.resource_version if isinstance(step.effect, Patch) else ""
        if isinstance(seen, Seen) and seen.resource_version == expected:
            # The object has not changed, so that another read finds the same: retry the 409 with back-off.
            self._fail(world, step, errors.UnavailableError(str(error)))
        await self._moved(world, step, seen)

    def _failed(self, world: AnyWorld, step: Act | Adjust, error: errors.ApiError, outcome: Outcome) -> None:
        self._fail(world, step, error)
        self._note(world, step, outcome, str(error))

    async def _moved(self, world: AnyWorld, step: Act | Adjust, seen: Seen | Missing) -> None:
        """Save the target again: the write was refused, so its current values are the ones to save."""
        ref = step.effect.ref
        self._saw(world, seen, step.account)
        if isinstance(world, RunbookWorld) or world.record is None or not wanted(world):
            return
        now = replace(world, seen={**world.seen, ref: seen})
        record = resaved(now, world.record, ref)
        if record != world.record:
            await self.status(world.switch.meta.ref, world.switch.written, begun(now, record))

    def _measure(self, world: AnyWorld, step: Act | Adjust) -> None:
        if isinstance(step, Act) and step.timed and (took := self.throws.acted(world.actor.ref)) is not None:
            self.metrics.effect(took, step.record.engagement_id)
        self._note(world, step, "done")

    def _note(self, world: AnyWorld, step: Act | Adjust, outcome: Outcome, error: str = "") -> None:
        self.metrics.acts.labels(outcome).inc()
        self.audit.note(world, step, outcome, error)

    async def _refresh(self, ref: Ref, visited: Ref | None = None) -> None:
        try:
            self._learn(visited or ref, await self.paths.kube.get(own(ref)))
        except errors.NotFoundError:
            self.wake(self.store.forget(ref) - {visited or ref})

    def _learn(self, ref: Ref, body: Body) -> None:
        """Store one of the operator's own objects as just answered; one that a watch reported deleted stays deleted."""
        learnt = meta_of(body)
        if learnt.ref != ref or self.store.own(ref) is not None:
            self.certain.note(learnt.ref, learnt.resource_version)
            self.wake(self.store.read(body) - {ref})

    def _saw(self, world: AnyWorld, seen: Seen | Missing, account: Account | None) -> None:
        self.certain.saw(seen, account)
        self.wake(self.store.learn(seen) - {world.actor.ref})
