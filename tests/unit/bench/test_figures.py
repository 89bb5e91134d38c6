"""What the bench makes of what it measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import asked, facts, told

USER = "system:serviceaccount:throws-go:contender"


def event(verb: str, user: str = USER, **what: str) -> str:
    return json.dumps({"verb": verb, "user": {"username": user}, "objectRef": what}) + "\n"


def figures(**more: Any) -> dict[str, Any]:
    base = {"throw_ms": [1.0, 2.0, 3.0], "restore_ms": [1.0], "start_s": [0.5], "bursts": []}
    return base | {"loaded": {"requests": 100, "seconds": 20.0, "throws": 10}} | more


@pytest.mark.parametrize(("part", "value"), [(0.5, 50), (0.9, 90), (0.99, 99), (0.999, 100), (1, 100)])
def test_quantile_is_a_measured_value(part: float, value: int) -> None:
    assert told.quantile(range(1, 101), part) == value


def test_p99_of_few_values_is_the_maximum() -> None:
    assert told.quantile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_idle_requests_are_subtracted_from_a_throw() -> None:
    idle = {"requests": 60, "seconds": 60.0}

    assert told.per_throw(figures(idle=idle)) == pytest.approx(8.0)
    assert told.per_throw(figures()) == pytest.approx(10.0)


def test_last_throw_of_a_burst_is_the_median_over_bursts() -> None:
    bursts = [{"throw_ms": [1.0, 9.0]}, {"throw_ms": [2.0, 5.0]}, {"throw_ms": [3.0, 7.0]}]

    assert told.last(figures(bursts=bursts)) == 7.0


def test_summary_has_the_ratios_to_the_floor() -> None:
    one = {"floor": figures(), "operator": figures(throw_ms=[2.0, 4.0, 9.0])}

    assert "operator: 2.00 and 3.00 times the floor at p50 and p99" in told.summary(100, one)


def test_writes_of_the_contender_are_counted_by_verb_and_resource() -> None:
    text = (
        event("patch", resource="switches", subresource="status")
        + event("patch", resource="switches", subresource="status")
        + event("update", resource="leases")
        + event("update", "somebody", resource="leases", name=USER)
    )

    assert asked.counted(text, USER) == {"patch switches/status": 2, "update leases": 1}


def test_incomplete_audit_line_is_left_for_the_next_read() -> None:
    assert asked.counted(event("update", resource="leases") + event("update", resource="leases")[:-5], USER) == {
        "update leases": 1
    }


def test_nested_figures_are_rounded_to_three_decimals() -> None:
    found = facts.rounded({"a": [1.23456, {"b": 2.0004}], "c": 7, "d": None})

    assert found == {"a": [1.235, {"b": 2.0}], "c": 7, "d": None}


def test_figures_are_stored_in_the_lab_folder_with_machine_and_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "lab"))

    facts.kept("sharding", cluster=False, sharding={"even": 0.12345})

    left = json.loads((tmp_path / "lab" / "bench-sharding.json").read_text())
    assert left["sharding"] == {"even": 0.123}
    assert left.keys() == {"date", "machine", "versions", "sharding"}
    assert "kubernetes" not in left["versions"]
