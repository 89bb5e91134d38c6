"""The only reader of the clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

NOTICED = timedelta(seconds=2)
"""Smaller differences are what NTP does all day, and are followed at once."""
ABSURD = timedelta(days=1)
"""A clock that is corrected by more than this was never right, and is followed at once too."""
PART = 0.5
"""Of the time that passes, how much a correction in between may take or give."""


def _wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 # the one place that may


def _since_boot() -> float:
    """Seconds that never jump, with those in which the machine slept where the system counts them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass
class Steady:
    """Wall time that does not jump: a clock that is set by an hour ends no switch an hour early."""

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
            log.warning("the clock was set; it is followed slowly", seconds=off.total_seconds())
        self._jumped = jumped


_steady = Steady()


def now() -> datetime:
    """The wall clock in UTC, for what people read and what they were promised."""
    return _steady.now()


def processor() -> float:
    """Seconds for which this thread had the processor: what another process takes does not count."""
    return time.thread_time()


def monotonic() -> float:
    """Seconds that never jump, for how long something took."""
    return time.monotonic()
