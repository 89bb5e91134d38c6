"""The recent write results of one field of one target, as this process remembers them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

FieldKey = tuple[Ref, str]
"""A field of a target."""


@dataclass(frozen=True)
class Failed:
    """Consecutive failed writes: the reason of the last one, since when, and when the next one is due.

    `fatal` is True if another try cannot succeed until a person acts.
    """

    reason: Reason
    message: str
    fatal: bool
    attempts: int
    since: datetime
    due: datetime


@dataclass(frozen=True)
class Answer:
    """The API server's answer to one accepted write of a field; see Accepted."""

    uid: str
    asked: Any
    live: Any
    changed: bool


@dataclass(frozen=True)
class Accepted:
    """Consecutive accepted writes of one value: how many, since when, and when the last one was.

    `asked` is the written value as an audit shows it, `live` the value in the last answer. `changed` is True if they
    differ: an admission policy, a webhook or a default has changed the value. `uid` is that of the object, which may
    be recreated. `undone` counts the writes of the field that did not last, of any value and for any switch.
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
class WriteHistory:
    """The failed and the accepted writes. The operator needs neither to be correct, so a restart may lose them."""

    failed: Failed | None = None
    accepted: Accepted | None = None
