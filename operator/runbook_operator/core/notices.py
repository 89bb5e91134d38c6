"""A notice: one sentence about an event, the same in the Event, the log line and the metric."""

from dataclasses import dataclass

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref


@dataclass(frozen=True)
class Notice:
    """One sentence about `about` (with its uid); an `identity` is posted as one Event, however often it is sent.

    A `count` above 1 is how many times it has happened: the one Event counts up to it.
    """

    about: Ref
    uid: str
    reason: Reason
    message: str
    identity: str
    warning: bool = False
    count: int = 1
    engagement: str = ""
