"""A FaultyKube whose answers take a turn of the loop. Left out: what FaultyKube leaves out."""

import asyncio
from typing import Any

from tests.builders import Body
from tests.fakes.faulty_kube import FaultyKube


class SlowKube(FaultyKube):
    """Whoever asks has to wait, so that others decide meanwhile."""

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        await asyncio.sleep(0)
        answer = await super().request(method, path, **rest)
        await asyncio.sleep(0)
        return answer
