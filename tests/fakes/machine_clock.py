"""The two clocks of a machine, set and put to sleep by the test. Left out: drift of the monotonic clock."""

from datetime import timedelta

from runbook_operator.runtime.clock import Steady
from tests.builders import NOW


class Machine:
    """A wall clock and the seconds since boot, moved by the test."""

    def __init__(self) -> None:
        self.wall, self.boot = NOW, 100.0
        self.clock = Steady(lambda: self.wall, lambda: self.boot)

    def passes(self, seconds: float) -> None:
        self.boot += seconds
        self.wall += timedelta(seconds=seconds)

    @property
    def off(self) -> float:
        """Seconds by which what is told differs from the wall clock."""
        return (self.clock.now() - self.wall).total_seconds()
