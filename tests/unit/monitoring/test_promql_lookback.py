"""How far queries look back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.monitoring.promql_lookback import LONGEST, lookback

MINUTE = 60
HOUR = 3600


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("up", 0),
        ("", 0),
        ("sum(rate(errors[2m])) / sum(rate(requests[5m]))", 5 * MINUTE),
        ("rate(errors[1h30m])", 90 * MINUTE),
        ("rate(errors[ 90s ])", 90),
        ("rate(errors[500ms])", 0.5),
        ("rate(errors[1.5h])", 90 * MINUTE),
        ("rate(errors[1w])", 7 * 24 * HOUR),
        ("rate(errors[1y])", 365 * 24 * HOUR),
        ("rate(errors[300])", 300),
        ("rate(errors[5i])", 0),
        ("rate(errors[])", 0),
        ("rate(errors[5m", 5 * MINUTE),
    ],
)
def test_range_is_looked_back(query: str, seconds: float) -> None:
    assert lookback(query) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("errors offset 1h", HOUR),
        ("rate(errors[5m] offset 1h)", 65 * MINUTE),
        ("rate(errors[5m] OFFSET 1h)", 65 * MINUTE),
        ('rate(errors{app="a"}[5m] @ end() offset 1h)', 65 * MINUTE),
        ("rate(errors[5m] @ 1609746000 offset 1h)", 65 * MINUTE),
        ("rate(errors[5m]) / requests offset 1m", 5 * MINUTE),
        ("rate(errors[5m]) / rate(errors[5m] offset 1h)", 65 * MINUTE),
        ("errors offset -5m", 0),
        ("my_offset + offset", 0),
    ],
)
def test_offset_adds_to_its_selector(query: str, seconds: float) -> None:
    assert lookback(query) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("max_over_time(load[1h:1m])", HOUR),
        ("max_over_time(load[1h:])", HOUR),
        ("max_over_time(rate(errors[5m])[1h:1m])", 65 * MINUTE),
        ("max_over_time(rate(errors[5m])[1h:1m] offset 1h)", 125 * MINUTE),
        ("max_over_time((rate(a[5m]) + rate(b[10m]))[1h:1m])", 70 * MINUTE),
        ("max_over_time(rate(a[5m])[1h:]) or rate(b[2h])", 2 * HOUR),
        ("sum by (pod) (rate(errors[5m]))", 5 * MINUTE),
        ("sum(rate(errors[5m])) by (pod)", 5 * MINUTE),
    ],
)
def test_subquery_looks_back_from_its_first_step(query: str, seconds: float) -> None:
    assert lookback(query) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "query",
    [
        'up{job="[1h]"}',
        "up{job='it\\'s [1h]'}",
        'up{job="\\"[1h]"}',
        "up{job=~`\\d[1h]`}",
        "up # [1h]",
        'up{job="[1h]',
        "up{job='[1h]\\",
        "up{job=`[1h]",
        'up{job="a\n[1h]"}',
    ],
)
def test_strings_and_comments_are_ignored(query: str) -> None:
    assert lookback(query) == timedelta()


def test_comment_ends_with_its_line_and_string_with_its_quote() -> None:
    assert lookback('up{job="a"} # (\n * rate(errors{app=~`\\d`}[5m])') == timedelta(minutes=5)


@pytest.mark.parametrize("query", ["a)[5m]", "rate((a[5m]", "rate(a[5m]))) offset 1m"])
def test_unbalanced_brackets_hide_no_range(query: str) -> None:
    assert lookback(query) >= timedelta(minutes=5)


@pytest.mark.parametrize("query", ["a[99999y]", "a[" + "9" * 4000 + "]", "a[9999y] offset 9999y"])
def test_too_long_range_is_limited(query: str) -> None:
    assert lookback(query) == LONGEST


PIECES = ["a", "(", ")", "[5m]", "[1h:1m]", " offset 1m", '"', "'", "`", "#", "\n", "\\", "@ end()", "{", "}", "[", " "]


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join) | st.text(max_size=40))
def test_any_text_has_a_lookback_and_parentheses_do_not_reduce_it(query: str) -> None:
    found = lookback(query)

    assert timedelta() <= found <= LONGEST
    assert lookback(f"(({query}") >= found


@given(st.sampled_from(["up", "rate(a[5m])", "a offset 1h", "sum(rate(a[2m])) / rate(b[1m] offset 3m)"]))
def test_range_around_a_query_adds_to_its_lookback(query: str) -> None:
    assert lookback(f"max_over_time(({query})[10m:])") == lookback(query) + timedelta(minutes=10)


def test_lookback_without_offsets_ignores_comparisons_with_the_past() -> None:
    query = "rate(errors[5m]) / rate(errors[2m] offset 1w)"

    assert lookback(query) == timedelta(days=7, minutes=2)
    assert lookback(query, offsets=False) == timedelta(minutes=5)
