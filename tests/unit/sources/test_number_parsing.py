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
def test_a_number_is_one_as_a_text_too(value: Any, expected: float) -> None:
    assert plain(value) == quantity(value) == expected


@pytest.mark.parametrize(
    "value",
    [None, "", "Unknown", "3 apples", "0x10", "nan", "inf", float("nan"), float("inf"), "1e999", "1_0", "\u0663"],
)
def test_what_is_none_or_not_finite_is_no_number(value: Any) -> None:
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
def test_a_kubernetes_quantity_is_the_number_that_it_is(value: str, expected: float) -> None:
    assert quantity(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", ["500m", "2Gi", "4k"])
def test_in_json_a_suffix_is_no_quantity_since_it_may_be_of_anything(value: str) -> None:
    assert plain(value) is None


@pytest.mark.parametrize("value", ["Gi", "2 Gi", "2gi", "2GiB", "2K"])
def test_what_is_no_quantity_is_none(value: str) -> None:
    assert quantity(value) is None


@pytest.mark.parametrize("value", [[3], {}, "9" * 65])
def test_what_is_more_than_one_or_longer_than_any_number_is_none(value: Any) -> None:
    assert plain(value) is None
    assert quantity(value) is None
