"""The page of figures, made of figures that are made up for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.performance.figures import Committed, committed, exponent
from tools.performance.goals import GOALS, told
from tools.performance.page import page
from tools.performance.plots import draw

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


def test_met_promise_is_shown_as_met() -> None:
    text = page(figures())

    assert "| from patch to effect, p50, times the floor's (1,000 Runbooks) | ≤ 1.50 | 1.20 | met |" in text
    assert "| 100 thrown at once: how many times longer a tutorial's operator takes, p99 | ≥ 3 | 8.33 | met |" in text


def test_unmeasured_promise_is_shown_as_not_measured() -> None:
    assert "| resident memory with 100 Runbooks and nothing to do | ≤ 80 MB | not measured yet | |" in page(figures())


def test_missed_promise_without_reason_is_refused() -> None:
    with pytest.raises(SystemExit, match="p50-floor is missed; say why"):
        page(figures(16.0))

    text = page(figures(16.0, {"p50-floor": "It asks for rights first.\n"}))

    assert "| 1.60 | **missed** |" in text
    assert (
        "**Missed: from patch to effect, p50, times the floor's (1,000 Runbooks).** It asks for rights first." in text
    )


def test_idle_write_other_than_the_lease_is_a_missed_promise() -> None:
    idle = contender(1.0)["idle"] | {"writes": {"update leases": 60, "patch switches/status": 1}}

    with pytest.raises(SystemExit, match="idle-writes is missed"):
        page(figures(idle=idle))


def test_every_contender_has_a_row_of_figures() -> None:
    text = page(figures(slowed={"5": {"throw_ms": [31.0], "restore_ms": [21.0]}}))

    assert "| 1,000 | **Runbook Operator** | 12.0 | 12.0 | 12.0 | 12.0 | 10 |" in text
    assert "| 1,000 | Go, controller-runtime | 20.0 | 20.0 | 20.0 | 20.0 | 10 |" in text
    assert "| 1,000 | **Runbook Operator** | 31.0 | 31.0 | 21.0 |" in text


def test_machine_day_and_versions_are_shown() -> None:
    line = "- 1,000 Runbooks: 2026-11-26, 2 processors (Some CPU), 24 GiB, Linux 6.1; kubernetes v1.37.2\n"

    assert line in page(figures())


@pytest.mark.parametrize(("power", "numbers"), [(1.0, [100, 1000, 5000]), (2.0, [10, 20, 40]), (0.5, [1, 100, 10000])])
def test_fit_finds_the_growth_exponent(power: float, numbers: list[int]) -> None:
    assert exponent([(number, 3 * number**power) for number in numbers]) == pytest.approx(power)


def test_promise_keys_are_unique() -> None:
    assert len({goal.key for goal in GOALS}) == len(GOALS)


@pytest.mark.parametrize(("value", "text"), [(1.5, "1.50"), (80, "80"), (12.34, "12.3"), (1234.5, "1,234"), (0, "0")])
def test_figures_are_shown_with_three_digits(value: float, text: str) -> None:
    assert told(value, "") == text


def test_etcd_bytes_per_throw_exclude_the_idle_cluster() -> None:
    # 60,000 bytes in a minute of throws, 6,000 in an idle one, 10 throws.
    text = page(figures())

    assert "| 5.3 |" in text.partition("## Requests to the API server")[2]


def test_failover_time_is_shown_for_sigterm_and_sigkill() -> None:
    found = figures()
    failover = {"operator": {"stopped_s": [0.1, 0.2], "killed_s": [4.0, 5.0]}}

    text = page(Committed(found.runs, {"failover": {"failover": failover}}, {}))

    assert "| **Runbook Operator** | SIGTERM | 2 | 0.10 | 0.20 | 0.20 |" in text
    assert "| **Runbook Operator** | SIGKILL | 2 | 4.00 | 5.00 | 5.00 |" in text


def test_profile_table_is_sorted_by_the_largest_part() -> None:
    samples = {"loop": {"JSON": 10, "own: act": 30}, "watch": {"kopf": 60}}
    profile = {"runbooks": 100, "throws": 10, "seconds": 60.0, "cpu_s": 0.5, "rate": 200, "samples": samples}

    text = page(Committed(figures().runs, {"profile": {"profile": profile}}, {}))

    section = text.partition("## Where the processor's time of a throw goes\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")][2:] == [
        "| kopf |  | 60.0 % |  | 60.0 % | 30.0 |",
        "| own: act | 30.0 % |  |  | 30.0 % | 15.0 |",
        "| JSON | 10.0 % |  |  | 10.0 % | 5.0 |",
        "| **all** | 40.0 % | 60.0 % |  | 100.0 % | 50.0 |",
    ]


def shared(runbooks: int, cost: float, **more: Any) -> dict[str, Any]:
    """A run of replicas that share the work."""
    rest = [{"shards": 12, "cpu_share": cost / 1000, "rss_mb": part * cost} for part in (1, 1.2)]
    base = {"runbooks": runbooks, "replicas": 2, "shards": 24, "first_start_s": cost, "first_start_cpu_s": 2 * cost}
    lost = {"shards": 12, "throw_ms": [90.0, 4300.0]}
    more = {"unready": 0, "at_rest": rest, "lost": lost, "changes": 452, "not_as_often_as_wanted": 0} | more
    return base | {"throw_ms": [80.0, 85.0, 190.0]} | more


def with_shared(*runs: dict[str, Any], **others: Any) -> Committed:
    missed = dict.fromkeys(("sharded-start", "sharded-cpu", "sharded-memory", "sharded-twice"), "So it is.")
    return Committed(figures().runs, {"sharded": {"sharded": [*runs]}, **others}, missed)


def test_shared_run_has_a_row_for_each_runbook_count() -> None:
    text = page(with_shared(shared(20000, 400.0), shared(2500, 50.0, unready=2, not_as_often_as_wanted=1)))

    section = text.partition("## Replicas that share the work")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line[:3] in {"| 2", "![C"}] == [
        "| 2,500 | 2 | 24 | 50 | 100 | 2 | 50 to 60 | 5.0 % |",
        "| 20,000 | 2 | 24 | 400 | 800 | none | 400 to 480 | 40.0 % |",
        "![Costs against the number of Runbooks](performance/cost-by-runbooks.svg)",
        "| 2,500 | 3 | 85 | 190 | 12 | 2 | 4,300 | 452 | 1 |",
        "| 20,000 | 3 | 85 | 190 | 12 | 2 | 4,300 | 452 | none |",
    ]


def test_single_replica_run_shows_no_lost_replica() -> None:
    run = {name: what for name, what in shared(2500, 50.0).items() if name != "lost"}

    assert "| 2,500 | 3 | 85 | 190 |  | 0 |  | 452 | none |" in page(with_shared(run))


@pytest.mark.parametrize(("power", "verdict"), [(1.0, "1.00 | met"), (2.0, "2.00 | **missed**")])
def test_growth_of_costs_is_judged_by_a_fit(power: float, verdict: str) -> None:
    text = page(with_shared(*(shared(number, (number / 100) ** power) for number in (2500, 5000, 20000))))

    for what in ("first start", "processors' time of it", "memory of a replica"):
        assert f"| replicas that share up to 20,000 Runbooks: {what}, likewise | ≤ 1.05 | {verdict} |" in text


def test_run_with_too_few_runbooks_is_shown_as_not_measured() -> None:
    text = page(with_shared(*(shared(number, float(number)) for number in (2500, 5000, 10000))))

    assert "share up to 20,000 Runbooks: first start, likewise | ≤ 1.05 | not measured yet | |" in text


def test_throw_repeated_after_a_lost_replica_is_a_missed_promise() -> None:
    found = with_shared(shared(2500, 50.0, not_as_often_as_wanted=1))

    with pytest.raises(SystemExit, match="sharded-twice is missed"):
        page(Committed(found.runs, found.others, {}))


def simulated(led: int) -> dict[str, Any]:
    return {
        "in_the_largest_namespace": 0.11,
        "runbooks_led": {"least": 5658, "most": led},
        "after_a_loss": {"least": 6715, "most": 19614},
        "moved_by_a_loss": 0.148,
        "moved_by_a_new_one": 0.056,
        "moved_by_a_rollout_of_all": 1.702,
        "in_another_shard_with_twice_as_many": 0.385,
        "busiest": {"objects_mib": 1536, "asks_per_second": led // 5},
    }


def test_simulation_is_shown_for_both_namespace_sizes() -> None:
    amounts = {"runbooks": 100000, "replicas": 10, "shards": 128, "namespaces": 5000, "checks": 2, "period_s": 10.0}
    cost = {"kib_per_runbook": {"stored": 15.06, "led": 3.25}, "one_leader": {"asks_per_second": 20000}}
    sharding = amounts | cost | {"even": simulated(11205), "skewed": simulated(19139)}
    one = {"memory_mb": 200.0, "cpu_share": 0.01, "readings_per_second": 0.0}
    watching = {"idle": one, "watching": one | {"cpu_share": 0.71, "readings_per_second": 1000.0}}

    without = page(with_shared(sharding={"sharding": sharding}))
    text = page(with_shared(sharding={"sharding": sharding}, watching=watching))

    assert "## 100,000 Runbooks over 10 replicas, simulated" in text
    assert "5,000 by Zipf's law: the largest has 11 %" in text
    assert "| Runbooks of a replica: least, most | 5,658, 11,205 | 5,658, 19,139 |" in text
    assert "| checks a second of the busiest; of a single leader | 2,241; 20,000 | 3,827; 20,000 |" in text
    assert "| processors for them, by what a check costs above | 1.6; 14.0 | 2.7; 14.0 |" in text
    assert "processors for them" not in without


def test_equal_environments_are_shown_once() -> None:
    found = figures()
    alike = {"machine": MACHINE, "versions": {"kubernetes": "v1.37.2"}, "failover": {}}

    text = page(Committed(found.runs, {"failover": alike | {"date": "2026-11-26"}}, {}))
    another = page(Committed(found.runs, {"failover": alike | {"date": "2026-11-27"}}, {}))

    assert "- 1,000 Runbooks, `make bench-failover`: 2026-11-26, 2 processors" in text
    assert "- `make bench-failover`: 2026-11-27, 2 processors" in another


def test_plots_are_reproducible(tmp_path: Path) -> None:
    runs = [shared(number, number / 50) for number in (2500, 5000, 20000)]
    few = run(100, operator=contender(5.0))
    both = Committed({100: few, **figures().runs}, with_shared(*runs).others, {})

    first, again = ({path.name: path.read_bytes() for path in draw(both, tmp_path)} for _ in range(2))

    assert first == again
    names = ("burst", "cost-by-runbooks", "latency", "latency-by-runbooks", "memory-by-runbooks")
    assert first.keys() == {f"{name}.svg" for name in names}
    assert b"first start: exponent 1.00" in first["cost-by-runbooks.svg"]


def test_plotted_throws_are_of_the_largest_run() -> None:
    all_four = figures().runs[1000]
    few = {**all_four["contenders"], "floor": contender(10.0, throw_ms=[10.0] * 9)}
    two = run(9000, operator=contender(5.0, looked_s=[2.0], first_start_s=9.0), floor=contender(10.0))
    runs = {100: {**all_four, "runbooks": 100}, 1000: all_four, 5000: run(5000, **few), 9000: two}

    found = page(Committed(runs, {}, {}))

    assert "![How long throws take, 1,000 Runbooks](performance/latency.svg)" in found
    assert "![How long throws take, 9,000 Runbooks](performance/latency.svg)" in page(Committed({9000: two}, {}, {}))


def test_result_files_are_sorted_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "bench-1000.json").write_text(json.dumps(run(1000)))
    (tmp_path / "bench-failover.json").write_text('{"failover": {}}')
    (tmp_path / "remarks.yaml").write_text("start: It imports much.\n")

    found = committed(tmp_path)

    assert list(found.runs) == [1000]
    assert found.others == {"failover": {"failover": {}}}
    assert found.remarks == {"start": "It imports much."}
