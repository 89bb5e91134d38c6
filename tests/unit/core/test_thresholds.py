"""Thresholds as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.thresholds import Role, Threshold, ThresholdError, conflict, parse

INF = math.inf


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("> 5%", None, Threshold("> 5%", 0.05, INF, strict=True)),
        ("> 5%", "percent", Threshold("> 5%", 5, INF, strict=True)),
        (">= 10s", "seconds", Threshold(">= 10s", 10)),
        ("< 1%", None, Threshold("< 1%", -INF, 0.01, strict=True)),
        ("<=2s", "milliseconds", Threshold("<=2s", -INF, 2000)),
        ("> 2x", "USD", Threshold("> 2x", 2, INF, strict=True, relative=True)),
        ("> $50", "USD", Threshold("> $50", 50, INF, strict=True)),
        ("> 500 req/s", None, Threshold("> 500 req/s", 500, INF, strict=True)),
        (" \u2265 3 ", None, Threshold("\u2265 3", 3)),
        ("\u2264-3", None, Threshold("\u2264-3", -INF, -3)),
        ("< 1m30s", None, Threshold("< 1m30s", -INF, 90, strict=True)),
    ],
)
def test_threshold_text_is_parsed(text: str, unit: str | None, expected: Threshold) -> None:
    assert parse(text, unit) == expected
    assert str(expected) == text.strip()


@pytest.mark.parametrize(
    ("role", "at", "above"), [("normal", True, False), ("warning", False, True), ("critical", False, True)]
)
def test_bare_bound_ends_normal_and_begins_other_levels(role: Role, at: bool, above: bool) -> None:  # noqa: FBT001 - a table
    threshold = parse("500 ms", "seconds", role)

    assert threshold.holds(0.5) is at
    assert threshold.holds(0.6) is above


@pytest.mark.parametrize(
    ("text", "unit", "low", "high"),
    [
        ("1% - 5%", None, 0.01, 0.05),
        ("1..5", None, 1, 5),
        ("1 - 5%", "percent", 1, 5),
        ("1 \u2013 5 ms", None, 0.001, 0.005),
        ("-3 to -1", None, -3, -1),
        ("500ms..2s", "seconds", 0.5, 2),
        ("0.5x .. 2x", None, 0.5, 2),
    ],
)
def test_normal_range_includes_both_ends(text: str, unit: str | None, low: float, high: float) -> None:
    threshold = parse(text, unit, "normal")

    assert threshold == Threshold(text, low, high, relative="x" in text)
    assert threshold.direction == "within"
    assert [threshold.covers(value) for value in (low, high, low - 1, high + 1)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "unit", "role", "position", "problem"),
    [
        ("", None, "warning", 0, "a number is expected"),
        ("> ", None, "warning", 2, "a number is expected"),
        (" => 5", None, "warning", 1, "must begin with >, >=, < or <="),
        ("== 5", None, "normal", 0, "must begin with >, >=, < or <="),
        ("> five", None, "warning", 2, "a number is expected"),
        ("> 5 mb", None, "warning", 4, "did you mean MB?"),
        (">= 10s", "USD", "critical", 3, "10s is a time and cannot be compared with values in USD"),
        ("1% - 5%", None, "warning", 0, "warning must be one bound"),
        ("> 1 - 5", None, "normal", 4, "nothing more is expected"),
        ("1% - 5s", None, "normal", 5, "both ends of a range must be of one kind"),
        ("5% - 1%", None, "normal", 5, "1% is below 5%"),
        ("1 - 5 foo", None, "normal", 6, "foo is not a unit"),
    ],
)
def test_threshold_error_names_its_position(
    text: str, unit: str | None, role: Role, position: int, problem: str
) -> None:
    with pytest.raises(ThresholdError) as raised:
        parse(text, unit, role)

    assert (raised.value.text, raised.value.position) == (text, position)
    assert problem in raised.value.problem


def test_relative_bound_is_a_multiple_of_the_baseline() -> None:
    threshold = parse("> 2x")

    assert threshold.holds(21, 10) is True
    assert threshold.holds(20, 10) is False
    assert parse("< 0.5x").holds(4, 10) is True


@pytest.mark.parametrize("baseline", [None, 0.0, -1.0, math.nan, math.inf])
def test_relative_bound_without_baseline_is_undecided(baseline: float | None) -> None:
    assert parse("> 2x").holds(5, baseline) is None
    assert parse("> 2").holds(5, baseline) is True


def test_nan_is_undecided() -> None:
    assert parse("> 5%").holds(math.nan) is None


@pytest.mark.parametrize("baseline", [None, 0.0, 10.0, math.inf])
@pytest.mark.parametrize(
    ("text", "above", "below"),
    [
        ("> 5%", True, False),
        (">= 5", True, False),
        ("< 5", False, True),
        ("<= 5", False, True),
        ("1 .. 5", False, False),
        ("> 2x", True, False),
        ("< 0.5x", False, True),
    ],
)
def test_infinite_value_is_inside_an_open_bound(text: str, baseline: float | None, *, above: bool, below: bool) -> None:
    threshold = parse(text, role="normal")

    assert threshold.holds(math.inf, baseline) is above
    assert threshold.holds(-math.inf, baseline) is below


def _read(text: str, role: Role) -> Threshold | None:
    return parse(text, role=role) if text else None


@pytest.mark.parametrize(
    ("normal", "warning", "critical", "problem"),
    [
        ("< 1%", "> 5%", "> 10%", ""),
        ("> 99%", "< 95%", "< 90%", ""),
        ("500 ms", "500 ms", "2s", ""),
        ("", "> 5%", "> 5%", ""),
        ("1 .. 5", "> 5", "", ""),
        ("", "", "", ""),
        ("< 2", "> 3x", "> 10", ""),
        ("0.5x .. 2x", "> 10s", "> 11", ""),
        ("< 1%", "> 5%", "> 10s", "normal < 1% is a ratio and critical > 10s is a time"),
        ("1 .. 5%", "> 10s", "", "normal 1 .. 5% is a ratio and warning > 10s is a time"),
        ("", "> $5", "> €5", "warning > $5 is money in USD and critical > €5 is money in EUR"),
        ("", "> 5 MB/s", "> 9 req/s", "warning > 5 MB/s is a rate in bytes and critical > 9 req/s is a rate"),
        ("", "> 5%", "< 10%", "warning > 5% and critical < 10% point in different directions"),
        ("", "> 5%", "> 3%", "critical > 3% is reached before warning > 5%"),
        ("", "> 5%", ">= 5%", "critical >= 5% is reached before warning > 5%"),
        ("", "< 90%", "< 95%", "critical < 95% is reached before warning < 90%"),
        ("< 20%", "", "> 10%", "normal < 20% and critical > 10% overlap: a value could be both"),
        ("<= 5%", ">= 5%", "", "normal <= 5% and warning >= 5% overlap: a value could be both"),
        ("5 .. 5", "> 1", "", "normal 5 .. 5 and warning > 1 overlap: a value could be both"),
    ],
)
def test_contradicting_thresholds_are_named(normal: str, warning: str, critical: str, problem: str) -> None:
    rules = _read(normal, "normal"), _read(warning, "warning"), _read(critical, "critical")

    assert conflict(*rules) == problem


PIECES = [*"<>=\u2264 0159.-%x$/,", " - ", " to ", "..", "ms", "s", "req", "k"]
TEXTS = st.one_of(st.text(max_size=10), st.lists(st.sampled_from(PIECES), max_size=8).map("".join))


def _tried(text: str, unit: str | None, role: Role) -> Threshold | ThresholdError:
    try:
        return parse(text, unit, role)
    except ThresholdError as error:
        return error


@given(TEXTS, st.sampled_from([None, "seconds", "percent", "USD"]), st.sampled_from(["normal", "warning", "critical"]))
def test_any_text_parses_to_a_threshold_or_an_error_with_position(text: str, unit: str | None, role: Role) -> None:
    found = _tried(text, unit, role)
    if isinstance(found, Threshold):
        assert parse(str(found), unit, role) == found
        assert found.low <= found.high
    else:
        assert found.text == text
        assert 0 <= found.position <= len(text)


BOUNDS = st.integers(-3, 3)
RULES = st.none() | st.builds("{} {}".format, st.sampled_from([">", ">=", "<", "<="]), BOUNDS).map(parse)


VALUES = [half / 2 for half in range(-8, 9)]


@given(RULES, RULES, RULES)
def test_conflict_is_a_value_with_two_levels_or_directions(
    normal: Threshold | None, warning: Threshold | None, critical: Threshold | None
) -> None:
    bad = [rule for rule in (warning, critical) if rule]
    both = any(normal.holds(value) and rule.holds(value) for rule in bad for value in VALUES) if normal else False
    opposed = len({rule.direction for rule in bad}) > 1
    early = (
        any(critical.holds(value) and not warning.holds(value) for value in VALUES) if warning and critical else False
    )

    assert bool(conflict(normal, warning, critical)) == (both or opposed or early)
