"""The only reader of the clock."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The wall clock in UTC, for what people read."""
    return datetime.now(UTC)  # noqa: TID251 # the one place that may


def monotonic() -> float:
    """Seconds that never jump, for how long something took."""
    return time.monotonic()
