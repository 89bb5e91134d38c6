"""What was tried lately on one field of one target, as this process remembers it."""

from dataclasses import dataclass
from datetime import datetime

from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import Ref

Place = tuple[Ref, str]
"""A field of a target."""


@dataclass(frozen=True)
class Failed:
    """Writes that failed in a row: why the last one did, since when, and when the next one is due.

    `fatal` where trying again cannot help until a person acts.
    """

    reason: Reason
    message: str
    fatal: bool
    attempts: int
    since: datetime
    due: datetime


@dataclass(frozen=True)
class Effort:
    """Nothing of it is needed to be right after a restart."""

    failed: Failed | None = None
