"""How many requests are let through: what each mechanism turns into its own words."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from runbook_operator.actions.action_base import ActionSpec, Plan
from runbook_operator.actions.traffic.traffic_target import Site
from runbook_operator.core.desired_fields import Remark
from runbook_operator.core.reasons import Reason

SECONDS: Mapping[str, int] = {"Second": 1, "Minute": 60, "Hour": 3600}
Requests = Annotated[int, Field(ge=1, le=1_000_000)]


class Rate(ActionSpec):
    """A number of requests in a time. No mechanism takes 0 for none: for Traefik it is no limit at all."""

    requests: Requests = Field(description="How many requests are let through in that time.")
    per: Literal["Second", "Minute", "Hour"] = Field(description="The time.")
    burst: Requests | None = Field(
        None, description="How many may come at once; as many as requests where absent. Not every mechanism has it."
    )

    @property
    def at_once(self) -> int:
        return self.burst or self.requests

    @property
    def seconds(self) -> int:
        return SECONDS[self.per]


Limit = Callable[[Site, Rate], Plan]
"""A mechanism, as a Way with the rate."""


def multiplied(rate: Rate, who: str) -> Remark:
    """The limit is not one for the whole cluster."""
    limit = f"{rate.requests} per {rate.per}"
    text = f"the limit of {limit} is counted by each {who}: several let several times as many through"
    return Remark(Reason.LIMIT_MULTIPLIED, text)
