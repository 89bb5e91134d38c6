"""Conditions as kstatus, kubectl wait and Argo CD read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.reasons import Reason


class Condition(StatusModel):
    """One aspect of the object's state, as metav1.Condition has it."""

    type: Annotated[str, Field(max_length=316, description="What the condition is about.")]
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Annotated[str, Field(max_length=1024, description="Why, in one CamelCase word.")]
    message: Annotated[str, Field(max_length=32768, description="Why, in a sentence.")] = ""
    observed_generation: int = Field(0, description="The generation of the spec that this was said about.")
    last_transition_time: str = Field(description="When status last changed, RFC 3339.")


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as metav1.MicroTime prints it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(text: str) -> str:
    """A time of the API for people: RFC 3339 in UTC, without fractions of a second."""
    return moment(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(text: str, since: str) -> str:
    """The time of day in UTC, with the date where it is another than that of `since`."""
    at, began = (moment(one).astimezone(UTC) for one in (text, since))
    return at.strftime("%H:%MZ" if at.date() == began.date() else "%m-%d %H:%MZ")


def moment(text: str) -> datetime:
    """A time of the API, RFC 3339 with a zone, as a datetime."""
    return datetime.fromisoformat(text)


def find(conditions: Sequence[Condition], kind: str) -> Condition | None:
    return next((c for c in conditions if c.type == kind), None)


@dataclass(frozen=True)
class Finding:
    """Whether something holds, None where that cannot be told, why in one word, and why in a sentence."""

    holds: bool | None
    reason: Reason
    message: str


STATUSES: Mapping[bool | None, Literal["True", "False", "Unknown"]] = {True: "True", False: "False", None: "Unknown"}


def condition(old: Sequence[Condition], kind: str, found: Finding, generation: int, now: datetime) -> Condition:
    """The condition `kind` as it is now; its transition time is kept while its status stays."""
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
