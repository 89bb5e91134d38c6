"""The declared rate limit, which each mechanism translates into its own configuration."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from runbook_operator.actions.action_base import ActionSpec, Plan
from runbook_operator.actions.traffic.traffic_target import TrafficTarget
from runbook_operator.core.desired_fields import Remark
from runbook_operator.core.reasons import Reason

SECONDS: Mapping[str, int] = {"Second": 1, "Minute": 60, "Hour": 3600}
Requests = Annotated[int, Field(ge=1, le=1_000_000)]


class Rate(ActionSpec):
    """A number of requests per unit of time. 0 is not allowed: for Traefik it would mean no limit at all."""

    requests: Requests = Field(description="Number of requests to allow per unit of time.")
    per: Literal["Second", "Minute", "Hour"] = Field(description="The unit of time.")
    burst: Requests | None = Field(
        None,
        description="Number of requests to allow at once. Default: the value of requests. Not every mechanism "
        "supports it.",
    )

    @property
    def at_once(self) -> int:
        return self.burst or self.requests

    @property
    def seconds(self) -> int:
        return SECONDS[self.per]


Limit = Callable[[TrafficTarget, Rate], Plan]
"""A mechanism of a rate limit: a MechanismPlan that also takes the rate."""


def multiplied(rate: Rate, who: str) -> Remark:
    """Return the remark that each `who` counts the limit separately."""
    limit = f"{rate.requests} per {rate.per}"
    text = (
        f"each {who} counts the limit of {limit} on its own, so several of them let several times as many "
        "requests through"
    )
    return Remark(Reason.LIMIT_MULTIPLIED, text)
