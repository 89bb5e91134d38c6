"""A notice: one sentence about an event, the same in the Event, the log line and the metric."""

from dataclasses import dataclass

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref


@dataclass(frozen=True)
class Notice:
    """One sentence about the object `about`. All notices with the same `identity` become one Event.

    A `count` above 1 is the number of times that it has happened; the Event gets this count.
    """

    about: Ref
    uid: str
    reason: Reason
    message: str
    identity: str
    warning: bool = False
    count: int = 1
    engagement: str = ""
