"""A token bucket: limits a rate and allows a burst."""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.runtime import clock


@dataclass
class Bucket:
    """`rate` tokens per second, `size` tokens at most in a burst; both may be fractions."""

    rate: float
    size: float
    monotonic: Callable[[], float] = clock.monotonic
    _left: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._at = self.size, self.monotonic()

    def take(self) -> float:
        """Take one token. Return 0 if there was one, else the seconds until there is one; then nothing was taken."""
        now = self.monotonic()
        self._left = min(self.size, self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self.rate
