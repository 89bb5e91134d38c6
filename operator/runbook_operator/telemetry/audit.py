"""One line for every field that is written: who, what, because of what, before, after, and how it ended."""

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
    """Writes the lines to the log and, where `path` is given, to a file of JSON lines.

    `epoch` is the count of who has led in a namespace, so that lines of two replicas can be told apart and ordered.
    """

    identity: str = ""
    epoch: Callable[[str], int] = lambda _namespace: 0
    path: Path | None = None

    def note(self, world: World | RunbookWorld, step: Act | Adjust, outcome: Outcome, error: str = "") -> None:
        """Say that the write ended; a file that cannot be written is told and never holds up a switch."""
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
    """Who writes, and because of what: a switch for somebody, or a Runbook for itself."""
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
