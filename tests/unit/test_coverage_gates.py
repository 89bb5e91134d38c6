"""The least coverage of each package."""

from typing import Any

from tools.coverage_gates import Counted, counted, failures, raised, row_of

ROWS = {"core": 100, "monitoring": 100, "monitoring.io": 80, ".": 50}


def file(statements: int, ran: int, *missing: int) -> dict[str, Any]:
    summary = {"num_statements": statements, "num_branches": 0, "covered_lines": ran, "covered_branches": 0}
    return {"summary": summary, "missing_lines": list(missing), "missing_branches": []}


def test_file_belongs_to_the_longest_row_of_its_package() -> None:
    rows = [row_of(f"operator/runbook_operator/{name}", ROWS) for name in ("monitoring/io/a.py", "monitoring/a.py")]

    assert rows == ["monitoring.io", "monitoring"]


def test_file_without_a_row_belongs_to_the_rest() -> None:
    assert row_of("operator/runbook_operator/core_settings.py", ROWS) == "."


def test_package_below_its_row_fails_with_its_missing_lines() -> None:
    name = "operator/runbook_operator/core/a.py"

    found = failures(counted({name: file(10, 9, 7)}, ROWS), {"core": 100})

    assert found == ["core: 90.00 %, at least 100 % is required", f"  {name}: 7"]


def test_package_at_its_row_passes() -> None:
    files = {"operator/runbook_operator/monitoring/io/a.py": file(10, 8, 1, 2)}

    assert failures(counted(files, ROWS), {"monitoring.io": 80}) == []


def test_partly_taken_branch_counts_as_missing() -> None:
    one = file(1, 1)
    one["summary"] |= {"num_branches": 2, "covered_branches": 1}
    one["missing_branches"] = [[4, -1]]

    found = counted({"operator/runbook_operator/core/a.py": one}, ROWS)["core"]

    assert (found.ran, found.wanted, list(found.missing.values())) == (2, 3, [[4]])


def test_raise_raises_a_row_and_never_lowers_one() -> None:
    text = 'core = 90\n"monitoring.io" = 80\n'
    found = {"core": Counted(wanted=100, ran=95), "monitoring.io": Counted(wanted=100, ran=70)}

    assert raised(text, found, {"core": 90, "monitoring.io": 80}) == 'core = 95\n"monitoring.io" = 80\n'
