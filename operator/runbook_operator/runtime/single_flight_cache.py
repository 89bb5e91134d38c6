"""A cache of loaded results: concurrent callers share one load of a key, and each result decides how long it counts."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from runbook_operator.runtime import clock

Key = TypeVar("Key")
Value = TypeVar("Value")
MOST = 100_000
"""The most results in one cache; the oldest is evicted for a new one."""


@dataclass
class _Load(Generic[Value]):
    """A running or finished load; its result counts until `until`."""

    began: float
    task: asyncio.Task[Value] = field(repr=False)
    until: float = math.inf


class SingleFlightCache(Generic[Key, Value]):
    """The cache. Use it inside the event loop. Its repr shows no key and no result.

    `seconds` returns how long a result counts, from the beginning of its load: 0 is not kept. An error is not kept.
    """

    def __init__(
        self, seconds: Callable[[Value], float], monotonic: Callable[[], float] = clock.monotonic, most: int = MOST
    ) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._most = most
        self._loads: dict[Key, _Load[Value]] = {}
        """The oldest load first."""

    def __len__(self) -> int:
        return len(self._loads)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._loads)

    async def get(self, key: Key, load: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """Return the result of the key; load it if none counts now, and raise the error of the load.

        The load goes on if a caller is cancelled, since others may wait for it.
        """
        found = self._loads.get(key)
        if found is None or (found.task.done() and found.until <= self._monotonic()):
            found = self._begin(key, load)
        return await asyncio.shield(found.task)

    def shorten(self, key: Key, seconds: float) -> None:
        """Let the result of the key count for this time at most, from the beginning of its load."""
        if (found := self._loads.get(key)) is not None:
            found.until = min(found.until, found.began + seconds)

    def evict(self, key: Key) -> None:
        """Remove the key; callers that wait get the result of a running load, and later callers load again."""
        self._loads.pop(key, None)

    def evict_where(self, is_evicted: Callable[[Key], bool]) -> None:
        """Remove each key for which this is true, as `evict` does."""
        for key in [*filter(is_evicted, self._loads)]:
            del self._loads[key]

    def _begin(self, key: Key, load: Callable[[], Coroutine[Any, Any, Value]]) -> _Load[Value]:
        now = self._monotonic()
        self._loads.pop(key, None)
        self._make_room(now)
        begun = _Load(now, asyncio.create_task(load()))
        self._loads[key] = begun
        begun.task.add_done_callback(partial(self._end, key, begun))
        return begun

    def _end(self, key: Key, ended: _Load[Value], task: asyncio.Task[Value]) -> None:
        if not task.cancelled() and task.exception() is None:
            ended.until = min(ended.until, ended.began + self._seconds(task.result()))
        elif self._loads.get(key) is ended:
            del self._loads[key]

    def _make_room(self, now: float) -> None:
        """Remove expired results, from the oldest load on, and the oldest of too many."""
        while self._loads:
            key, oldest = next(iter(self._loads.items()))
            if oldest.until > now and len(self._loads) < self._most:
                return
            del self._loads[key]
