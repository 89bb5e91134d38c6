"""What was tried lately on one field of one target, as this process remembers it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

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
class Answer:
    """The answer of the API server to one accepted write of a field; see Accepted."""

    uid: str
    asked: Any
    live: Any
    changed: bool


@dataclass(frozen=True)
class Accepted:
    """Writes of one value in a row that the API server accepted: how many, since when, and when the last one was.

    `asked` is the value as an audit has it, `live` what the object in the last answer showed. `changed` where that is
    something else: an admission policy, a webhook or a default has changed it. Another uid is another object. `undone`
    counts the writes of the field that did not last, of whichever value and for whichever switch.
    """

    uid: str
    asked: Any
    live: Any
    changed: bool
    times: int
    since: datetime
    last: datetime
    undone: int = 0


@dataclass(frozen=True)
class Effort:
    """Nothing of it is needed to be right after a restart."""

    failed: Failed | None = None
    accepted: Accepted | None = None
