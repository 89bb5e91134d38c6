"""docs/thresholds.md says how a threshold is written: each row of its tables is parsed."""

from pathlib import Path
from typing import Any

import pytest

from runbook_operator.core import thresholds

PAGE = Path(__file__).resolve().parents[3] / "docs" / "thresholds.md"
BASELINE = 100.0


def rows(width: int) -> list[list[str]]:
    """The rows of the page's tables that begin with a threshold and have so many cells."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    found = [[cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")] for line in lines]
    return [[one[0].strip("`"), *one[1:]] for one in found if len(one) == width]


@pytest.mark.parametrize("row", rows(6), ids=lambda row: f"{row[0]} {row[2]}")
def test_each_documented_threshold_holds_as_described(row: list[str]) -> None:
    text, role, unit, inside, outside, _ = row
    as_role: Any = role

    threshold = thresholds.parse(text, unit or None, as_role)

    assert threshold.holds(float(inside), BASELINE) is True
    assert threshold.holds(float(outside), BASELINE) is False


@pytest.mark.parametrize("row", rows(4), ids=lambda row: row[0])
def test_each_documented_invalid_threshold_has_its_message(row: list[str]) -> None:
    text, role, unit, says = row
    as_role: Any = role

    with pytest.raises(thresholds.ThresholdError) as refused:
        thresholds.parse(text, unit or None, as_role)

    assert says in str(refused.value)
