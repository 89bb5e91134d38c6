"""Tests wait for conditions: the sleeps and the bounds on measured time that are left may only become fewer."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
FAKE_CLOCK = "tests.fakes.check_loop"
"""Modules that use this loop sleep in its time, which passes at once."""
SLEEPS = {
    "component/test_asking.py": 1,
    "component/test_levers.py": 1,
    "component/test_resync.py": 3,
    "e2e/harness.py": 2,
    "fakes/check_loop.py": 2,
    "fakes/servers.py": 2,
    "faults/proxy.py": 2,
    "faults/test_thousand.py": 2,
    "unit/bench/test_slow.py": 1,
    "unit/egress/test_egress_guard.py": 1,
    "unit/egress/test_http_client.py": 1,
    "unit/kube/test_endpoint_cache.py": 2,
    "unit/monitoring/backends/test_configured_sources.py": 1,
    "unit/monitoring/backends/test_prometheus_connections.py": 1,
    "unit/monitoring/io/test_baselines.py": 1,
    "unit/monitoring/io/test_health_checker.py": 2,
    "unit/monitoring/io/test_number_reader.py": 1,
    "unit/runtime/test_work_queue.py": 6,
}
"""Sleeps that take real time, by module: polls of a condition, and those that are still to be replaced by one."""
BOUNDS = {
    "faults/test_thousand.py": 1,
    "unit/bench/test_slow.py": 1,
    "unit/egress/test_egress_guard.py": 1,
}
"""Upper bounds on measured time: a delay that comes once, a queue, and a campaign of failovers."""


def modules() -> Iterator[tuple[str, str]]:
    for path in sorted(TESTS.rglob("*.py")):
        yield str(path.relative_to(TESTS)), path.read_text()


def sleeps(text: str) -> int:
    """Count the calls of a function `sleep` with anything but 0."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and node.args]
    named = [one for one in calls if ast.unparse(one.func) in {"asyncio.sleep", "time.sleep", "sleep"}]
    return sum(ast.unparse(one.args[0]) != "0" for one in named)


def bounds(text: str) -> int:
    """Count the assertions that a measured time is less than something."""
    compared = [
        node.test
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare)
    ]
    return sum(any(_is_bound(one, place) for place in range(len(one.ops))) for one in compared)


def _is_bound(compared: ast.Compare, place: int) -> bool:
    sides = [compared.left, *compared.comparators]
    text = ast.unparse(sides[place])
    measured = any(word in text for word in ("monotonic()", "perf_counter()", "took", "elapsed"))
    return measured and isinstance(compared.ops[place], ast.Lt | ast.LtE)


def test_no_module_has_more_real_time_sleeps_than_before() -> None:
    found = Counter({name: sleeps(text) for name, text in modules() if FAKE_CLOCK not in text})

    assert {name: count for name, count in found.items() if count > SLEEPS.get(name, 0)} == {}


def test_no_module_has_more_bounds_on_measured_time_than_before() -> None:
    found = {name: bounds(text) for name, text in modules()}

    assert {name: count for name, count in found.items() if count > BOUNDS.get(name, 0)} == {}


def test_sleep_of_zero_is_no_sleep() -> None:
    assert sleeps("await asyncio.sleep(0)") == 0
    assert sleeps("time.sleep(0.1); await asyncio.sleep(wait)") == 2


def test_upper_bound_on_measured_time_is_found() -> None:
    assert bounds("assert time.monotonic() - began < 2") == 1
    assert bounds("assert 0.1 <= took") == 0
    assert bounds("assert 0.1 <= took < 2") == 1
