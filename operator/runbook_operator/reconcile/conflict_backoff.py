"""How often what is held may be put back while somebody else keeps changing it."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class FightBudget(Protocol):
    """A policy for fights. It must be pure: the same fight always gets the same pause."""

    @property
    def calm(self) -> timedelta:
        """A fight without a deviation for so long is over, and the next one begins anew."""

    def pause(self, count: int, seed: str) -> timedelta:
        """How long to wait after the `count`-th put-back before the next one; `seed` tells fights apart."""


@dataclass(frozen=True)
class Backoff:
    """Doubling from `first` to `longest`, with up to half taken off so that fights do not march in step."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=30)
    calm: timedelta = timedelta(minutes=10)

    def pause(self, count: int, seed: str) -> timedelta:
        doubled = self.first * (1 << min(count - 1, 16))
        return min(self.longest, doubled) * (1 - _fraction(f"{seed}.{count}") / 2)


def _fraction(seed: str) -> float:
    """A number from 0 up to 1 that follows from the seed: decisions must be the same when they are made again."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32
