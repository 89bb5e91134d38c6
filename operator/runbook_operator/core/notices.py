"""What is said about an act, once, in the same words everywhere: Event, log line and metric."""

from dataclasses import dataclass

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref


@dataclass(frozen=True)
class Notice:
    """One sentence about `about` (with its uid); `identity` makes it post once however often it is said.

    `count` above 1 says that what the identity names has happened again: the one Event counts up to it.
    """

    about: Ref
    uid: str
    reason: Reason
    message: str
    identity: str
    warning: bool = False
    count: int = 1
    engagement: str = ""
