"""Windows of time: when they are open, in which time zone, and what of a schedule cannot be read."""

from datetime import UTC, datetime, timedelta

import pytest

from runbook_operator.core.maintenance_windows import check, closes

BERLIN = "Europe/Berlin"
TWO_HOURS = timedelta(hours=2)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-22T01:59:59.999999", None),
        ("2026-11-22T02:00:00", "2026-11-22T04:00:00"),
        ("2026-11-22T03:59:59.999999", "2026-11-22T04:00:00"),
        ("2026-11-22T04:00:00", None),
        ("2026-11-23T03:00:00", None),
    ],
)
def test_window_includes_its_start_and_excludes_its_end(now: str, until: str | None) -> None:
    assert closes("0 2 * * SUN", "UTC", TWO_HOURS, utc(now)) == (utc(until) if until else None)


def test_schedule_follows_its_time_zone_in_winter_and_summer() -> None:
    assert closes("0 2 * * *", BERLIN, TWO_HOURS, utc("2026-01-10T01:30:00")) == utc("2026-01-10T03:00:00")
    assert closes("0 2 * * *", BERLIN, TWO_HOURS, utc("2026-07-10T01:30:00")) == utc("2026-07-10T02:00:00")
    assert closes("0 2 * * *", BERLIN, TWO_HOURS, utc("2026-07-10T02:30:00")) is None


@pytest.mark.parametrize(
    ("now", "is_open"),
    [("00:44", False), ("00:45", True), ("01:30", True), ("02:30", True), ("02:45", False), ("03:30", False)],
)
def test_window_in_the_repeated_hour_opens_once_with_full_duration(now: str, *, is_open: bool) -> None:
    """On 25 October the clocks of Berlin go from 3:00 back to 2:00, which is 1:00 UTC."""
    found = closes("45 2 * * *", BERLIN, TWO_HOURS, utc(f"2026-10-25T{now}"))

    assert found == (utc("2026-10-25T02:45") if is_open else None)


def test_window_in_the_skipped_hour_opens_right_after() -> None:
    """On 29 March the clocks of Berlin go from 2:00 on to 3:00, which is 1:00 UTC."""
    assert closes("30 2 * * *", BERLIN, TWO_HOURS, utc("2026-03-29T00:59")) is None
    assert closes("30 2 * * *", BERLIN, TWO_HOURS, utc("2026-03-29T01:30")) == utc("2026-03-29T03:00")


def test_overlapping_windows_are_always_open() -> None:
    times = [utc("2026-11-22T00:00") + timedelta(minutes=7 * number) for number in range(100)]

    assert all(closes("*/30 * * * *", "UTC", timedelta(hours=1), one) for one in times)


def test_window_of_zero_length_is_never_open() -> None:
    assert closes("0 2 * * *", "UTC", timedelta(), utc("2026-11-22T02:00")) is None


@pytest.mark.parametrize(
    ("schedule", "zone", "said"),
    [
        ("5-1 * * * *", "UTC", "the minute never comes"),
        ("0 0 30 2 *", "UTC", "the day-of-month never comes"),
        ("0 0 * FOO *", "UTC", "the month never comes"),
        ("0 2 * * *", "Europe/Berln", "there is no time zone Europe/Berln; write its IANA name"),
        ("0 2 * * *", "Europe", "there is no time zone Europe"),
        ("0 2 * * *", "../zoneinfo/UTC", "there is no time zone ../zoneinfo/UTC"),
    ],
)
def test_unreadable_schedule_or_zone_is_refused_with_its_part(schedule: str, zone: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(schedule, zone)
    with pytest.raises(ValueError, match=said):
        closes(schedule, zone, TWO_HOURS, utc("2026-11-22T02:00"))
