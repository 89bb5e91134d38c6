"""The grammar of quantities, and what a query gives for one."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runbook_operator.core.quantities import Dimension, Quantity, QuantityError, check_unit, in_unit, kind, parse

WRITTEN = [
    ("0.99", 0.99, "number", ""),
    ("-3", -3, "number", ""),
    ("1e3", 1000, "number", ""),
    ("1.5k", 1500, "number", ""),
    ("2M", 2e6, "number", ""),
    ("5%", 5, "ratio", "%"),
    ("5 percent", 5, "ratio", "%"),
    ("10s", 10, "time", "s"),
    ("500 ms", 500, "time", "ms"),
    ("1m30s", 90, "time", "s"),
    ("2 minutes", 2, "time", "m"),
    ("7\u00b5s", 7, "time", "us"),
    ("2x", 2, "multiple", "x"),
    ("2\u00d7", 2, "multiple", "x"),
    ("$50", 50, "money", "USD"),
    ("-$1.5k", -1500, "money", "USD"),
    ("50 USD", 50, "money", "USD"),
    ("€3", 3, "money", "EUR"),
    ("10MB", 10, "bytes", "MB"),
    ("2 GiB", 2, "bytes", "GiB"),
    ("2Gi", 2, "bytes", "GiB"),
    ("500 req/s", 500, "rate", "req/s"),
    ("500/s", 500, "rate", "/s"),
    ("5k req / min", 5000, "rate", "req/m"),
    ("300 rpm", 300, "rate", "req/m"),
    ("10 MB/s", 10, "rate", "MB/s"),
    ("$40/h", 40, "rate", "USD/h"),
]


@pytest.mark.parametrize(("text", "number", "dimension", "unit"), WRITTEN)
def test_quantity_text_is_parsed(text: str, number: float, dimension: Dimension, unit: str) -> None:
    assert parse(text) == Quantity(number, dimension, unit, text)


def test_blanks_around_a_quantity_are_ignored() -> None:
    assert parse("  1m30s ") == parse("1m30s")
    assert parse("\t5 % ") == parse("5 %")


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("", 0, "a number is expected here"),
        ("  five", 2, "a number is expected here"),
        ("nan", 0, "a number is expected here"),
        ("$", 1, "a number is expected here"),
        ("1,000", 1, "without commas"),
        ("1e999", 0, "too large"),
        ("1m30x", 2, "nothing more is expected"),
        ("5% of all", 3, "nothing more is expected"),
        ("10 secnds", 3, "a count of things is written as the number alone"),
        ("10 mb", 3, "did you mean MB?"),
        ("$50 USD", 4, "$USD is not a unit"),
        ("5 Mbit/s", 2, "Mbit/s is not a unit"),
        ("5 kreq/s", 2, "kreq/s is not a unit"),
        ("5 req/fortnight", 2, "req/fortnight is not a unit"),
        ("5 ms/s", 2, "ms/s is not a unit"),
    ],
)
def test_quantity_error_names_its_position(text: str, position: int, problem: str) -> None:
    with pytest.raises(QuantityError, match=f"character {position + 1}: ") as raised:
        parse(text)

    assert raised.value.text == text
    assert raised.value.position == position
    assert problem in raised.value.problem


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5%", None, 0.05),
        ("7%", "ratio", 0.07),
        ("0.1%", "ratio", 0.001),
        ("5%", "percent", 5),
        ("500 ms", None, 0.5),
        ("500 ms", "seconds", 0.5),
        ("2s", "milliseconds", 2000),
        ("2 KiB", None, 2048),
        ("1 GB", "MB", 1000),
        ("1kB", "bytes", 1000),
        ("$50", "USD", 50),
        ("€3", None, 3),
        ("120 req/min", None, 2),
        ("2 req/s", "requests / minute", 120),
        ("500/s", "rps", 500),
        ("1 MB/s", "bytes/s", 1e6),
        ("$40/h", "USD/h", 40),
        ("5", "seconds", 5),
        ("1.5k", "pods", 1500),
        ("2x", "USD", 2),
    ],
)
def test_quantity_is_converted_to_the_unit_of_the_query(text: str, unit: str | None, value: float) -> None:
    assert in_unit(parse(text), unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("10s", "USD"),
        ("€3", "USD"),
        ("5%", "seconds"),
        ("1MB/s", "req/s"),
        ("500/s", "req"),
        ("5%", "pods"),
        ("$4", "x"),
    ],
)
def test_quantity_of_another_dimension_is_refused(text: str, unit: str) -> None:
    with pytest.raises(QuantityError, match=f"cannot be compared with values in {unit}"):
        in_unit(parse(text), unit)


@pytest.mark.parametrize("unit", ["", "ratio", "percent", "seconds", "USD", "MiB", "req/s", "requests / min", "USD/h"])
def test_unit_of_values_is_known(unit: str) -> None:
    check_unit(unit)


@pytest.mark.parametrize(
    ("unit", "hint"),
    [
        ("pods", "written as the number alone"),
        ("mb", "did you mean MB?"),
        ("req/fortnight", "a rate such as req/s"),
        ("5s", ""),
    ],
)
def test_unknown_unit_is_refused_with_a_suggestion(unit: str, hint: str) -> None:
    with pytest.raises(
        QuantityError, match=f"{unit} is not a unit of percent, time, bytes or money.*{re.escape(hint)}"
    ):
        check_unit(unit)


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("5", ""),
        ("2x", ""),
        ("5%", "a ratio"),
        ("1m30s", "a time"),
        ("2 GiB", "a number of bytes"),
        ("$5", "money in USD"),
        ("€5/h", "a rate in EUR"),
        ("5 req/s", "a rate"),
        ("5 MB/s", "a rate in bytes"),
    ],
)
def test_quantity_describes_its_dimension(text: str, of: str) -> None:
    assert kind(parse(text)) == of


def test_quantity_of_an_unknown_unit_fits_no_values() -> None:
    with pytest.raises(QuantityError, match="cannot be compared"):
        in_unit(Quantity(1, "time", "fortnights", "1 fortnight"), None)


PIECES = [
    *"0123456789.+-eEkKMG $€%x/,\u00d7\u0663",
    "ms",
    "s",
    "min",
    "MB",
    "GiB",
    "USD",
    "req",
    "rpm",
    "1e3",
    "nan",
    "_",
]


def _read(text: str) -> Quantity | QuantityError:
    try:
        return parse(text)
    except QuantityError as error:
        return error


@given(st.one_of(st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=8).map("".join)))
@example("9" * 400)
@example("1e-400GiB")
def test_any_text_parses_to_a_quantity_or_an_error_with_position(text: str) -> None:
    found = _read(text)
    if isinstance(found, Quantity):
        assert parse(str(found)) == found
        assert math.isfinite(in_unit(found, None))
    else:
        assert found.text == text
        assert 0 <= found.position <= len(text)
        assert found.problem in str(found)


@given(st.floats(-1e50, 1e50), st.sampled_from(["", "%", "ms", "x", "USD", "KiB", "req/m"]))
def test_number_keeps_its_value_when_parsed(number: float, unit: str) -> None:
    assert parse(f"{number} {unit}").number == number
    assert in_unit(parse(f"{number} {unit}"), unit) == number
