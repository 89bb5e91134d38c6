"""Lists and watch events of a few kinds, set by the test. Left out: expired versions, pages and writes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube

Body = dict[str, Any]

HPAS = "/apis/autoscaling/v2/{}horizontalpodautoscalers"

ALL = HPAS.format("")


class Kinds(Kube):
    """See above."""

    def __init__(self, *listed: Body) -> None:
        self.listed = list(listed)
        self.asked: list[str] = []
        self.events: asyncio.Queue[tuple[str, Body]] = asyncio.Queue()
        self.error: errors.ApiError | None = None

    async def pages(self, path: str) -> AsyncIterator[tuple[list[Body], str]]:
        self.asked.append(path)
        if self.error is not None:
            raise self.error
        yield [one for one in self.listed if path == ALL or f"/{one['metadata']['namespace']}/" in path], "2"

    async def items(
        self, path: str, labels: str = "", *, fields: str = "", cached: bool = False
    ) -> AsyncIterator[Body]:
        del labels, fields, cached
        self.asked.append(path)
        for one in self.listed:
            yield one

    async def watch(self, path: str, version: str, seconds: int) -> AsyncIterator[tuple[str, Body]]:
        del path, version, seconds
        while True:
            yield await self.events.get()
            self.events.task_done()
