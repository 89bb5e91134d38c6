"""A keyed work queue: one worker at a time per key, one visit per burst of events, back-off after failures."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

FIRST_RETRY = 0.05
LONGEST_RETRY = 30.0


def backoff(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds until the next try after that many failures in a row: doubling, capped, with up to half taken off."""
    longest = min(LONGEST_RETRY, FIRST_RETRY * float(1 << min(failures, 16)))
    return longest * (1 - jitter() / 2)


@dataclass
class WorkQueue(Generic[Key]):
    """Keys to visit. `add` while a key is visited makes one more visit; `paused` hands out none."""

    paused: bool = True
    _ready: dict[Key, None] = field(default_factory=dict)
    _busy: set[Key] = field(default_factory=set)
    _again: set[Key] = field(default_factory=set)
    _failures: dict[Key, int] = field(default_factory=dict)
    _later: dict[Key, asyncio.TimerHandle] = field(default_factory=dict)
    _signal: asyncio.Event = field(default_factory=asyncio.Event)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self._ready) + len(self._busy)

    def add(self, key: Key) -> None:
        if (timer := self._later.pop(key, None)) is not None:
            timer.cancel()
        if key in self._busy:
            self._again.add(key)
            return
        self._ready[key] = None
        self._signal.set()

    def add_later(self, key: Key, seconds: float) -> None:
        """Visit the key after `seconds`, or sooner where it is added or due sooner."""
        due = asyncio.get_running_loop().time() + seconds
        held = self._later.get(key)
        if key in self._ready or (held is not None and held.when() <= due):
            return
        if held is not None:
            held.cancel()
        self._later[key] = asyncio.get_running_loop().call_at(due, self.add, key)

    def retry(self, key: Key, after: float | None = None) -> float:
        """The visit failed: come back after `after` seconds or the key's back-off, which is returned."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        seconds = backoff(failures) if after is None else after
        self.add_later(key, seconds)
        return seconds

    def forget(self, key: Key) -> None:
        """The visit went well: the back-off begins anew."""
        self._failures.pop(key, None)

    def resume(self) -> None:
        self.paused = False
        self._signal.set()

    def pause(self) -> None:
        self.paused = True

    async def idle(self) -> None:
        """Wait until no key is visited."""
        while self._busy:
            self._freed.clear()
            await self._freed.wait()

    async def work(self, visit: Callable[[Key], Awaitable[None]]) -> None:
        """Visit keys for ever; run it as many times as visits may overlap. `visit` handles its own errors."""
        while True:
            key = await self._take()
            try:
                await visit(key)
            finally:
                self._done(key)

    async def _take(self) -> Key:
        while self.paused or not self._ready:
            self._signal.clear()
            await self._signal.wait()
        key = next(iter(self._ready))
        del self._ready[key]
        self._busy.add(key)
        return key

    def _done(self, key: Key) -> None:
        self._busy.discard(key)
        self._freed.set()
        if key in self._again:
            self._again.discard(key)
            self.add(key)
