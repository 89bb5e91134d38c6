"""Contain an unexpected error to the object whose visit raised it.

The object gets a condition with the id of the log line. If it is a switch, its fields are held or restored one by one,
so that an error in one field does not stop the others.
"""

import traceback
from collections.abc import Awaitable, Callable
from hashlib import blake2b

import structlog

from runbook_operator.controller.executor import StepExecutor
from runbook_operator.core.references import Ref
from runbook_operator.runtime import clock
from runbook_operator.switches.internal_error_status import shown

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def contain(
    key: Ref, error: Exception, executor: StepExecutor, go_on: Callable[[Ref, str], Awaitable[None]]
) -> None:
    """Await `go_on`, which does what the error does not affect; report the error with the id of its log line.

    Raises nothing.
    """
    number = identity(key, error)
    try:
        await go_on(key, number)
        await _report(key, type(error).__name__, number, executor)
    except Exception:
        log.exception("the fields without the error could not be processed either", object=str(key), errorId=number)


def identity(key: Ref, error: Exception) -> str:
    """Return an id that is the same for the same failure of the same object, so that it is reported once."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return blake2b(f"{key}|{type(error).__name__}|{place}".encode(), digest_size=4).hexdigest()


async def _report(key: Ref, error: str, number: str, executor: StepExecutor) -> None:
    if (found := executor.store.own(key)) is None:
        return
    if (step := shown(found, error, number, clock.now())) is not None:
        await executor.own_objects.status(key, found.written, step)
