"""Numbers as people read them."""

import math

import pytest

from runbook_operator.core.number_format import beside, figure
from runbook_operator.core.thresholds import parse


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "", "0.123"),
        (0.1234, "ratio", "0.123"),
        (12.34, "percent", "12.3%"),
        (12.0, "seconds", "12s"),
        (512.4, "req/s", "512 req/s"),
        (1234.56, "requests/s", "1235 requests/s"),
        (52.1, "USD", "$52.1"),
        (40.0, "USD/h", "$40/h"),
        (40.0, "CHF", "40 CHF"),
        (3.0, "GiB", "3 GiB"),
        (2.5, "x", "2.5x"),
        (0.0, "", "0"),
        (-3.5, "", "-3.5"),
        (1e-9, "", "1e-09"),
        (1e20, "", "1e+20"),
        (math.inf, "", "inf"),
    ],
)
def test_number_is_formatted_with_its_unit(value: float, unit: str, text: str) -> None:
    assert figure(value, unit) == text


@pytest.mark.parametrize(
    ("value", "threshold", "unit", "text"),
    [
        (0.07, "> 5%", "", "7%"),
        (0.07, "> 5%", "ratio", "7%"),
        (7.0, "> 5%", "percent", "7%"),
        (7.0, "> 5", "percent", "7%"),
        (0.7, "> 500 ms", "seconds", "700ms"),
        (12.4, "> 10s", "", "12.4s"),
        (7300.0, "> 2h", "s", "2.03h"),
        (95.0, "> 1m30s", "", "95s"),
        (52.0, "> $40", "USD", "$52"),
        (2.0**33, "> 4 GiB", "bytes", "8 GiB"),
        (312.0, "> 2x", "req/s", "312 req/s"),
        (0.02, "1 - 5%", "", "2%"),
        (3.0, "1 .. 5", "", "3"),
        (3.0, "<= 5", "", "3"),
    ],
)
def test_number_is_formatted_in_the_unit_of_its_threshold(value: float, threshold: str, unit: str, text: str) -> None:
    assert beside(value, parse(threshold, unit or None, "normal"), unit) == text


def test_number_close_to_its_threshold_gets_distinguishing_digits() -> None:
    limit = parse("> 10%")

    assert [beside(one, limit, "") for one in (0.1, 0.12345, 0.1000004)] == ["10%", "12.3%", "10.00004%"]
