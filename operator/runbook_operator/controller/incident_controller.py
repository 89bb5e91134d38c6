"""The controller of Incidents: after each visit it submits the messages that the stored status owes."""

from collections import Counter
from datetime import datetime
from functools import partial
from typing import get_args

from runbook_operator.api.conditions import moment
from runbook_operator.api.incident import IncidentStatus, Phase
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.cache.snapshot_builder import incident_snapshot
from runbook_operator.controller.incident_messages import IncidentMessages
from runbook_operator.controller.reconciler import AnyStep, KindController, Reconciler
from runbook_operator.controller.visits import Visit
from runbook_operator.core.references import Ref
from runbook_operator.core.severities import SEVERITIES
from runbook_operator.incidents import incident_reconcile
from runbook_operator.incidents.incident_requeue import incident_due
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot
from runbook_operator.telemetry.metrics import Metrics


class IncidentController(KindController[IncidentObject, IncidentSnapshot]):
    """Incidents: their statuses, the messages about them, and their retention."""

    def __init__(self, loop: Reconciler) -> None:
        super().__init__(loop)
        self.messages = IncidentMessages(loop.delivery, loop.store, loop.queue, loop.now)

    def snapshot(self, found: IncidentObject, visit: Visit) -> IncidentSnapshot:
        unsettled = self.loop.settling.of(visit.key)
        return incident_snapshot(self.store, found, self.loop.now(), self.messages.outcomes(found), unsettled)

    def next_step(self, snapshot: IncidentSnapshot) -> AnyStep | None:
        return incident_reconcile.next_step(snapshot)

    def requeue(self, snapshot: IncidentSnapshot) -> datetime | None:
        return incident_due(snapshot)

    async def carry_out(self, found: IncidentObject, snapshot: IncidentSnapshot, step: AnyStep) -> None:
        await super().carry_out(found, snapshot, step)
        if (after := self.store.incidents.objects.get(found.meta.ref)) is not None:
            _measure(self.loop.metrics, found.status, after.status)

    async def visit(self, visit: Visit, found: IncidentObject) -> None:
        del found
        try:
            await self.loop.settle(visit, self.step)
        finally:
            # The API server has this status, so its messages go out even if it refuses the next one.
            self.messages.submit(visit.key)

    def forget(self, key: Ref) -> None:
        self.messages.forget(key)

    def stop_leading(self, key: Ref) -> None:
        self.messages.forget(key)

    def expose(self, metrics: Metrics) -> None:
        table = self.store.incidents
        labels: list[tuple[str, ...]] = [(severity, phase) for severity in SEVERITIES for phase in get_args(Phase)]
        each = {one: partial(_number, table.numbers, one) for one in labels}
        metrics.series("incidents", "Incidents by severity and phase.", ("severity", "phase"), each)
        metrics.gauge("notifications_owed", "Messages about incidents that are not sent yet.", lambda: table.owed)


def _number(numbers: Counter[tuple[str, ...]], labels: tuple[str, ...]) -> float:
    return float(numbers[labels])


def _measure(metrics: Metrics, before: IncidentStatus, after: IncidentStatus) -> None:
    """Observe the first acknowledgement of an incident, and its end."""
    severity = after.severity
    if severity is None or not after.opened_at:
        return
    if after.acknowledged_at and not before.acknowledged_at:
        metrics.acknowledge_seconds.labels(severity).observe(_between(after.opened_at, after.acknowledged_at))
    if after.phase == "Resolved" != before.phase and after.resolved_at:
        metrics.resolve_seconds.labels(severity).observe(_between(after.opened_at, after.resolved_at))


def _between(begin: str, end: str) -> float:
    return (moment(end) - moment(begin)).total_seconds()
