"""The points in time at which an entry is due: a period apart, and the same ones after a restart."""

import math
from hashlib import blake2b


def fraction(text: str) -> float:
    """From 0 to 1, spread evenly, and the same after a restart."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48


def point(phase: float, period: float, after: float) -> float:
    """The first point in time not before `after`; the same float for all who share it, from wherever they come."""
    return phase + math.ceil((after - phase) / period) * period
