"""Durations as people write them: `90s`, `30m`, `4h`, `1h30m`, `7d`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field, WithJsonSchema

PATTERN = r"^([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?([0-9]{1,9}ms)?$"
UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}

LONGEST = 40
NO_DURATION = "use a time such as 30m, 4h or 1d"

PlainDuration = Annotated[str, Field(min_length=2, max_length=LONGEST, pattern=PATTERN)]
"""A Duration outside of a custom resource, where no CEL rule is checked."""
Duration = Annotated[
    PlainDuration,
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 2,
            "maxLength": LONGEST,
            "x-kubernetes-validations": [{"rule": f"self.matches('{PATTERN}')", "message": NO_DURATION}],
        }
    ),
]
"""Days, hours, minutes, seconds and milliseconds, in this order, each at most once. Bounded: no sum overflows."""


def duration(text: str) -> timedelta:
    """Return the length of a validated Duration."""
    parts = re.findall(r"([0-9]+)(ms|d|h|m|s)", text)
    return timedelta(**{UNITS[unit]: int(number) for number, unit in parts})


def spoken(length: timedelta) -> str:
    """Return the length as a Duration, rounded to seconds: `4h`, `1m30s`."""
    seconds = max(0, round(length.total_seconds()))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
