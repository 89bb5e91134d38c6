"""What counts as a number."""

from typing import Any

import pytest

from runbook_operator.sources.number_parsing import plain, quantity


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0),
        (-2.5, -2.5),
        (True, 1.0),
        (False, 0.0),
        ("3", 3.0),
        ("-2.5e3", -2500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("True", 1.0),
        ("false", 0.0),
    ],
)
def test_number_as_text_is_a_number(value: Any, expected: float) -> None:
    assert plain(value) == quantity(value) == expected


@pytest.mark.parametrize(
    "value",
    [None, "", "Unknown", "3 apples", "0x10", "nan", "inf", float("nan"), float("inf"), "1e999", "1_0", "\u0663"],
)
def test_empty_or_infinite_value_is_no_number(value: Any) -> None:
    assert plain(value) is None
    assert quantity(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("500m", 0.5),
        ("2Gi", 2 * 2**30),
        ("1.5Ki", 1536),
        ("4k", 4000),
        ("-1M", -1e6),
        ("7u", 7e-6),
        ("7n", 7e-9),
        ("1E", 1e18),
        ("1E3", 1000),
        ("1Ei", 2**60),
    ],
)
def test_kubernetes_quantity_is_a_number(value: str, expected: float) -> None:
    assert quantity(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", ["500m", "2Gi", "4k"])
def test_json_text_with_a_suffix_is_no_number(value: str) -> None:
    assert plain(value) is None


@pytest.mark.parametrize("value", ["Gi", "2 Gi", "2gi", "2GiB", "2K"])
def test_invalid_quantity_is_no_number(value: str) -> None:
    assert quantity(value) is None


@pytest.mark.parametrize("value", [[3], {}, "9" * 65])
def test_list_map_or_overlong_text_is_no_number(value: Any) -> None:
    assert plain(value) is None
    assert quantity(value) is None
