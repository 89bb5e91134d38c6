"""After an internal error in the decision about a switch, write the fields that the error does not concern."""

from collections.abc import Callable

import structlog

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.controller.executor import StepExecutor
from runbook_operator.core.queries import NeedsRead
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.engine import hold_or_restore_one

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def write_unaffected(
    key: Ref, number: str, executor: StepExecutor, snapshot: Callable[[SwitchObject], Snapshot]
) -> None:
    """Decide and write each field separately; the field with the error raises it again and is not changed."""
    switch = executor.store.switches.get(key)
    record = switch.status.record if switch else None
    for index in range(len(record.actions) if record else 0):
        if (now := executor.store.switches.get(key)) is None:
            return
        looked = snapshot(now)
        if (step := _step(looked, index, number)) is not None:
            await executor.switch_step(looked, step)


def _step(snapshot: Snapshot, index: int, number: str) -> WriteTarget | None:
    try:
        return hold_or_restore_one(snapshot, index)
    except NeedsRead:
        # The next visit that reaches this field reads it.
        return None
    except Exception:
        log.exception(
            "an internal error; the field is not changed", object=str(snapshot.actor.ref), action=index, errorId=number
        )
        return None
