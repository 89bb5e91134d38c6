"""A list that the test answers from a version of its own. Left out: other lists, and events of the watch."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from runbook_operator.kube.client import Kube

Body = dict[str, Any]


class LateKube(Kube):
    """See above."""

    def __init__(self) -> None:
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self.listed: list[Body] = []
        self.version = "10"

    async def pages(self, path: str) -> AsyncIterator[tuple[list[Body], str]]:
        del path
        self.asked.set()
        await self.answer.wait()
        yield self.listed, self.version

    async def watch(self, path: str, version: str, seconds: int) -> AsyncIterator[tuple[str, Body]]:
        del path, version, seconds
        await asyncio.Event().wait()
        yield "", {}
