"""Windows of time that come again: when they begin, as cron writes it, in a time zone with its summer time."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

REMEMBERED = 512
"""Answers of so many schedules: one decision asks for the same ones many times, and always for the same moment."""


@lru_cache(REMEMBERED)
def closes(schedule: str, zone: str, length: timedelta, now: datetime) -> datetime | None:
    """When the window that is open at `now` closes; None where none is open.

    A window is open from a time of the schedule on, for `length`. Where several overlap it is the first of them that
    still is open. Raises ValueError where they cannot be read.
    """
    earliest = now - length
    times = _times(schedule, earliest.astimezone(_zone(zone)))
    # Times of one zone are compared by what its clocks show, which is one hour twice when summer ends.
    opened = next(times).astimezone(UTC)
    while opened <= earliest:
        opened = next(times).astimezone(UTC)
    return opened + length if opened <= now else None


@lru_cache(REMEMBERED)
def check(schedule: str, zone: str) -> None:
    """Raise ValueError, which says what cannot be read."""
    _times(schedule, datetime(2000, 1, 1, tzinfo=_zone(zone)))


def _times(schedule: str, after: datetime) -> CronSim:
    try:
        return CronSim(schedule, after)
    except CronSimError as error:
        what = str(error).lower().removeprefix("bad ")
        raise ValueError(f"its {what} is never; write five fields as cron has them, such as 0 2 * * SUN") from None


def _zone(name: str) -> ZoneInfo:
    # What is not there is a KeyError, what leads out of the folder of zones a ValueError, a part of it an OSError.
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name}; write its IANA name, such as Europe/Berlin") from None
