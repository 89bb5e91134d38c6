"""Fixtures for every tree of tests that needs a cluster; those that need none never ask for them."""

import os
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings

from tests import ordering
from tests.patience import limit

# What lands does not depend on what was drawn that day; everybody's own runs go on drawing. How long an example takes
# says how busy the machine is, and fails nothing.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("own", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "own")
NODE_TIMEOUT = 600
FAST = ("tests/unit/", "tests/contract/")
FAST_TIMEOUT = 10
"""Seconds of a free processor. Neither asks a server of another process; a test that needs longer says why."""
PROPERTY_TIMEOUT = 120
"""Seconds of a test that hypothesis runs with a hundred examples or more."""
pytest_plugins = ["tests.e2e.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", action="store_true", help=f"write what each test took to {ordering.FILE}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record-durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ordering.Recorder())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its time limit, and put the longest first, so that they run beside everything else."""
    crowding = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    for item in items:
        if item.get_closest_marker("timeout"):
            continue
        if item.get_closest_marker("node"):
            item.add_marker(pytest.mark.timeout(NODE_TIMEOUT))
        elif item.nodeid.startswith(FAST):
            is_property = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
            item.add_marker(pytest.mark.timeout((PROPERTY_TIMEOUT if is_property else FAST_TIMEOUT) * crowding))
    ordering.sort(items)


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
