"""The grammar of durations."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.durations import PATTERN, duration, spoken


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("7d", 604800), ("5ms", 0.005), ("0s", 0)]
)
def test_duration_text_is_parsed(text: str, seconds: float) -> None:
    assert re.search(PATTERN, text)
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["5", "m", "5 m", "-5m", "5m1h", "1.5h", "five minutes", "99999d"])
def test_invalid_duration_is_refused(text: str) -> None:
    assert not re.search(PATTERN, text)


@given(st.integers(0, 9999 * 86400))
def test_formatted_duration_parses_to_the_same_value(seconds: int) -> None:
    text = spoken(timedelta(seconds=seconds))

    assert re.search(PATTERN, text)
    assert duration(text) == timedelta(seconds=seconds)
