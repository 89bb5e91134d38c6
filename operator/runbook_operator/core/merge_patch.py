"""Compute the difference of two bodies, and compare a live object with a desired one."""

from collections.abc import Iterator, Mapping
from typing import Any

Body = dict[str, Any]


def difference(old: Body, new: Body) -> Body:
    """Return the JSON merge patch that turns `old` into `new`: null removes, lists are replaced as a whole."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if inner := difference(before, value):
                patch[key] = inner
        elif value != before:
            patch[key] = value
    return patch


def differing(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two values differ; an element of a list has its index."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            yield from differing(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differing(left, right, f"{path}[{number}]")
    elif one != other:
        yield path or "everything"


def covers(live: Any, wanted: Any) -> bool:
    """True if `live` has all of `wanted`. Its maps may have more keys, since API servers add defaults and status.

    Lists must have the same length, and each element must cover the one at its place. A null means that the key is
    absent, as in a merge patch.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(covers, live, wanted))
    # True == 1 in Python, but not in JSON.
    return bool(live == wanted) and isinstance(live, bool) == isinstance(wanted, bool)
