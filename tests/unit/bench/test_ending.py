"""How a bench ends before its time."""

import asyncio
import os
import signal

import pytest

from bench.ending import orderly


async def test_stopped_bench_leaves_nothing_behind() -> None:
    left = ["a namespace"]

    async def bench() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            left.clear()

    running = asyncio.create_task(orderly(bench()))
    with pytest.raises(asyncio.CancelledError):
        await running

    assert left == []
