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
def test_a_quantile_is_a_value_that_was_measured(part: float, value: int) -> None:
    assert told.quantile(range(1, 101), part) == value


def test_the_worst_of_a_few_is_their_99th_percentile() -> None:
    assert told.quantile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_requests_that_are_asked_anyway_are_no_part_of_a_throw() -> None:
    idle = {"requests": 60, "seconds": 60.0}

    assert told.per_throw(figures(idle=idle)) == pytest.approx(8.0)
    assert told.per_throw(figures()) == pytest.approx(10.0)


def test_the_last_of_a_burst_is_the_median_burst_s() -> None:
    status_deferral = [{"throw_ms": [1.0, 9.0]}, {"throw_ms": [2.0, 5.0]}, {"throw_ms": [3.0, 7.0]}]

    assert told.last(figures(status_deferral=status_deferral)) == 7.0


def test_the_summary_says_the_ratios_to_the_floor() -> None:
    one = {"floor": figures(), "operator": figures(throw_ms=[2.0, 4.0, 9.0])}

    assert "operator: 2.00 and 3.00 times the floor at p50 and p99" in told.summary(100, one)


def test_writes_are_counted_by_verb_and_resource_and_only_the_contender_s() -> None:
    text = (
        event("patch", resource="switches", subresource="status")
        + event("patch", resource="switches", subresource="status")
        + event("update", resource="leases")
        + event("update", "somebody", resource="leases", name=USER)
    )

    assert asked.counted(text, USER) == {"patch switches/status": 2, "update leases": 1}


def test_a_line_of_the_audit_log_that_is_still_being_written_is_left_for_later() -> None:
    assert asked.counted(event("update", resource="leases") + event("update", resource="leases")[:-5], USER) == {
        "update leases": 1
    }


def test_figures_are_kept_to_three_digits_wherever_they_are() -> None:
    found = facts.rounded({"a": [1.23456, {"b": 2.0004}], "c": 7, "d": None})

    assert found == {"a": [1.235, {"b": 2.0}], "c": 7, "d": None}


def test_figures_are_left_in_the_lab_s_folder_with_what_is_to_be_known_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "lab"))

    facts.kept("sharding", cluster=False, sharding={"even": 0.12345})

    left = json.loads((tmp_path / "lab" / "bench-sharding.json").read_text())
    assert left["sharding"] == {"even": 0.123}
    assert left.keys() == {"date", "machine", "versions", "sharding"}
    assert "kubernetes" not in left["versions"]
