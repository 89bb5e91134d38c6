"""Carry out one step: check that its snapshot is current, then write a target, a status or an own object."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runbook_operator.cache.failed_writes import WriteHistories
from runbook_operator.cache.read_versions import ReadVersions
from runbook_operator.cache.store import Store
from runbook_operator.controller.dry_runs import DryRuns
from runbook_operator.controller.freshness_check import FreshnessCheck
from runbook_operator.controller.object_reader import ObjectReader
from runbook_operator.controller.own_object_writer import OwnObjectWriter
from runbook_operator.controller.target_writes import apply
from runbook_operator.controller.write_reporter import WriteReporter
from runbook_operator.core.observed_object import Missing, ObservedObject, absent, observed_from, scaled
from runbook_operator.core.references import MANAGER, Ref
from runbook_operator.core.writes import Effect, Patch
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.access_reviews import Reviews
from runbook_operator.kube.client import Body
from runbook_operator.kube.list_cache import Lists
from runbook_operator.kube.query_answers import Queries
from runbook_operator.kube.service_account_presence import Presence
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot
from runbook_operator.reconcile.steps import (
    DeferStatus,
    OwnStep,
    RunbookStep,
    Step,
    WriteProbes,
    WriteStatus,
    WriteTarget,
    write_key,
)
from runbook_operator.reconcile.write_answers import answers
from runbook_operator.runtime.background_budget import BackgroundBudget
from runbook_operator.switches.conflicting_write import save_again
from runbook_operator.telemetry.audit import Outcome

AnySnapshot = Snapshot | RunbookSnapshot


@dataclass
class StepExecutor:
    """Carry out one step per call; every error is an OperatorError.

    The reader stores each answer of the API server, so that the next decision uses it.
    """

    store: Store
    reader: ObjectReader
    freshness: FreshnessCheck
    own_objects: OwnObjectWriter
    reporter: WriteReporter
    write_histories: WriteHistories
    dry_runs: DryRuns

    async def switch_step(self, snapshot: Snapshot, step: Step) -> None:
        """Carry out a step of a switch."""
        if isinstance(step, WriteTarget):
            await self._write_target(snapshot, step)
        elif not await self.freshness.are_targets_current(snapshot, step):
            return
        elif isinstance(step, DeferStatus):
            self.store.defer_status(snapshot.switch.meta.ref, step.status)
        elif isinstance(step, WriteStatus):
            await self.own_objects.status(snapshot.switch.meta.ref, snapshot.switch.written, step)
        else:
            await self.own_objects.own_object(snapshot.switch.meta.ref, step)

    async def runbook_step(self, snapshot: RunbookSnapshot, step: RunbookStep) -> None:
        """Carry out a step of a Runbook."""
        if isinstance(step, WriteProbes):
            await self._write_target(snapshot, step)
        elif isinstance(step, WriteStatus):
            await self.own_objects.status(snapshot.actor.ref, snapshot.runbook.status, step)
        else:
            await self._own_step(snapshot, step)

    def forget(self, ref: Ref) -> None:
        """Forget a deleted object."""
        self.reporter.throws.forget(ref)
        self.write_histories.forget(ref)
        self.reader.read_versions.forget(ref)
        self.dry_runs.forget(ref)

    async def _own_step(self, snapshot: RunbookSnapshot, step: OwnStep) -> None:
        """Write to an own object. A refusal is recorded for the next decisions and not raised."""
        ref, place = snapshot.actor.ref, write_key(step)
        try:
            await self.own_objects.own_object(ref, step)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self.write_histories.failed(ref, place, error, snapshot.now)
        else:
            self.write_histories.worked(ref, place)

    async def _write_target(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes) -> None:
        """Write to a target. A failure is recorded for the next decisions and not raised."""
        if not await self.freshness.is_record_current(snapshot):
            return
        try:
            answer = await apply(self.reader.paths.as_(step.account), step.effect)
        except errors.NotFoundError:
            self.reporter.note(snapshot, step, "gone")
            self._note_read(snapshot, step, absent(step.effect.ref))
        except (errors.ConflictError, errors.AlreadyExistsError) as error:
            await self._conflict(snapshot, step, error)
        except errors.UnavailableError as error:
            self._failed(snapshot, step, error, "unknown")
            # It is unknown if the write happened: read the target to find out.
            self._note_read(snapshot, step, await self.reader.read_target(step.effect.ref, step.account))
        except (errors.ForbiddenError, errors.RefusedError) as error:
            self._failed(snapshot, step, error, "refused")
        else:
            self._note_read(snapshot, step, observed := self._after(step.effect, answer))
            self.write_histories.answered(snapshot.actor.ref, step.field_keys, answers(step, observed), snapshot.now)
            self.reporter.accepted(snapshot, step)

    def _after(self, effect: Effect, answer: Body | None) -> ObservedObject | Missing:
        """Return the target after the write, from the API server's answer."""
        if answer is None:
            return absent(effect.ref)
        known = old if isinstance(old := self.store.targets.get(effect.ref), ObservedObject) else None
        if isinstance(effect, Patch) and effect.subresource == "scale":
            return scaled(known, effect.ref, answer, MANAGER)
        return observed_from(answer, whole=True, scalable=known.scalable if known else True)

    async def _conflict(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, error: errors.ApiError) -> None:
        """Read the target that another client has changed, and record its new values before the next write."""
        self.reporter.note(snapshot, step, "conflict")
        observed = await self.reader.read_target(step.effect.ref, step.account)
        expected = step.effect.resource_version if isinstance(step.effect, Patch) else ""
        if isinstance(observed, ObservedObject) and observed.resource_version == expected:
            # The object has not changed, so another read would not help: retry the 409 with back-off.
            self._fail(snapshot, step, errors.UnavailableError(str(error)))
        self._note_read(snapshot, step, observed)
        if isinstance(snapshot, Snapshot) and (status := save_again(snapshot, step.effect.ref, observed)) is not None:
            await self.own_objects.status(snapshot.switch.meta.ref, snapshot.switch.written, status)

    def _failed(
        self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, error: errors.ApiError, outcome: Outcome
    ) -> None:
        self._fail(snapshot, step, error)
        self.reporter.note(snapshot, step, outcome, str(error))

    def _fail(self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, error: errors.ApiError) -> None:
        for place in step.field_keys:
            self.write_histories.failed(snapshot.actor.ref, place, error, snapshot.now)

    def _note_read(
        self, snapshot: AnySnapshot, step: WriteTarget | WriteProbes, observed: ObservedObject | Missing
    ) -> None:
        self.reader.note_read(snapshot.actor.ref, observed, step.account)


def step_executor(
    lists: Lists,
    out: Outbound,
    store: Store,
    reporter: WriteReporter,
    wake: Callable[[Iterable[Ref]], None],
    budget: BackgroundBudget,
) -> StepExecutor:
    """Build the executor and all that it uses, for the cluster that `lists` reads; see ObjectReader for `wake`."""
    paths = lists.paths
    trials = DryRuns(paths, budget=budget)
    queries = Queries(
        paths, out, lists, Reviews(paths, budget=budget), Presence(paths.kube), trials.answer, trials.admitted
    )
    reader = ObjectReader(paths, store, ReadVersions(), queries, wake)
    own_objects = OwnObjectWriter(paths.kube, reader, reporter)
    return StepExecutor(store, reader, FreshnessCheck(reader), own_objects, reporter, WriteHistories(), trials)
