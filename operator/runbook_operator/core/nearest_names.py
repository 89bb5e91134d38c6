"""Find the existing names that a misspelt name may mean."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

OFFERED = 3
LISTED = 5
COMPARED = 500
"""Maximum number of names compared: all visits share one event loop, and a ConfigMap can have thousands of keys."""
SIMILAR = 0.6
LENGTHS = 4
"""Names whose length differs by more are not compared."""


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """Return the names that differ from `name` by a few letters, the nearest first; case is ignored."""
    close = (one for one in names if one and abs(len(one) - len(name)) <= LENGTHS)
    by_lower = {one.lower(): one for one in islice(close, COMPARED)}
    return [by_lower[one] for one in get_close_matches(name.lower(), by_lower, OFFERED, SIMILAR)]


def offer(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest of `names`, or else the first few of them."""
    there = sorted(names)
    if close := nearest(name, there):
        return f"did you mean {' or '.join(close)}?"
    if not there:
        return "there is none."
    more = f" and {len(there) - LISTED} more" if len(there) > LISTED else ""
    return f"there is {', '.join(there[:LISTED])}{more}."
