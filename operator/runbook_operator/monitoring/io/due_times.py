"""Compute the points in time at which an entry is due: a period apart, with a phase that survives restarts."""

import math
from hashlib import blake2b


def fraction(text: str) -> float:
    """Return a number in [0, 1) from the hash of the text: evenly spread, and the same after a restart."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48


def point(phase: float, period: float, after: float) -> float:
    """Return the first due time that is not before `after`: the same float for all entries with this due time."""
    return phase + math.ceil((after - phase) / period) * period
