"""Audit log: one line for every field written to a target, with author, cause, old and new value, and result."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import structlog

from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import RunbookWorld, World
from runbook_operator.reconcile.steps import Act, Adjust, Change

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

    def note(self, world: World | RunbookWorld, step: Act | Adjust, outcome: Outcome, error: str = "") -> None:
        """Record the result of a write. An error of the audit file is logged and never delays a switch."""
        lines = [self._line(world, step, change, outcome, error) for change in step.changes]
        for line in lines:
            log.info("act", **line)
        if self.path is None:
            return
        try:
            with self.path.open("a") as file:
                for line in lines:
                    file.write(json.dumps({"time": _rfc3339(world.now), **line}, default=str) + "\n")
        except OSError as problem:
            log.warning("the audit file cannot be written", path=str(self.path), error=str(problem))

    def _line(
        self, world: World | RunbookWorld, step: Act | Adjust, change: Change, outcome: Outcome, error: str
    ) -> dict[str, Any]:
        target, field = change.place
        return {
            "namespace": target.namespace,
            **_who(world.actor.ref, step),
            "target": str(target),
            "field": field,
            "before": change.before,
            "after": change.after,
            "result": outcome,
            "error": error,
            "operator": self.identity,
            "epoch": self.epoch(target.namespace),
        }


def _who(actor: Ref, step: Act | Adjust) -> dict[str, Any]:
    """Return the author and cause of a write: those of a switch's engagement or release, or a Runbook's own."""
    if isinstance(step, Adjust):
        return {"runbook": actor.name, "by": str(actor), "because": step.reason}
    record = step.record
    by, because = step.released_by or (record.engaged_by, record.reason)
    return {
        "engagementId": record.engagement_id,
        "switch": actor.name,
        "by": by,
        "because": because,
        "putBack": step.put_back,
    }


def _rfc3339(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")
