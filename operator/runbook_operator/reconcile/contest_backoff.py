"""Limits how often the operator reapplies a held value while another client keeps changing it (a contest)."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class ContestBackoff(Protocol):
    """The back-off policy of contests. It must be pure: the same contest always gets the same pause."""

    @property
    def calm(self) -> timedelta:
        """A contest ends after this time without drift; the next one starts from the first pause."""

    def pause(self, count: int, seed: str) -> timedelta:
        """Return the pause after reapplying `count` times; `seed` differs between contests."""


@dataclass(frozen=True)
class Backoff:
    """Doubles the pause from `first` to `longest`; up to half is taken off, so that contests do not synchronize."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=30)
    calm: timedelta = timedelta(minutes=10)

    def pause(self, count: int, seed: str) -> timedelta:
        doubled = self.first * (1 << min(count - 1, 16))
        return min(self.longest, doubled) * (1 - _fraction(f"{seed}.{count}") / 2)


def _fraction(seed: str) -> float:
    """Return a number from 0 to below 1 that depends on the seed alone: a repeated decision must be the same."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32
