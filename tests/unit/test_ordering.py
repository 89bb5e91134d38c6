"""The order of the tests by their recorded durations."""

import json
from pathlib import Path

import pytest

from tests.ordering import LONG, Recorder, in_order


def report(node_id: str, when: str, seconds: float) -> pytest.TestReport:
    return pytest.TestReport(node_id, ("", None, ""), {}, "passed", None, when, duration=seconds)  # type: ignore[arg-type]


def test_long_tests_come_first_each_with_a_short_one_behind() -> None:
    seconds = {"a": 1.0, "b": LONG, "c": 2.0, "d": 2 * LONG, "e": 0.5}
    names = list(seconds)

    assert in_order(names, {names.index(name): took for name, took in seconds.items()}) == ["d", "e", "b", "a", "c"]


def test_tests_of_equal_length_keep_their_order() -> None:
    names = ["c", "a", "b"]

    assert in_order(names, dict.fromkeys(range(3), 1.0)) == names


def test_only_long_tests_are_all_kept() -> None:
    names = ["a", "b"]

    assert in_order(names, {0: LONG, 1: 3 * LONG}) == ["b", "a"]


def test_recorder_adds_phases_and_takes_the_longest_parameter(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    recorder = Recorder(file)
    for case, when, seconds in (("1", "setup", 2.0), ("1", "call", 3.0), ("2", "call", 4.0)):
        recorder.pytest_runtest_logreport(report(f"x.py::test_a[{case}]", when, seconds))

    recorder.pytest_sessionfinish()

    assert json.loads(file.read_text()) == {"x.py::test_a": 5.0}


def test_record_of_a_test_that_became_short_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    for seconds in (9.0, 0.1):
        recorder = Recorder(file)
        recorder.pytest_runtest_logreport(report("x.py::test_a", "call", seconds))
        recorder.pytest_sessionfinish()

    assert json.loads(file.read_text()) == {}


def test_record_of_a_test_that_did_not_run_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    file.write_text('{"x.py::test_b": 7.0}')
    recorder = Recorder(file)
    recorder.pytest_runtest_logreport(report("x.py::test_a", "call", 8.0))

    recorder.pytest_sessionfinish()

    assert json.loads(file.read_text()) == {"x.py::test_a": 8.0, "x.py::test_b": 7.0}
