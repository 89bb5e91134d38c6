"""The wall clock, the monotonic clock and the CPU clock. No other module reads the time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

NOTICED = timedelta(seconds=2)
"""Smaller corrections are normal for NTP and are followed at once."""
ABSURD = timedelta(days=1)
"""A larger correction is followed at once too, since the time before it was never right."""
PART = 0.5
"""Maximum correction as a fraction of the time that has passed since the last call."""


def _wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 # the only module that may read it


def _since_boot() -> float:
    """Return seconds that never jump; they include the time that the machine slept, where the system counts it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass
class Steady:
    """Wall time that does not jump: setting the clock by an hour ends no override an hour early."""

    wall: Callable[[], datetime] = _wall
    since_boot: Callable[[], float] = _since_boot
    _last: datetime = field(init=False)
    _at: float = field(init=False)
    _jumped: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._last, self._at = self.wall(), self.since_boot()

    def now(self) -> datetime:
        at = self.since_boot()
        passed = timedelta(seconds=at - self._at)
        expected = self._last + passed
        off = self.wall() - expected
        self._tell(off)
        if NOTICED < abs(off) < ABSURD:
            most = passed * PART
            off = max(-most, min(off, most))
        self._last, self._at = expected + off, at
        return self._last

    def _tell(self, off: timedelta) -> None:
        jumped = abs(off) > NOTICED
        if jumped and not self._jumped:
            log.warning(
                "the system clock was set; the operator adjusts its own clock slowly", seconds=off.total_seconds()
            )
        self._jumped = jumped


_steady = Steady()


def now() -> datetime:
    """Return the wall clock in UTC, for timestamps and for deadlines that people were promised."""
    return _steady.now()


def processor() -> float:
    """Return the seconds of CPU time that this thread has used; the time of other processes does not count."""
    return time.thread_time()


def monotonic() -> float:
    """Return seconds that never jump, for measuring durations."""
    return time.monotonic()
