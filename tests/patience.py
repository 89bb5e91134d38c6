"""How long a test waits. A slow machine makes a test slow, and fails none."""

import signal
import time
from collections.abc import Callable

LONGEST_LOOK = 0.5
"""Seconds that one look counts at most: one that takes longer says that the machine is busy."""


class Patience:
    """Seconds of a machine that keeps up: they pass with the looks that were taken, and not with the clock alone."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._left, self._now, self._last = seconds, now, now()

    @property
    def is_over(self) -> bool:
        """Asked once before each look."""
        now = self._now()
        self._left -= min(now - self._last, LONGEST_LOOK)
        self._last = now
        return self._left <= 0


class Limit:
    """The time limit of the test that runs, as pytest-timeout has set it: seconds without progress, not in all."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def begin(self) -> None:
        """A test begins; without a limit of its own it has none here either."""
        self._seconds = signal.getitimer(signal.ITIMER_REAL)[0]

    def restart(self) -> None:
        """Something that was waited for has come."""
        if self._seconds and signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, self._seconds)


limit = Limit()
