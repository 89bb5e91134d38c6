"""Audit log: one line for every field written to a target, with author, cause, old and new value, and result."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import structlog

from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot
from runbook_operator.reconcile.steps import Change, WriteProbes, WriteTarget

log: structlog.stdlib.BoundLogger = structlog.get_logger("runbook_operator.audit")

Outcome = Literal["done", "conflict", "gone", "refused", "unknown"]


@dataclass
class Audit:
    """Write audit lines to the log and, if `path` is set, to a file of JSON lines.

    `epoch` returns the leadership count of a namespace, which orders the lines of different replicas.
    """

    identity: str = ""
    epoch: Callable[[str], int] = lambda _namespace: 0
    path: Path | None = None

    def note(
        self, snapshot: Snapshot | RunbookSnapshot, step: WriteTarget | WriteProbes, outcome: Outcome, error: str = ""
    ) -> None:
        """Record the result of a write. An error of the audit file is logged and never delays a switch."""
        lines = [self._line(snapshot, step, change, outcome, error) for change in step.changes]
        for line in lines:
            log.info("act", **line)
        if self.path is None:
            return
        try:
            with self.path.open("a") as file:
                for line in lines:
                    file.write(json.dumps({"time": _rfc3339(snapshot.now), **line}, default=str) + "\n")
        except OSError as problem:
            log.warning("the audit file cannot be written", path=str(self.path), error=str(problem))

    def _line(
        self,
        snapshot: Snapshot | RunbookSnapshot,
        step: WriteTarget | WriteProbes,
        change: Change,
        outcome: Outcome,
        error: str,
    ) -> dict[str, Any]:
        target, field = change.field_key
        return {
            "namespace": target.namespace,
            **_who(snapshot.actor.ref, step),
            "target": str(target),
            "field": field,
            "before": change.before,
            "after": change.after,
            "result": outcome,
            "error": error,
            "operator": self.identity,
            "epoch": self.epoch(target.namespace),
        }


def _who(actor: Ref, step: WriteTarget | WriteProbes) -> dict[str, Any]:
    """Return the author and cause of a write: those of a switch's engagement or release, or a Runbook's own."""
    if isinstance(step, WriteProbes):
        return {actor.kind.lower(): actor.name, "by": str(actor), "because": step.reason}
    record = step.record
    by, because = step.released_by or (record.engaged_by, record.reason)
    return {
        "engagementId": record.engagement_id,
        actor.kind.lower(): actor.name,
        "by": by,
        "because": because,
        "putBack": step.corrects_drift,
    }


def _rfc3339(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")
