"""How a bench ends before its time."""

import asyncio
import signal
from collections.abc import Awaitable


async def orderly(work: Awaitable[None]) -> None:
    """Do it; SIGTERM ends it as Ctrl-C does: with nothing left behind."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 # it runs
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await work
