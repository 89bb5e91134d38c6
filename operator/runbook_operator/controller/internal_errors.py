"""Contain an unexpected error to the object whose visit raised it.

The object gets a condition with the id of the log line. If it is a switch, its fields are held or restored one by one,
so that an error in one field does not stop the others.
"""

import traceback
from collections.abc import Callable
from hashlib import blake2b

import structlog

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.cache.snapshot_builder import targets_of
from runbook_operator.controller.executor import StepExecutor
from runbook_operator.core.queries import NeedsRead
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.runtime import clock
from runbook_operator.runtime.keyed_locks import Locks
from runbook_operator.switches.engine import hold_or_restore_one
from runbook_operator.switches.internal_error_status import shown

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def contain(
    key: Ref, error: Exception, executor: StepExecutor, locks: Locks[Ref], snapshot: Callable[[SwitchObject], Snapshot]
) -> None:
    """Report the error with the id of its log line, and hold or restore the other fields. Raises nothing."""
    number = identity(key, error)
    try:
        if (switch := executor.store.switches.get(key)) is not None:
            async with locks.hold(targets_of(executor.store, switch)):
                await _hold_each_field(key, number, executor, snapshot)
        await _report(key, type(error).__name__, number, executor)
    except Exception:
        log.exception("the fields without the error could not be processed either", object=str(key), errorId=number)


def identity(key: Ref, error: Exception) -> str:
    """Return an id that is the same for the same failure of the same object, so that it is reported once."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return blake2b(f"{key}|{type(error).__name__}|{place}".encode(), digest_size=4).hexdigest()


async def _hold_each_field(
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


async def _report(key: Ref, error: str, number: str, executor: StepExecutor) -> None:
    if (found := executor.store.own(key)) is None:
        return
    if (step := shown(found, error, number, clock.now())) is not None:
        await executor.own_objects.status(key, found.written, step)
