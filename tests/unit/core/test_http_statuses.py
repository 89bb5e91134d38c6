"""HTTP statuses as people write them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from runbook_operator.core.http_statuses import FINE, HIGHEST, LOWEST, PATTERN, Expected, statuses

EXPECTED: TypeAdapter[str] = TypeAdapter(Expected)
STATUS = st.integers(LOWEST, HIGHEST)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("200", [200], [199, 201, 302, 500]),
        ("200-299", [200, 204, 299], [199, 300]),
        ("204-204", [204], [203, 205]),
        ("200,401-403, 599", [200, 401, 402, 403, 599], [201, 400, 404, 598]),
        ("100-599", [100, 599], [99, 600]),
    ],
)
def test_statuses_parse_numbers_and_ranges(text: str, inside: list[int], outside: list[int]) -> None:
    wanted = statuses(text)

    assert all(one in wanted for one in inside)
    assert not any(one in wanted for one in outside)


def test_default_statuses_are_200_to_299() -> None:
    assert [one for one in (199, 200, 299, 300) if one in FINE] == [200, 299]


BAD = ["", "2xx", "99", "600", "200-", "-200", "200 ", "200,", ",200", "200;404", "2000", "200\n", "200 - 299", "٢٠٠"]


@pytest.mark.parametrize("text", [*BAD, "299-200", "200,404-401"])
def test_invalid_statuses_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="statuses are written as 200, 200-299 or 200-299,404, each from 100 to 599"):
        statuses(text)


@pytest.mark.parametrize(
    ("written", "meant"), [(200, "200"), ("200", "200"), ("200-299", "200-299"), ("200, 404", "200, 404")]
)
def test_status_number_and_text_are_accepted(written: Any, meant: str) -> None:
    assert EXPECTED.validate_python(written) == meant


@pytest.mark.parametrize("written", [*BAD, 99, 600, -200, True, 200.0, None, "200," * 32 + "200"])
def test_statuses_refused_by_the_schema_are_refused_by_the_model(written: Any) -> None:
    with pytest.raises(ValidationError):
        EXPECTED.validate_python(written)


def test_reversed_range_is_accepted_by_the_model() -> None:
    assert EXPECTED.validate_python("299-200") == "299-200"


@given(st.lists(st.tuples(STATUS, STATUS), min_size=1, max_size=8))
def test_statuses_text_parses_to_its_ranges(ranges: list[tuple[int, int]]) -> None:
    ordered = [(min(pair), max(pair)) for pair in ranges]
    text = ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ordered)

    assert re.fullmatch(PATTERN, text)
    assert statuses(text).ranges == tuple(ordered)
