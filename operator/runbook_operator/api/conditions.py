"""Conditions in the form that kstatus, kubectl wait and Argo CD read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.reasons import Reason


class Condition(StatusModel):
    """One aspect of the object's state, in the form of metav1.Condition."""

    type: Annotated[str, Field(max_length=316, description="Type of the condition.")]
    status: Literal["True", "False", "Unknown"] = Field(description="Status of the condition.")
    reason: Annotated[str, Field(max_length=1024, description="Reason of the status, in one CamelCase word.")]
    message: Annotated[str, Field(max_length=32768, description="Explanation of the status, in a sentence.")] = ""
    observed_generation: int = Field(0, description="Generation of the spec that the condition is about.")
    last_transition_time: str = Field(description="Time of the last change of status, RFC 3339.")


def timestamp(now: datetime) -> str:
    """Format a time as RFC 3339 in UTC with microseconds, as metav1.MicroTime does."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(text: str) -> str:
    """Reformat an RFC 3339 time for people: in UTC, without fractions of a second."""
    return clock_time(moment(text))


def clock_time(time: datetime) -> str:
    """Format a time for people: RFC 3339 in UTC, without fractions of a second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(text: str, since: str) -> str:
    """Reformat an RFC 3339 time as the time of day in UTC, with the date if it differs from that of `since`."""
    at, began = (moment(one).astimezone(UTC) for one in (text, since))
    return at.strftime("%H:%MZ" if at.date() == began.date() else "%m-%d %H:%MZ")


def moment(text: str) -> datetime:
    """Parse an RFC 3339 time with a zone."""
    return datetime.fromisoformat(text)


def find(conditions: Sequence[Condition], kind: str) -> Condition | None:
    return next((c for c in conditions if c.type == kind), None)


@dataclass(frozen=True)
class Finding:
    """The content of a condition; `holds` is None if unknown."""

    holds: bool | None
    reason: Reason
    message: str


STATUSES: Mapping[bool | None, Literal["True", "False", "Unknown"]] = {True: "True", False: "False", None: "Unknown"}


def condition(old: Sequence[Condition], kind: str, found: Finding, generation: int, now: datetime) -> Condition:
    """Return the condition `kind` with this content; its transition time stays the same while its status does."""
    status = STATUSES[found.holds]
    before = find(old, kind)
    since = before.last_transition_time if before and before.status == status else timestamp(now)
    return Condition(
        type=kind,
        status=status,
        reason=found.reason.value,
        message=found.message,
        observed_generation=generation,
        last_transition_time=since,
    )
