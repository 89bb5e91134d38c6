"""Carries out one step and takes the API server's answer into the store, so that the next look sees it."""

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
    """The hands of the operator: each method carries out one step; every error is an OperatorError.

    `wake` is told who is to look again at what a write changed; when the watch brings it, that is no news.
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
        """A write that is refused is remembered, so that decisions see it, and holds up nothing else of the Runbook."""
        ref, place = world.actor.ref, place_of(step)
        try:
            await self.own_object(ref, step)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self.efforts.failed(ref, place, error, world.now)
        else:
            self.efforts.worked(ref, place)

    async def status(self, ref: Ref, old: StatusModel, step: WriteStatus) -> None:
        """Say it, then write it down: a crash in between says the same again, which is one Event."""
        await say(self.paths.kube, self.metrics, step.notices)
        try:
            self._learn(ref, await write_status(self.paths.kube, old, step))
        except (errors.ConflictError, errors.NotFoundError):
            await self._refresh(ref)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            if not step.meta.deleting or self.store.own(ref) is None:
                raise
            # The object goes away: it restores what it holds by what is in memory, and does not wait for its status.
            log.info("the status of an object that is being deleted is not written", object=str(ref), error=str(error))
            self.store.foresee(ref, step.status)

    async def own_object(self, ref: Ref, step: OwnStep) -> None:
        """Write to an object of our own for `ref`; what changed meanwhile is read again."""
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
        """Put the answers to what is unread, asked at once, into `answers`; what could be read is kept.

        A deletion restores what it can read, and does not wait for ever for what it cannot.
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
        """What was looked at and is nobody's is not kept: every engagement makes some of it, each under a new name."""
        for ref in self.store.strangers(refs):
            self.store.targets.pop(ref, None)
            self.certain.forget(ref)

    def lead(self, whose: Whose = everybody) -> None:
        """Leading began there: what was watched until now may be behind what another leader did."""
        self.certain.clear(whose)
        self.store.doubts.clear(whose)

    async def _act(self, world: AnyWorld, step: Act | Adjust) -> None:
        """Write to a target. What fails is remembered, so that decisions see it, and not raised."""
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
            # Whether it was written is unknown: what is there now says so.
            self._saw(world, await read_target(paths, step.effect.ref), step.account)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self._failed(world, step, error, "refused")
        else:
            self._saw(world, seen := self._after(step.effect, answer), step.account)
            self.efforts.answered(world.actor.ref, step.places, answers(step, seen), world.now)
            self._measure(world, step)

    def _after(self, effect: Effect, answer: Body | None) -> Seen | Missing:
        """The target as the API server has just answered it."""
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
        """The object is gone."""
        self.throws.forget(ref)
        self.efforts.forget(ref)
        self.certain.forget(ref)
        self.trials.forget(ref)

    async def _is_certain(self, world: AnyWorld) -> bool:
        """Whether the record that is acted on is the one that stands: read once where a watch alone has told of it.

        A watch may lag: what was put back long ago would be put back again. A record that is not written yet follows
        from a status that nobody but this leader can have changed since it has read it.
        """
        actor, known = world.actor, self.certain.version(world.actor.ref)
        is_foreseen = isinstance(world, World) and world.switch.told is not None
        if known == actor.resource_version or (is_foreseen and known is not None):
            return True
        await self._refresh(actor.ref)
        now = self.store.own(actor.ref)
        return now is not None and now.meta.resource_version == actor.resource_version

    async def _is_confirmed(self, world: World, step: Step) -> bool:
        """Whether the targets are as the world has them; those that a watch alone has told of are read once."""
        confirmed, account = True, acting_identity.of_switch(world.switch, world.runbook)
        for ref in to_confirm(world, step):
            # Nobody reads what the decision did not look at.
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
            # Nothing has moved, so that looking again would find the same: whoever says 409 must change its mind.
            self._fail(world, step, errors.UnavailableError(str(error)))
        await self._moved(world, step, seen)

    def _failed(self, world: AnyWorld, step: Act | Adjust, error: errors.ApiError, outcome: Outcome) -> None:
        self._fail(world, step, error)
        self._note(world, step, outcome, str(error))

    async def _moved(self, world: AnyWorld, step: Act | Adjust, seen: Seen | Missing) -> None:
        """The write was refused, so nothing was done: what is there now is what is to be saved."""
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
        """Take in one of our own as it was just answered; what a watch has told to be gone meanwhile stays gone."""
        learnt = meta_of(body)
        if learnt.ref != ref or self.store.own(ref) is not None:
            self.certain.note(learnt.ref, learnt.resource_version)
            self.wake(self.store.read(body) - {ref})

    def _saw(self, world: AnyWorld, seen: Seen | Missing, account: Account | None) -> None:
        self.certain.saw(seen, account)
        self.wake(self.store.learn(seen) - {world.actor.ref})
