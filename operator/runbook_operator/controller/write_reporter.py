"""Report writes: Events for what a step announces; metrics, audit lines and the latency of throws for target writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from runbook_operator.cache.throw_latency import Throws
from runbook_operator.core.notices import Notice
from runbook_operator.delivery.orders import NoDelivery, Order, TakesOrders
from runbook_operator.kube.client import Kube
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot
from runbook_operator.reconcile.steps import WriteProbes, WriteTarget
from runbook_operator.switches.notify_message import notification
from runbook_operator.telemetry import event_writer
from runbook_operator.telemetry.audit import Audit, Outcome
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass
class WriteReporter:
    """The reports. No method raises an error, so that no report delays a switch."""

    kube: Kube
    metrics: Metrics
    audit: Audit
    throws: Throws
    delivery: TakesOrders = field(default_factory=NoDelivery)

    async def announce(self, notices: Sequence[Notice]) -> None:
        """Log, count and post these notices as Events."""
        await event_writer.report(self.kube, self.metrics, notices)

    def accepted(self, snapshot: Snapshot | RunbookSnapshot, step: WriteTarget | WriteProbes) -> None:
        """Report a write that the API server accepted, with the latency of the throw if a person waits for it."""
        if isinstance(step, WriteTarget) and step.timed and (took := self.throws.acted(snapshot.actor.ref)) is not None:
            self.metrics.effect(took, step.record.engagement_id)
        self.note(snapshot, step, "done")
        if isinstance(snapshot, Snapshot) and isinstance(step, WriteTarget):
            self._send(snapshot, step)

    def _send(self, snapshot: Snapshot, step: WriteTarget) -> None:
        """Submit the message of the action notify, if the write has created its Event. It is sent later, or never."""
        found = notification(snapshot, step)
        if found and not self.delivery.submit(Order(found.channel, snapshot.actor.ref.namespace, found.message)):
            why = self.delivery.unavailable or "too many messages wait"
            log.error("message not sent", channel=found.channel, id=found.message.id, why=why)

    def note(
        self, snapshot: Snapshot | RunbookSnapshot, step: WriteTarget | WriteProbes, outcome: Outcome, error: str = ""
    ) -> None:
        """Count the write and add its line to the audit log."""
        self.metrics.acts.labels(outcome).inc()
        self.audit.note(snapshot, step, outcome, error)
