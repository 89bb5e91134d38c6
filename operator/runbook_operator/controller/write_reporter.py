"""Report writes: Events for what a step announces; metrics, audit lines and the latency of throws for target writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbook_operator.cache.throw_latency import Throws
from runbook_operator.core.notices import Notice
from runbook_operator.kube.client import Kube
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot
from runbook_operator.reconcile.steps import WriteProbes, WriteTarget
from runbook_operator.telemetry import event_writer
from runbook_operator.telemetry.audit import Audit, Outcome
from runbook_operator.telemetry.metrics import Metrics


@dataclass
class WriteReporter:
    """The reports. No method raises an error, so that no report delays a switch."""

    kube: Kube
    metrics: Metrics
    audit: Audit
    throws: Throws

    async def announce(self, notices: Sequence[Notice]) -> None:
        """Log, count and post these notices as Events."""
        await event_writer.report(self.kube, self.metrics, notices)

    def accepted(self, snapshot: Snapshot | RunbookSnapshot, step: WriteTarget | WriteProbes) -> None:
        """Report a write that the API server accepted, with the latency of the throw if a person waits for it."""
        if isinstance(step, WriteTarget) and step.timed and (took := self.throws.acted(snapshot.actor.ref)) is not None:
            self.metrics.effect(took, step.record.engagement_id)
        self.note(snapshot, step, "done")

    def note(
        self, snapshot: Snapshot | RunbookSnapshot, step: WriteTarget | WriteProbes, outcome: Outcome, error: str = ""
    ) -> None:
        """Count the write and add its line to the audit log."""
        self.metrics.acts.labels(outcome).inc()
        self.audit.note(snapshot, step, outcome, error)
