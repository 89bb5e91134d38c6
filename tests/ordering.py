"""Order tests by their recorded durations: the longest first, a short one behind each of them.

`tests/durations.json` has the seconds of every test that took a second or more, by node id without parameters;
`make durations` records it. A test without a record, new or renamed, is ordered by its kind: it costs some order, and
`tests/repo/test_modules.py` fails for a record whose test is gone.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
FILE = Path(__file__).parent / "durations.json"
LONG = 30.0
"""A worker that is at a test of this length is given a short second one, since it holds two at a time."""
NODE_DEFAULT, DEFAULT = 20.0, 1.0
"""Seconds of a test without a record: one that needs the node waits for pods."""
SHORTEST = 1.0
"""Shorter tests are not recorded: their order makes no difference."""


def function_of(node_id: str) -> str:
    """The node id of the test function, without parameters."""
    return node_id.partition("[")[0]


def recorded(file: Path = FILE) -> dict[str, float]:
    return {str(name): float(seconds) for name, seconds in json.loads(file.read_text()).items()}


def in_order(items: Sequence[T], seconds: Mapping[int, float]) -> list[T]:
    """Return the items, the longest first, with one of the shortest behind each long one."""
    ranked = sorted(range(len(items)), key=lambda one: -seconds[one])
    long = [one for one in ranked if seconds[one] >= LONG]
    rest = ranked[len(long) :]
    cut = max(len(rest) - len(long), 0)
    pairs = zip_longest(long, reversed(rest[cut:]))
    return [items[one] for one in [*(one for pair in pairs for one in pair if one is not None), *rest[:cut]]]


def sort(items: list[pytest.Item]) -> None:
    """Put the tests into the order of their records, in place."""
    known = recorded()
    items[:] = in_order(items, {at: _seconds(item, known) for at, item in enumerate(items)})


def _seconds(item: pytest.Item, known: Mapping[str, float]) -> float:
    default = NODE_DEFAULT if item.get_closest_marker("node") else DEFAULT
    return known.get(function_of(item.nodeid), default)


class Recorder:
    """Adds up what each test takes, and writes the records at the end. Runs where the reports of all workers arrive."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = file
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Replace the records of the tests that ran, keep those of the others."""
        longest: dict[str, float] = {}
        for node_id, seconds in self._seconds.items():
            name = function_of(node_id)
            longest[name] = max(longest.get(name, 0.0), seconds)
        merged = (recorded(self._file) if self._file.exists() else {}) | longest
        kept = {name: round(seconds, 1) for name, seconds in sorted(merged.items()) if seconds >= SHORTEST}
        self._file.write_text(json.dumps(kept, indent=1) + "\n")
