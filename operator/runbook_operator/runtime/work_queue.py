"""A keyed work queue: one worker at a time per key, one visit per burst of events, back-off after failures.

Urgent keys are visited before all others. Workers can be reserved for them.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

YIELD_SECONDS = 1.0
"""Seconds, from when urgent work begins, in which no other key is visited.

Other visits would share the processor and the API server with it.
"""
FIRST_RETRY = 0.05
LONGEST_RETRY = 30.0


def backoff(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Return the seconds until the next try after this many failures in a row: doubling, capped, up to half off."""
    longest = min(LONGEST_RETRY, FIRST_RETRY * float(1 << min(failures, 16)))
    return longest * (1 - jitter() / 2)


@dataclass
class WorkQueue(Generic[Key]):
    """The keys to visit. Adding a key while it is visited causes one more visit. No key is handed out while `paused`.

    A key that is not `mine` is dropped, when it is added and when its visit would begin. The code that makes it `mine`
    adds it again. Each filter of `limit` decides that.
    """

    paused: bool = True
    _filters: list[Callable[[Key], bool]] = field(default_factory=list)
    _ready: dict[Key, None] = field(default_factory=dict)
    _urgent: dict[Key, None] = field(default_factory=dict)
    """Keys that are visited first; no key is also in `_ready`."""
    _busy: set[Key] = field(default_factory=set)
    _urgent_keys: set[Key] = field(default_factory=set)
    """Keys that are being visited and were urgent."""
    _since: float = -math.inf
    """The time at which urgent work began, by the loop's clock."""
    _again: dict[Key, bool] = field(default_factory=dict)
    """Keys that were added during their visit; the value is True if the next visit is urgent."""
    _failures: dict[Key, int] = field(default_factory=dict)
    _later: dict[Key, asyncio.TimerHandle] = field(default_factory=dict)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    """Idle workers that take any key."""
    _reserve: deque[asyncio.Future[None]] = field(default_factory=deque)
    """Idle workers that take urgent keys only."""
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    def limit(self, to: Callable[[Key], bool]) -> None:
        """Hand out only keys that this filter and the earlier ones accept."""
        self._filters.append(to)

    def mine(self, key: Key) -> bool:
        """True if the queue hands out this key."""
        return all(accepts(key) for accepts in self._filters)

    def __len__(self) -> int:
        return len(self._ready) + len(self._urgent) + len(self._busy)

    @property
    def busy(self) -> Collection[Key]:
        """The keys that are being visited."""
        return self._busy

    @property
    def has_urgent(self) -> bool:
        """True if an urgent key waits or is being visited."""
        return bool(self._urgent or self._urgent_keys) and not self.paused

    def is_crowded(self, key: Key) -> bool:
        """True if an urgent key other than `key` waits or is being visited."""
        return any(other != key for lane in (self._urgent, self._urgent_keys) for other in lane)

    def add(self, key: Key, *, urgent: bool = False) -> None:
        if (timer := self._later.pop(key, None)) is not None:
            timer.cancel()
        if not self.mine(key):
            return
        if key in self._busy:
            self._again[key] = urgent or self._again.get(key, False)
        elif urgent or key in self._urgent:
            self._hurry()
            self._ready.pop(key, None)
            self._urgent[key] = None
            _call(self._waiting, _call(self._reserve, 1))
        else:
            self._ready[key] = None
            _call(self._waiting, 1)

    def _hurry(self) -> None:
        if not self._urgent and not self._urgent_keys:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            loop.call_later(YIELD_SECONDS, self._call_all)

    def _call_all(self) -> None:
        _call(self._reserve, len(self._urgent))
        _call(self._waiting, len(self))

    @property
    def _makes_way(self) -> bool:
        return self.has_urgent and asyncio.get_running_loop().time() < self._since + YIELD_SECONDS

    def add_later(self, key: Key, seconds: float) -> None:
        """Visit the key after `seconds`, or sooner if it is added or was due sooner."""
        due = asyncio.get_running_loop().time() + seconds
        held = self._later.get(key)
        if key in self._ready or key in self._urgent or (held is not None and held.when() <= due):
            return
        if held is not None:
            held.cancel()
        self._later[key] = asyncio.get_running_loop().call_at(due, self.add, key)

    def retry(self, key: Key, after: float | None = None) -> float:
        """Visit the key again after a failure, in `after` seconds or the key's back-off; return the seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        seconds = backoff(failures) if after is None else after
        self.add_later(key, seconds)
        return seconds

    def forget(self, key: Key) -> None:
        """Reset the back-off of the key after a successful visit."""
        self._failures.pop(key, None)

    def resume(self) -> None:
        self.paused = False
        self._call_all()

    def pause(self) -> None:
        self.paused = True

    async def idle(self) -> None:
        """Wait until no key is being visited."""
        while self._busy:
            self._freed.clear()
            await self._freed.wait()

    async def work(self, visit: Callable[[Key], Awaitable[None]], *, urgent: bool = False) -> None:
        """Visit keys forever, or only urgent ones; run as many of these as visits may overlap.

        `visit` handles its own errors.
        """
        while True:
            key = await self._take(urgent=urgent)
            try:
                await visit(key)
            finally:
                self._done(key)
            # A visit that has nothing to do never yields: without this, many of them would delay the lease renewal.
            await asyncio.sleep(0)

    async def _take(self, *, urgent: bool) -> Key:
        while True:
            while self.paused or not (lane := self._urgent or self._other(urgent=urgent)):
                await _until_woken(self._reserve if urgent else self._waiting)
            key = next(iter(lane))
            del lane[key]
            if self.mine(key):
                break
        self._busy.add(key)
        if lane is self._urgent:
            self._urgent_keys.add(key)
        return key

    def _other(self, *, urgent: bool) -> dict[Key, None]:
        """Return the keys that a worker may take when none is urgent."""
        return {} if urgent or self._makes_way else self._ready

    def _done(self, key: Key) -> None:
        made_way = self._makes_way
        self._busy.discard(key)
        self._urgent_keys.discard(key)
        self._freed.set()
        if key in self._again:
            self.add(key, urgent=self._again.pop(key))
        if made_way and not self._makes_way:
            _call(self._waiting, len(self._ready))


def _call(waiting: deque[asyncio.Future[None]], workers: int) -> int:
    """Wake up to `workers` idle workers, since more would find no key; return how many are missing."""
    while workers > 0 and waiting:
        worker = waiting.popleft()
        if not worker.done():
            worker.set_result(None)
            workers -= 1
    return workers


async def _until_woken(waiting: deque[asyncio.Future[None]]) -> None:
    """Wait to be woken. A worker that is cancelled after it was woken wakes another."""
    worker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.append(worker)
    try:
        await worker
    except asyncio.CancelledError:
        if not worker.cancelled():
            _call(waiting, 1)
        raise
