"""The judgement of one metric over time."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.level_tracker import SEVERITY, Level, Timing, Track, advance, due, judge, signal
from runbook_operator.core.signals import Verdict
from runbook_operator.core.thresholds import Role, Threshold, parse

START = datetime(2025, 6, 1, 12, tzinfo=UTC)
TIMING = Timing(timedelta(seconds=60), timedelta(seconds=300), timedelta(seconds=600))
PROBE = Timing(timedelta(), timedelta(), timedelta(seconds=600), failures=3, successes=2)
LEVELS: list[Level] = ["Ok", "Warning", "Critical", "Unknown", "Stale"]
NAMED: dict[str, Level] = {level: level for level in LEVELS}


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _told(readings: str, level: Level = "Unknown", timing: Timing = TIMING) -> str:
    """What is told after each reading, `SECONDS LEVEL, ...`, for a metric that is at this level."""
    track: Track | None = Track(level, START, known=level, data_at=START) if level in SEVERITY else None
    told: list[Level] = []
    for reading in readings.split(", "):
        seconds, name = reading.split()
        track = advance(track, NAMED[name], 1.0, "", _at(float(seconds)), timing)
        told.append(track.level)
    return " ".join(told)


def _rule(text: str, role: Role) -> Threshold | None:
    return parse(text, role=role) if text else None


def _judge(value: float | None, rules: str, before: Level = "Ok", baseline: float | None = None) -> Level:
    """Rules as `normal | warning | critical`."""
    normal, warning, critical = (part.strip() for part in rules.split("|"))
    levels = _rule(normal, "normal"), _rule(warning, "warning"), _rule(critical, "critical")
    return judge(value, baseline, *levels, before)


ERRORS = "< 1% | > 5% | > 10%"


@pytest.mark.parametrize(
    ("value", "before", "level"),
    [
        (0.005, "Ok", "Ok"),
        (0.03, "Ok", "Ok"),
        (0.03, "Unknown", "Ok"),
        (0.07, "Ok", "Warning"),
        (0.2, "Ok", "Critical"),
        (0.07, "Critical", "Warning"),
        (0.03, "Critical", "Warning"),
        (0.03, "Warning", "Warning"),
        (0.01, "Warning", "Warning"),
        (0.005, "Critical", "Ok"),
        (0.005, "Warning", "Ok"),
    ],
)
def test_bad_level_lasts_until_the_value_is_normal(value: float, before: Level, level: Level) -> None:
    assert _judge(value, ERRORS, before) == level


def test_bad_level_without_normal_range_ends_at_the_bound() -> None:
    assert _judge(0.04, "| > 5% | > 10%", "Critical") == "Ok"
    assert _judge(0.07, "| > 5% | > 10%", "Critical") == "Warning"
    assert _judge(0.07, "| | > 10%", "Critical") == "Ok"


def test_value_outside_normal_alone_is_warning() -> None:
    assert _judge(6, "1 .. 5 | |") == "Warning"
    assert _judge(5, "1 .. 5 | |", "Warning") == "Ok"


@pytest.mark.parametrize(
    ("rules", "above", "below"),
    [
        (ERRORS, "Critical", "Ok"),
        ("> 5 | | < 1", "Ok", "Critical"),
        ("1 .. 5 | |", "Warning", "Warning"),
        ("| > 2x | > 5x", "Critical", "Ok"),
    ],
)
def test_infinite_value_breaches_every_open_bound(rules: str, above: Level, below: Level) -> None:
    assert (_judge(math.inf, rules), _judge(-math.inf, rules)) == (above, below)


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("before", LEVELS)
def test_value_that_is_no_number_is_unknown(value: float | None, before: Level) -> None:
    assert _judge(value, ERRORS, before) == "Unknown"


@pytest.mark.parametrize(
    ("rules", "before", "level"),
    [
        ("| > 2x | > 10", "Ok", "Critical"),
        ("| > 3 | > 2x", "Ok", "Unknown"),
        ("| > 2x | > 99", "Ok", "Unknown"),
        ("< 1x | > 99 |", "Warning", "Unknown"),
        ("< 1x | > 99 |", "Ok", "Ok"),
    ],
)
def test_missing_baseline_judges_only_absolute_bounds(rules: str, before: Level, level: Level) -> None:
    assert _judge(50, rules, before) == level


@given(
    st.none() | st.floats(),
    st.none() | st.floats(),
    st.sampled_from([ERRORS, "< 1x | > 2x | > 5x", "1 .. 5 | |", "| |", "| | > 3", "< 2x | > 5 |"]),
    st.sampled_from(LEVELS),
)
def test_every_value_has_a_level(value: float | None, baseline: float | None, rules: str, before: Level) -> None:
    level = _judge(value, rules, before, baseline)

    assert level in ("Ok", "Warning", "Critical", "Unknown")
    assert level == _judge(value, rules, before, baseline)
    if value is None or math.isnan(value):
        assert level == "Unknown"


def test_worse_level_is_reported_after_its_duration() -> None:
    assert _told("10 Critical, 69 Critical, 70 Critical", "Ok") == "Ok Ok Critical"


def test_better_level_is_reported_after_its_duration() -> None:
    assert _told("10 Ok, 309 Ok, 310 Ok", "Critical") == "Critical Critical Ok"


def test_interruption_restarts_the_wait() -> None:
    assert _told("0 Critical, 50 Ok, 60 Critical, 119 Critical, 120 Critical", "Ok") == "Ok Ok Ok Ok Critical"


def test_first_level_is_reported_after_its_duration() -> None:
    assert _told("0 Ok, 299 Ok, 300 Ok") == "Unknown Unknown Ok"
    assert _told("0 Critical, 59 Critical, 60 Critical") == "Unknown Unknown Critical"


def test_flapping_between_warning_and_critical_is_warning() -> None:
    assert _told("0 Critical, 30 Warning, 60 Critical, 119 Critical", "Ok") == "Ok Ok Warning Warning"


def test_warning_before_critical_does_not_delay_critical() -> None:
    assert _told("0 Warning, 10 Critical, 60 Critical, 70 Critical", "Ok") == "Ok Ok Warning Critical"


def test_flapping_between_warning_and_ok_ends_critical() -> None:
    assert _told("0 Ok, 150 Warning, 300 Ok, 599 Ok, 600 Ok", "Critical") == "Critical Critical Warning Warning Ok"


def test_gap_in_the_data_neither_counts_nor_restarts_the_wait() -> None:
    told = _told("0 Critical, 40 Critical, 70 Unknown, 100 Critical, 119 Critical, 120 Critical", "Ok")

    assert told == "Ok Ok Ok Ok Ok Critical"


def test_long_time_without_readings_restarts_the_wait() -> None:
    assert _told("0 Critical, 600 Critical, 659 Critical, 660 Critical", "Ok") == "Ok Ok Ok Critical"


def test_missing_data_becomes_stale_and_ends_with_the_first_reading() -> None:
    told = _told("0 Critical, 599 Unknown, 600 Unknown, 5000 Unknown, 5010 Ok, 5309 Ok, 5310 Ok", "Critical")

    assert told == "Critical Critical Stale Stale Critical Critical Ok"


def test_monitor_without_any_data_becomes_stale() -> None:
    assert _told("0 Unknown, 599 Unknown, 600 Stale") == "Unknown Unknown Stale"
    assert _told("0 Unknown, 600 Unknown, 610 Ok, 910 Ok") == "Unknown Stale Unknown Ok"


def test_restored_track_counts_missing_data_from_its_start() -> None:
    told = Track("Critical", START, known="Critical", begun=_at(5000))
    assert due(told, TIMING, _at(5000)) == _at(5600)

    silent = [advance(told, "Unknown", None, "", _at(seconds), TIMING) for seconds in (5001, 5599, 5600)]
    assert [(one.level, one.data_at) for one in silent] == [("Critical", None), ("Critical", None), ("Stale", None)]

    heard = advance(told, "Critical", 0.2, "", _at(5100), TIMING)
    assert (heard.level, heard.since, due(heard, TIMING, _at(5100))) == ("Critical", START, _at(5700))
    back = advance(told, "Unknown", None, "", _at(100), TIMING)
    assert due(back, TIMING, _at(100)) == _at(700)


def test_probe_level_counts_consecutive_failures_and_successes() -> None:
    observed = "0 Critical, 1 Critical, 2 Ok, 3 Critical, 4 Critical, 5 Unknown, 6 Critical, 7 Ok, 8 Ok"

    assert _told(observed, "Ok", PROBE) == "Ok Ok Ok Ok Ok Ok Critical Critical Ok"


def test_stale_track_keeps_the_known_level_without_candidate() -> None:
    track = advance(Track("Critical", START, known="Critical"), "Ok", 0, "", START, TIMING)
    track = advance(track, "Unknown", None, "timeout", _at(600), TIMING)

    assert (track.level, track.known, track.since, track.reason) == ("Stale", "Critical", _at(600), "timeout")
    assert (track.candidate, track.count, due(track, TIMING, _at(600))) == ("Stale", 0, None)


def test_candidate_is_the_level_being_confirmed() -> None:
    track = advance(Track("Ok", START, known="Ok"), "Warning", 0.07, "7%", _at(10), TIMING)
    worse = advance(track, "Critical", math.inf, "12%", _at(20), TIMING)

    assert (track.candidate, track.candidate_since, track.count) == ("Warning", _at(10), 1)
    assert (track.value, track.data_at, track.reason) == (0.07, _at(10), "7%")
    assert (worse.candidate, worse.candidate_since, worse.count) == ("Critical", _at(20), 1)
    assert worse.value == math.inf
    assert advance(track, "Critical", math.nan, "", _at(20), TIMING).value is None
    calm = advance(worse, "Ok", 0.0, "", _at(30), TIMING)
    assert (calm.candidate, calm.candidate_since, calm.count) == ("Ok", START, 0)


def test_zero_no_data_after_still_accumulates_readings() -> None:
    timing = Timing(timedelta(seconds=60), timedelta(), timedelta())

    assert _told("0 Critical, 60 Critical, 61 Unknown", "Ok", timing) == "Ok Critical Stale"


def test_clock_set_back_only_lengthens_the_wait() -> None:
    assert _told("9000 Critical, 0 Critical, 59 Critical, 60 Critical", "Ok") == "Ok Ok Ok Critical"


def test_stale_is_due_without_readings() -> None:
    track = advance(None, "Unknown", None, "", START, TIMING)

    assert due(track, TIMING, START) == _at(600)
    assert due(track, TIMING, _at(700)) == _at(700)


def test_lasting_level_is_due_without_readings() -> None:
    track = advance(Track("Ok", START, known="Ok"), "Warning", 1, "", _at(10), TIMING)
    blind = advance(track, "Unknown", None, "", _at(20), TIMING)

    assert due(track, TIMING, _at(10)) == _at(70)
    assert due(blind, TIMING, _at(20)) == _at(610)


def test_consecutive_count_is_not_due_without_readings() -> None:
    track = advance(Track("Ok", START, known="Ok"), "Critical", None, "", _at(10), PROBE)

    assert due(track, PROBE, _at(10)) == _at(610)


@pytest.mark.parametrize(
    ("level", "critical", "warning"),
    [
        ("Ok", "Release", "Release"),
        ("Warning", "Unknown", "Engage"),
        ("Critical", "Engage", "Engage"),
        ("Unknown", "Unknown", "Unknown"),
        ("Stale", "Unknown", "Unknown"),
    ],
)
def test_only_known_levels_engage_or_release(level: Level, critical: Verdict, warning: Verdict) -> None:
    assert signal(level) == critical
    assert signal(level, "Warning") == warning


LENGTHS = st.integers(0, 20).map(lambda seconds: timedelta(seconds=seconds))
TIMINGS = st.builds(Timing, LENGTHS, LENGTHS, LENGTHS, st.integers(1, 3), st.integers(1, 3))
STEPS = st.lists(st.tuples(st.integers(-5, 25), st.sampled_from(LEVELS)), max_size=25)


def _tracks(steps: list[tuple[int, Level]], timing: Timing) -> list[tuple[Track | None, Level, datetime, Track]]:
    """Each reading with the track before and after."""
    track: Track | None = None
    now, taken = START, []
    for seconds, observed in steps:
        now += timedelta(seconds=seconds)
        after = advance(track, observed, 1.0, "", now, timing)
        assert after == advance(track, observed, 1.0, "", now, timing)
        taken.append((track, observed, now, after))
        track = after
    return taken


@given(STEPS, TIMINGS)
def test_reported_level_was_observed_and_lies_between_old_and_new(
    steps: list[tuple[int, Level]], timing: Timing
) -> None:
    observed: set[int] = set()
    for before, level, now, after in _tracks(steps, timing):
        observed |= {SEVERITY[level]} if level in SEVERITY else set()
        assert after.level not in SEVERITY or min(observed) <= SEVERITY[after.level] <= max(observed)
        assert after.level in (after.known, "Stale")
        if before and level in SEVERITY and before.known in SEVERITY:
            between = sorted((SEVERITY[before.known], SEVERITY[level]))
            assert between[0] <= SEVERITY[after.level] <= between[1]
        assert all(moment <= now for moment in (after.since, after.candidate_since, after.data_at or now))


@given(STEPS, TIMINGS)
def test_missing_data_neither_changes_nor_hides_the_known_level(steps: list[tuple[int, Level]], timing: Timing) -> None:
    for before, observed, _, after in _tracks(steps, timing):
        if observed not in SEVERITY:
            assert after.known == (before.known if before else "Unknown")
            assert after.level in (before.level if before else "Unknown", "Stale")


@given(STEPS, TIMINGS)
def test_missing_data_after_any_history_changes_no_signal(steps: list[tuple[int, Level]], timing: Timing) -> None:
    for _, _, now, after in _tracks(steps, timing):
        later = advance(after, "Unknown", None, "", now + timing.no_data_after, timing)
        assert later.level in ("Stale", after.level)
        assert signal(later.level) in ("Unknown", signal(after.level))


@given(STEPS, TIMINGS)
def test_due_change_happens_exactly_at_its_time(steps: list[tuple[int, Level]], timing: Timing) -> None:
    for _, observed, now, after in _tracks(steps, timing):
        moment = due(after, timing, now)
        if moment is None:
            assert after.level == "Stale"
            continue
        assert moment >= now
        assert _next(after, observed, moment, timing) != {after.level}
        if moment > now:
            assert _next(after, observed, moment - timedelta(seconds=1), timing) == {after.level}


def _next(track: Track, observed: Level, now: datetime, timing: Timing) -> set[Level]:
    """What may be told then, with a reading like the last one or with none."""
    return {advance(track, level, 1.0, "", now, timing).level for level in (observed, "Unknown")}
