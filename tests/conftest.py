"""Fixtures for every tree of tests that needs a cluster; those that need none never ask for them."""

import os
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import pytest
from hypothesis import settings

from tests.patience import limit

# What lands does not depend on what was drawn that day; everybody's own runs go on drawing. How long an example takes
# says how busy the machine is, and fails nothing.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("own", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "own")
LONGEST_FIRST = (
    "test_soak",
    "test_thousand",
    "test_demo",
    "test_fifty_runbooks_at_rest",
    "test_every_valid_value_is_reached",
    "overloaded_for_more_than_a_minute",
    "test_random_events_on_two_switches",
    "test_frozen_leader",
)
"""What takes a minute or more, the longest first; after it comes what needs the node, whose pods take their time."""
SHORT = "tests/repo/test_repo.py"
NODE_TIMEOUT = 600
pytest_plugins = ["tests.e2e.fixtures"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that it runs beside everything else; what waits for a node may wait.

    A worker is given a second test while it is at its first, and nobody takes it away: behind each that is long comes
    one that is short.
    """
    for item in items:
        if item.get_closest_marker("node") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(NODE_TIMEOUT))
    items.sort(key=_rank)
    long = [item for item in items if _rank(item) < len(LONGEST_FIRST)]
    behind = [item for item in items if SHORT in item.nodeid][: len(long)]
    others = [item for item in items if item not in long and item not in behind]
    items[:] = [*(one for pair in zip_longest(long, behind) for one in pair if one), *others]


def _rank(item: pytest.Item) -> int:
    by_name = (place for place, name in enumerate(LONGEST_FIRST) if name in item.nodeid)
    return next(by_name, len(LONGEST_FIRST) + (not item.get_closest_marker("node")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """A test that makes progress has its whole time limit again."""
    limit.begin()
    return (yield)


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The campaigns as tables: how many cases, and how many of them ended as they should."""
    table: dict[str, list[bool]] = {}
    for report in _reports(terminalreporter):
        for name, value in report.user_properties:
            if name == "campaign":
                table.setdefault(str(value), []).append(report.passed)
    if table:
        terminalreporter.section("crash after every write")
        for story, results in sorted(table.items()):
            terminalreporter.write_line(f"{story:32} {len(results):3} cases {sum(results):3} as without a crash")


def _reports(reporter: pytest.TerminalReporter) -> Sequence[pytest.TestReport]:
    return [report for kind in ("passed", "failed") for report in reporter.stats.get(kind, ()) if report.when == "call"]
