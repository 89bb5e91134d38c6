"""Schedule the checks of all Runbooks: one heap of due times, and no task for an entry that only waits.

Each entry is due at fixed points in time, a period apart: load stretches no period, and a missed point is skipped. The
metrics of one source share their points, so that they are queried together.
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
from runbook_operator.core.monitors import AskMetric, Key, MonitorState, Reading, Watch, level_of
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ObjectFilter, all_objects
from runbook_operator.monitoring.io.due_times import fraction, point
from runbook_operator.monitoring.message_kind import kind_of
from runbook_operator.runtime import clock

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
Asker = Callable[[Sequence[Watch]], Awaitable[Mapping[Key, Reading]]]
"""Return the reading of each watch. It has time-outs of its own, and an error of the target or source never raises."""

LONGEST_FIRST = 30.0
"""Maximum seconds until the first check of an entry, however long its period is."""
CLOSEST = 1.0
"""Minimum seconds between two checks of an entry."""
NESTED = 3600.0
"""Phases of sources spread over these seconds, whatever the period: each point of a 30 s period is one of 15 s too."""
PER_TURN = 64
"""Due entries, and readings, handled between two yields to the event loop."""
CHECKS_PER_TURN = 8
"""Checks started between two yields. Each makes its own connection: together a few milliseconds."""
LEFT = 0.25
"""The scheduler starts checks, and then sleeps for this fraction of the time that they kept the event loop busy."""
HURRY = 0.05
"""Minimum seconds of that sleep while urgent work, such as a throw, is pending."""
UNABLE = Reading(reason="Unable", message="the operator itself was not able to send the request")
RESULTS: Mapping[Level, str] = {"Ok": "ok", "Warning": "failed", "Critical": "failed"}


class Meter(Protocol):
    """The part of telemetry.metrics.Metrics that counts checks."""

    def late(self, seconds: float) -> None: ...

    def observe_reading(self, group: str, result: str, seconds: float | None) -> None: ...


@dataclass(slots=True, eq=False)
class _Entry:
    """A watch, its points in time (`phase` and every `period` seconds after it), its track and its last reading."""

    watch: Watch
    phase: float
    period: float
    track: Track | None
    reading: Reading | None = None
    steady: bool = True
    told: str = ""
    """The kind of the last reading for which a visit of the Runbook was requested."""

    @property
    def monitor_state(self) -> MonitorState | None:
        return MonitorState(self.track, self.reading or Reading(), self.steady) if self.track else None


@dataclass
class CheckScheduler:
    """The scheduler. It calls `changed` when the level of an entry changes, at its first reading and its first data.

    It also calls it when two readings in a row are of another kind than those before.
    """

    ask: Asker
    changed: Callable[[Ref], None]
    may_ask: ObjectFilter
    """True for Runbooks that this replica leads; the checks of all others are skipped."""
    metrics: Meter
    now: Callable[[], datetime] = clock.now
    """The wall clock of levels. Due times use `monotonic`, so that setting the clock moves none."""
    monotonic: Callable[[], float] = clock.monotonic
    has_urgent: Callable[[], bool] = bool
    """True while urgent work, such as a throw, waits or runs; checks yield to it."""
    _entries: dict[Ref, dict[Key, _Entry]] = field(default_factory=dict)
    _heap: list[tuple[float, int, _Entry]] = field(default_factory=list)
    """Due time, a counter that breaks ties, and the entry. An entry is not in the heap during its check."""
    _order: Iterator[int] = field(default_factory=itertools.count)
    _dropped: int = 0
    """Upper bound of the entries in the heap that are no longer watched."""
    _checks: deque[tuple[float, _Entry]] = field(default_factory=deque)
    """The checks that are due but not started, with their due times."""
    _asked: set[Key] = field(default_factory=set)
    """The keys of running checks. An entry that replaces one of them waits for its end."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _signal: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, runbook: Ref, watches: Sequence[Watch], known: Mapping[Key, Track]) -> None:
        """Replace the watches of the Runbook. An unchanged entry continues; any other begins with its `known` track.

        The running check of a changed entry ends without effect.
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
        """Stop watching a deleted Runbook."""
        self.watch(runbook, (), {})

    def clear(self, only: ObjectFilter = all_objects) -> None:
        """Forget the Runbooks of shards where leading begins: the data may be old, and the statuses have the levels."""
        for runbook in [*filter(only, self._entries)]:
            self.forget(runbook)

    def monitor_states(self, runbook: Ref) -> Mapping[Key, MonitorState]:
        """Return the track and last reading of each entry; before the first reading, the track it began with."""
        entries = self._entries.get(runbook, {})
        return {key: monitor_state for key, one in entries.items() if (monitor_state := one.monitor_state)}

    async def run(self) -> None:
        """Start the due checks, forever."""
        try:
            while True:
                await self._collect(self.monotonic())
                self._begin_checks()
                await (self._breathe() if self._checks or self.has_urgent() else self._rest())
        finally:
            for task in self._tasks:
                task.cancel()

    async def _collect(self, until: float) -> None:
        """Take the entries due by `until`. Query the metrics of a source together, before the waiting checks."""
        by_source: dict[str, list[_Entry]] = {}
        for count, (moment, entry) in enumerate(self._due(until), 1):
            if not isinstance(entry.watch.ask, AskMetric):
                self._checks.append((moment, entry))
            elif self._admit(moment, entry):
                by_source.setdefault(entry.watch.ask.source, []).append(entry)
            if count % PER_TURN == 0:
                self._begin_checks()
                await _yield_to_loop()
        for entries in by_source.values():
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
        """True if the entry is to be checked now; if it must not be, it is due again at its next point in time."""
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
        """Sleep for a fraction of the time that the loop was busy, longer while urgent work is pending.

        If there are more checks than time, the checks are late, but neither a switch nor the lease is.
        """
        began = self.monotonic()
        await _yield_to_loop()
        kept = self.monotonic() - began
        await asyncio.sleep(max(kept * LEFT, HURRY if self.has_urgent() else 0.0))

    async def _rest(self) -> None:
        """Wait until the first entry is due, or until a new first entry is added."""
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
        """Check the entries, and date all readings alike, so that the next checks are due together too."""
        readings = await self._readings([one.watch for one in entries])
        now, at = self.now(), self.monotonic()
        for done, entry in enumerate(entries, 1):
            key = entry.watch.key
            self._asked.discard(key)
            if self._is_watched(entry):
                track = self._learn(entry, readings.get(key, UNABLE), now)
                self._put(_again(entry, track, now, at, began), entry)
            if done % PER_TURN == 0:
                await _yield_to_loop()

    async def _readings(self, watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        """Return the readings. An unexpected exception is logged and counts as no data for these watches.

        The broad `except` is on purpose: otherwise these entries would never be checked again and keep their level.
        """
        try:
            return await self.ask(watches)
        except Exception:
            key = watches[0].key
            log.exception("a check failed with an unexpected error", object=str(key.runbook), entry=key.name)
            return {}

    def _learn(self, entry: _Entry, reading: Reading, now: datetime) -> Track:
        watch, before, last, kind = entry.watch, entry.track, entry.reading, kind_of(reading)
        level = level_of(watch, reading, before)
        track = advance(before, level, reading.value, reading.reason, now, watch.timing)
        entry.track, entry.reading, entry.steady = track, reading, last is None or kind_of(last) == kind
        self.metrics.observe_reading(
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
        """Count dropped entries; remove them from the heap once they may be half of it."""
        self._dropped += number
        if self._dropped > len(self._heap) / 2:
            self._heap = [one for one in self._heap if self._is_watched(one[2])]
            heapq.heapify(self._heap)
            self._dropped = 0


async def _yield_to_loop() -> None:
    """Yield to the event loop."""
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
    """Return when an entry is due again: a period later, or sooner if time alone may change its reported level.

    `now` and `at` are the same moment. If a level needs more readings instead of time, they come a period apart.
    """
    usual = _next(entry, max(at, began + CLOSEST / 2))
    moment = due(track, entry.watch.timing, now)
    if moment is None or moment <= now:
        return usual
    sooner = max(at + (moment - now).total_seconds(), began + CLOSEST)
    if isinstance(entry.watch.ask, AskMetric):
        sooner = point(entry.phase, CLOSEST, sooner)
    return min(usual, sooner)
