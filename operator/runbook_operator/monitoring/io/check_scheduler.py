"""Asks what is watched when it is due: one heap of due times for all Runbooks, and no task for what only waits.

Every entry has its own points in time, a period apart: load stretches no period, and what was missed is not made up
for. The metrics of one source have theirs in common, so that they are asked together.
"""

import asyncio
import heapq
import itertools
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from runbook_operator.core.level_tracker import Level, Track, advance, due
from runbook_operator.core.monitors import AskMetric, Key, Reading, Sense, Watch, seen
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import Whose, everybody
from runbook_operator.monitoring.io.due_times import fraction, point
from runbook_operator.monitoring.message_kind import kind_of
from runbook_operator.runtime import clock

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
Asker = Callable[[Sequence[Watch]], Awaitable[Mapping[Key, Reading]]]
"""Gives the reading of each; it has time-outs of its own, and raises for nothing that the other side does."""

LONGEST_FIRST = 30.0
"""Nobody waits longer for a first answer, however long the period is."""
CLOSEST = 1.0
"""Nothing is asked more often than this, in seconds."""
NESTED = 3600.0
"""The first points of the metric sources lie within it: a period of 30 s then meets every second one of 15 s."""
PER_TURN = 64
"""What falls due, and what is answered, is looked at so many at a time: in between, everything else has its turn."""
CHECKS_PER_TURN = 8
"""So many are begun at a time. Each makes a connection of its own: together a few milliseconds."""
LEFT = 0.25
"""Of the time that checks keep the loop, so much again is left to everybody else before more of them are begun."""
HURRY = 0.05
"""So many seconds are left to it instead while somebody is in a hurry."""
UNABLE = Reading(reason="Unable", message="the operator itself was not able to ask")
RESULTS: Mapping[Level, str] = {"Ok": "ok", "Warning": "failed", "Critical": "failed"}


class Meter(Protocol):
    """Where it is counted; report's Metrics."""

    def late(self, seconds: float) -> None: ...

    def sensed(self, group: str, result: str, seconds: float | None) -> None: ...


@dataclass(slots=True, eq=False)
class _Entry:
    """A watch, its points in time (`phase` and every `period` seconds), and what is known of it."""

    watch: Watch
    phase: float
    period: float
    track: Track | None
    reading: Reading | None = None
    steady: bool = True
    told: str = ""
    """The kind of the last reading that a visit was asked for."""

    @property
    def sense(self) -> Sense | None:
        return Sense(self.track, self.reading or Reading(), self.steady) if self.track else None


