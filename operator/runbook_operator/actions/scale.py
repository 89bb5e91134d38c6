"""scale: set a workload's replicas through its scale subresource."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from runbook_operator.actions.base import Action, ActionSpec, Value
from runbook_operator.model.base import Rule
from runbook_operator.model.effects import SetReplicas
from runbook_operator.model.seen import Seen

Replicas = Annotated[int, Field(ge=0, le=100_000)]
EXACTLY_ONE = "set exactly one of replicas (an absolute number) and by (a step up or down)"
ORDERED = "min must not be greater than max"


class ScaleAmount(ActionSpec):
    """How many replicas: an absolute number or a step, kept within min and max."""

    replicas: Replicas | None = Field(None, description="The absolute number of replicas.")
    by: Annotated[int, Field(ge=-10_000, le=10_000)] | None = Field(
        None, description="A step up, or down when negative, from what is live when the switch is thrown."
    )
    min: Replicas | None = Field(None, description="Never go below this number.")
    max: Replicas | None = Field(None, description="Never go above this number.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.replicas) != has(self.by)", EXACTLY_ONE),
        Rule("!has(self.min) || !has(self.max) || self.min <= self.max", ORDERED),
    )

    @model_validator(mode="after")
    def _consistent(self) -> "ScaleAmount":
        if (self.replicas is None) == (self.by is None):
            raise ValueError(EXACTLY_ONE)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(ORDERED)
        return self


class Scale(Action):
    """Sets the replicas of the target's workload, and holds them there."""

    kind = "scale"
    field = "spec.replicas"
    Spec = ScaleAmount

    @staticmethod
    def read(seen: Seen) -> Value:
        return seen.replicas

    @staticmethod
    def resolve(spec: ScaleAmount, live: Value) -> Value:
        wanted = live + (spec.by or 0) if spec.replicas is None else spec.replicas
        return _within(spec, live, wanted)

    @staticmethod
    def write(seen: Seen, value: Value) -> SetReplicas:
        return SetReplicas(seen.ref, seen.uid, seen.resource_version, value)

    @staticmethod
    def describe(spec: Any) -> str:
        amount = f"to {spec.replicas}" if spec.replicas is not None else f"by {spec.by:+d}"
        return f"scale {spec.target} {amount}"


def _within(spec: ScaleAmount, live: Value, wanted: Value) -> Value:
    """A bound stops a step; it never moves the workload against the step's own direction."""
    low, high = spec.min or 0, spec.max if spec.max is not None else wanted
    if spec.by is not None and spec.by > 0:
        low, high = live, max(high, live)
    elif spec.by is not None and spec.by < 0:
        low, high = min(low, live), live
    return max(low, min(wanted, high))
