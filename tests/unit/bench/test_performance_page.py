"""The page of figures, made of figures that are made up for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.performance.figures import Committed, committed, exponent
from tools.performance.goals import GOALS, told
from tools.performance.page import page

MACHINE = {"processor": "Some CPU", "processors": 2, "memory_gib": 24, "kernel": "6.1"}


def contender(milliseconds: float, **more: Any) -> dict[str, Any]:
    use = {"rss_mb": 70.0, "pss_mb": 60.0, "seconds": 60.0, "requests": 60, "writes": {"update leases": 60}}
    base: dict[str, Any] = {
        "throw_ms": [milliseconds] * 10,
        "restore_ms": [milliseconds] * 10,
        "bursts": [{"throw_ms": [milliseconds * 10], "restore_ms": [milliseconds * 10]}],
        "start_s": [1.0],
        "idle": use | {"cpu_share": 0.01, "etcd_bytes": 6000},
        "loaded": use | {"cpu_s": 1.0, "throws": 10, "etcd_bytes": 60000},
    }
    return base | more


def run(runbooks: int, **contenders: Any) -> dict[str, Any]:
    versions = {"kubernetes": "v1.37.2", "controller-runtime": ""}
    return {
        "runbooks": runbooks,
        "date": "2026-11-26",
        "machine": MACHINE,
        "versions": versions,
        "contenders": contenders,
    }


def figures(milliseconds: float = 12.0, remarks: dict[str, str] | None = None, **more: Any) -> Committed:
    ours = contender(milliseconds, looked_s=[2.0], first_start_s=20.0, **more)
    peers = {"floor": contender(10.0), "go": contender(20.0), "tutorial": contender(100.0)}
    return Committed({1000: run(1000, operator=ours, **peers)}, {}, remarks or {})


def test_a_promise_that_is_kept_is_said_to_be() -> None:
    text = page(figures())

    assert "| from patch to effect, p50, times the floor's (1,000 Runbooks) | ≤ 1.50 | 1.20 | met |" in text
    assert "| 100 thrown at once: how many times longer a tutorial's operator takes, p99 | ≥ 3 | 8.33 | met |" in text


def test_what_was_not_measured_is_said_not_to_be() -> None:
    assert "| resident memory with 100 Runbooks and nothing to do | ≤ 80 MB | not measured yet | |" in page(figures())


def test_a_promise_that_is_missed_needs_its_reason() -> None:
    with pytest.raises(SystemExit, match="p50-floor is missed; say why"):
        page(figures(16.0))

    text = page(figures(16.0, {"p50-floor": "It asks for rights first.\n"}))

    assert "| 1.60 | **missed** |" in text
    assert (
        "**Missed: from patch to effect, p50, times the floor's (1,000 Runbooks).** It asks for rights first." in text
    )


def test_an_idle_write_beside_the_lease_s_is_a_miss() -> None:
    idle = contender(1.0)["idle"] | {"writes": {"update leases": 60, "patch switches/status": 1}}

    with pytest.raises(SystemExit, match="idle-writes is missed"):
        page(figures(idle=idle))


def test_every_contender_has_a_row_with_its_figures() -> None:
    text = page(figures(slowed={"5": {"throw_ms": [31.0], "restore_ms": [21.0]}}))

    assert "| 1,000 | **Runbook Operator** | 12.0 | 12.0 | 12.0 | 12.0 | 10 |" in text
    assert "| 1,000 | Go, controller-runtime | 20.0 | 20.0 | 20.0 | 20.0 | 10 |" in text
    assert "| 1,000 | **Runbook Operator** | 31.0 | 31.0 | 21.0 |" in text


def test_the_machine_the_day_and_the_versions_are_said() -> None:
    line = "- 1,000 Runbooks: 2026-11-26, 2 processors (Some CPU), 24 GiB, Linux 6.1; kubernetes v1.37.2\n"

    assert line in page(figures())


@pytest.mark.parametrize(("power", "numbers"), [(1.0, [100, 1000, 5000]), (2.0, [10, 20, 40]), (0.5, [1, 100, 10000])])
def test_the_fit_finds_how_a_cost_grows(power: float, numbers: list[int]) -> None:
    assert exponent([(number, 3 * number**power) for number in numbers]) == pytest.approx(power)


def test_no_two_promises_share_a_key() -> None:
    assert len({goal.key for goal in GOALS}) == len(GOALS)


@pytest.mark.parametrize(("value", "text"), [(1.5, "1.50"), (80, "80"), (12.34, "12.3"), (1234.5, "1,234"), (0, "0")])
def test_figures_have_about_three_digits(value: float, text: str) -> None:
    assert told(value, "") == text


def test_what_etcd_wrote_for_a_throw_is_told_without_the_rest_of_the_cluster() -> None:
    # 60,000 bytes in a minute of throws, 6,000 in an idle one, 10 throws.
    text = page(figures())

    assert "| 5.3 |" in text.partition("## Requests to the API server")[2]


def test_how_long_a_switch_waits_for_another_leader_is_told_for_both_ends() -> None:
    found = figures()
    failover = {"operator": {"stopped_s": [0.1, 0.2], "killed_s": [4.0, 5.0]}}

    text = page(Committed(found.runs, {"failover": {"failover": failover}}, {}))

    assert "| **Runbook Operator** | SIGTERM | 2 | 0.10 | 0.20 | 0.20 |" in text
    assert "| **Runbook Operator** | SIGKILL | 2 | 4.00 | 5.00 | 5.00 |" in text


def test_whatever_the_bench_left_is_found_by_what_it_measured(tmp_path: Path) -> None:
    (tmp_path / "bench-1000.json").write_text(json.dumps(run(1000)))
    (tmp_path / "bench-failover.json").write_text('{"failover": {}}')
    (tmp_path / "remarks.yaml").write_text("start: It imports much.\n")

    found = committed(tmp_path)

    assert list(found.runs) == [1000]
    assert found.others == {"failover": {"failover": {}}}
    assert found.remarks == {"start": "It imports much."}
