"""Recurring windows of time, which open by a cron schedule in a time zone, with its summer time."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

REMEMBERED = 512
"""Maximum number of cached results: one decision evaluates the same schedules many times for the same moment."""


@lru_cache(REMEMBERED)
def closes(schedule: str, zone: str, length: timedelta, now: datetime) -> datetime | None:
    """Return when the window that is open at `now` closes; None if none is open.

    A window opens at each time of the schedule, for `length`. If several are open, the result is for the earliest.
    Raises ValueError if the schedule or the zone cannot be parsed.
    """
    earliest = now - length
    times = _times(schedule, earliest.astimezone(_zone(zone)))
    # Compare in UTC: Python compares times of one zone by local time, and one hour occurs twice when summer time ends.
    opened = next(times).astimezone(UTC)
    while opened <= earliest:
        opened = next(times).astimezone(UTC)
    return opened + length if opened <= now else None


@lru_cache(REMEMBERED)
def check(schedule: str, zone: str) -> None:
    """Raise ValueError with the problem if the schedule or the zone cannot be parsed."""
    _times(schedule, datetime(2000, 1, 1, tzinfo=_zone(zone)))


def _times(schedule: str, after: datetime) -> CronSim:
    try:
        return CronSim(schedule, after)
    except CronSimError as error:
        what = str(error).lower().removeprefix("bad ")
        raise ValueError(
            f"cron schedule: the {what} never comes; write five fields as cron does, such as 0 2 * * SUN"
        ) from None


def _zone(name: str) -> ZoneInfo:
    # A missing zone raises KeyError, a path out of the folder of zones ValueError, and a folder in it OSError.
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name}; write its IANA name, such as Europe/Berlin") from None
