"""The controller of Runbooks: their checks run, and their switches get the signals, around each visit."""

from datetime import datetime
from typing import cast

from runbook_operator.api.parsing import RunbookObject
from runbook_operator.cache.snapshot_builder import runbook_snapshot
from runbook_operator.controller.reconciler import AnyStep, KindController
from runbook_operator.controller.visits import Visit
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import RunbookStep
from runbook_operator.reconcile.target_index import declared
from runbook_operator.runbooks import runbook_reconcile
from runbook_operator.runbooks.runbook_requeue import runbook_due


class RunbookController(KindController[RunbookObject, RunbookSnapshot]):
    """Runbooks: their Switches, statuses and probes."""

    def snapshot(self, found: RunbookObject, visit: Visit) -> RunbookSnapshot:
        rest = {"monitor_states": self.loop.monitoring.monitor_states(visit.key), **self.loop.of_visit(visit)}
        return runbook_snapshot(self.store, found, self.loop.now(), **rest)

    def next_step(self, snapshot: RunbookSnapshot) -> AnyStep | None:
        return runbook_reconcile.next_step(snapshot)

    def requeue(self, snapshot: RunbookSnapshot) -> datetime | None:
        return runbook_due(snapshot)

    async def carry_out(self, found: RunbookObject, snapshot: RunbookSnapshot, step: AnyStep) -> None:
        del found
        await self.executor.runbook_step(snapshot, cast("RunbookStep", step))

    async def visit(self, visit: Visit, found: RunbookObject) -> None:
        self.store.evict(ref for ref in declared(found) if not self.loop.is_watched(ref))
        self.loop.monitoring.sync(visit.key)
        try:
            await self.loop.settle(visit, self.step)
        finally:
            # Signals follow the status, since switches read that too; they are sent even if its write failed.
            self.loop.monitoring.send_signals(visit.key)

    def forget(self, key: Ref) -> None:
        self.loop.monitoring.sync(key)