@dataclass
class Sensor:
    """`changed` is called where an entry is told differently than before, at its first reading and its first data.

    And where two answers in a row are of another kind than those before.
    """

    ask: Asker
    changed: Callable[[Ref], None]
    may_ask: Whose
    """Only who leads there asks for a Runbook; for everybody else the periods pass."""
    metrics: Meter
    now: Callable[[], datetime] = clock.now
    """For what is told. A clock that is set moves no due time."""
    monotonic: Callable[[], float] = clock.monotonic
    hurried: Callable[[], bool] = bool
    """Whether there is something that checks have to make way for: a lever moved."""
    _entries: dict[Ref, dict[Key, _Entry]] = field(default_factory=dict)
    _heap: list[tuple[float, int, _Entry]] = field(default_factory=list)
    """When, in which order of those due together, and what. No entry is in it while it is asked."""
    _order: Iterator[int] = field(default_factory=itertools.count)
    _dropped: int = 0
    """How many entries may be in the heap that are watched no more."""
    _checks: deque[tuple[float, _Entry]] = field(default_factory=deque)
    """Those that are due and wait to be begun, and since when."""
    _asked: set[Key] = field(default_factory=set)
    """What is asked now; an entry that was replaced meanwhile waits for the answer too."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _signal: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, runbook: Ref, watches: Sequence[Watch], known: Mapping[Key, Track]) -> None:
        """Watch these of the Runbook and no others. What is unchanged goes on; what is not begins with what is known.

        A reading that is still under way for what changed is dropped when it comes.
        """
        before = self._entries.pop(runbook, {})
        kept: dict[Key, _Entry] = {}
        for one in watches:
            entry = before.get(one.key)
            if entry is None or entry.watch != one:
                entry = _entry(one, known.get(one.key))
                self._put(point(entry.phase, min(entry.period, LONGEST_FIRST), self.monotonic()), entry)
            kept[one.key] = entry
        if kept:
            self._entries[runbook] = kept
        self._drop(sum(kept.get(key) is not entry for key, entry in before.items()))

    def forget(self, runbook: Ref) -> None:
        """The Runbook is gone."""
        self.watch(runbook, (), {})

    def clear(self, whose: Whose = everybody) -> None:
        """Leading begins there: what was known may be long past, and the statuses say what to begin with."""
        for runbook in [*filter(whose, self._entries)]:
            self.forget(runbook)

    def senses(self, runbook: Ref) -> Mapping[Key, Sense]:
        """What is known of its entries; before the first reading that is what was known when the watch began."""
        entries = self._entries.get(runbook, {})
        return {key: sense for key, one in entries.items() if (sense := one.sense)}

    async def run(self) -> None:
        """Ask for ever."""
        try:
            while True:
                await self._collect(self.monotonic())
                self._begin_checks()
                await (self._breathe() if self._checks or self.hurried() else self._rest())
        finally:
            for task in self._tasks:
                task.cancel()

    async def _collect(self, until: float) -> None:
        """Take what is due by then. The metrics of a source are asked together, and wait for no check to begin."""
        together: dict[str, list[_Entry]] = {}
        for count, (moment, entry) in enumerate(self._due(until), 1):
            if not isinstance(entry.watch.ask, AskMetric):
                self._checks.append((moment, entry))
            elif self._admit(moment, entry):
                together.setdefault(entry.watch.ask.source, []).append(entry)
            if count % PER_TURN == 0:
                self._begin_checks()
                await _turn()
        for entries in together.values():
            self._spawn(entries)

    def _due(self, until: float) -> Iterator[tuple[float, _Entry]]:
        while self._heap and self._heap[0][0] <= until:
            moment, _, entry = heapq.heappop(self._heap)
            yield moment, entry

    def _begin_checks(self) -> None:
        for _ in range(min(CHECKS_PER_TURN, len(self._checks))):
            moment, entry = self._checks.popleft()
            if self._admit(moment, entry):
                self._spawn([entry])

    def _admit(self, moment: float, entry: _Entry) -> bool:
        """Whether what was due then is asked now; what may not be asked is skipped until its next point in time."""
        if not self._is_watched(entry):
            return False
        key, now = entry.watch.key, self.monotonic()
        if key in self._asked or not self.may_ask(key.runbook):
            self._put(_next(entry, now + CLOSEST / 2), entry)
            return False
        self._asked.add(key)
        self.metrics.late(now - moment)
        return True

    async def _breathe(self) -> None:
        """Leave the loop to everybody else for a part of the time that it was kept, and to a thrown switch altogether.

        Where there are more checks than time, they are late, and neither a switch nor the lease is.
        """
        began = self.monotonic()
        await _turn()
        kept = self.monotonic() - began
        await asyncio.sleep(max(kept * LEFT, HURRY if self.hurried() else 0.0))

    async def _rest(self) -> None:
        """Wait until something is due, or may be due sooner than it was."""
        self._signal.clear()
        seconds = self._heap[0][0] - self.monotonic() if self._heap else math.inf
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self._signal.set) if seconds < math.inf else None
        try:
            await self._signal.wait()
        finally:
            if timer:
                timer.cancel()

    def _spawn(self, entries: Sequence[_Entry]) -> None:
        task = asyncio.create_task(self._ask(entries, self.monotonic()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, entries: Sequence[_Entry], began: float) -> None:
        """Ask, and take what is answered, all at the same moment, so that the next asking is of all together too."""
        readings = await self._readings([one.watch for one in entries])
        now, at = self.now(), self.monotonic()
        for done, entry in enumerate(entries, 1):
            key = entry.watch.key
            self._asked.discard(key)
            if self._is_watched(entry):
                track = self._learn(entry, readings.get(key, UNABLE), now)
                self._put(_again(entry, track, now, at, began), entry)
            if done % PER_TURN == 0:
                await _turn()

    async def _readings(self, watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        """What the asker says. A bug of it is logged, and is no data for those whom it was asked about.

        A third broad boundary: beyond it, these entries would never be asked again, and be told for ever as they were.
        """
        try:
            return await self.ask(watches)
        except Exception:
            key = watches[0].key
            log.exception("asking failed in a way that nobody foresaw", object=str(key.runbook), entry=key.name)
            return {}

    def _learn(self, entry: _Entry, reading: Reading, now: datetime) -> Track:
        watch, before, last, kind = entry.watch, entry.track, entry.reading, kind_of(reading)
        level = seen(watch, reading, before)
        track = advance(before, level, reading.value, reading.reason, now, watch.timing)
        entry.track, entry.reading, entry.steady = track, reading, last is None or kind_of(last) == kind
        self.metrics.sensed(
            watch.key.group, RESULTS.get(level, "unknown"), None if reading.ok is None else reading.latency
        )
        is_new = last is None or before is None or before.level != track.level
        if is_new or (before and before.data_at is None and track.data_at) or (entry.steady and kind != entry.told):
            self.changed(watch.key.runbook)
        if is_new or entry.steady:
            entry.told = kind
        return track

    def _is_watched(self, entry: _Entry) -> bool:
        key = entry.watch.key
        entries = self._entries.get(key.runbook)
        return entries is not None and entries.get(key) is entry

    def _put(self, moment: float, entry: _Entry) -> None:
        heapq.heappush(self._heap, (moment, next(self._order), entry))
        if self._heap[0][2] is entry:
            self._signal.set()

    def _drop(self, number: int) -> None:
        """So many were dropped; once they may be half of the heap they are taken out of it."""
        self._dropped += number
        if self._dropped > len(self._heap) / 2:
            self._heap = [one for one in self._heap if self._is_watched(one[2])]
            heapq.heapify(self._heap)
            self._dropped = 0


async def _turn() -> None:
    """Everything else has its turn."""
    await asyncio.sleep(0)


def _entry(watch: Watch, track: Track | None) -> _Entry:
    period = max(CLOSEST, watch.period.total_seconds())
    if isinstance(watch.ask, AskMetric):
        return _Entry(watch, fraction(watch.ask.source) * NESTED, period, track)
    key = watch.key
    phase = fraction(f"{key.runbook.namespace}/{key.runbook.name}/{key.group}/{key.name}") * period
    return _Entry(watch, phase, period, track)


def _next(entry: _Entry, after: float) -> float:
    return point(entry.phase, entry.period, after)


def _again(entry: _Entry, track: Track, now: datetime, at: float, began: float) -> float:
    """When an entry is due again: as always, or before that where time alone may change what is told.

    `now` and `at` are the same moment. Where readings are lacking instead of time, they come a period apart.
    """
    usual = _next(entry, max(at, began + CLOSEST / 2))
    moment = due(track, entry.watch.timing, now)
    if moment is None or moment <= now:
        return usual
    sooner = max(at + (moment - now).total_seconds(), began + CLOSEST)
    if isinstance(entry.watch.ask, AskMetric):
        sooner = point(entry.phase, CLOSEST, sooner)
    return min(usual, sooner)
