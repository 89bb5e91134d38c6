"""How many replicas a person asks for, and what that comes to when the switch is thrown."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from runbook_operator.actions.action_base import ActionSpec
from runbook_operator.core.model_base import Rule

Replicas = Annotated[int, Field(ge=0, le=100_000)]
Bounds = tuple[int | None, int | None]
"""The least and the most, None where there is no such bound."""
AMOUNTS = ("replicas", "by", "factor")
EXACTLY_ONE = (
    "set exactly one of replicas (an absolute number), by (a step up or down) and factor (a multiple of what is live)"
)
ORDERED = "min must not be greater than max"
FLOORED = (
    "set min: a by below 0, or a factor below 0.5, can end at 0 replicas. min: 1 keeps one replica, min: 0 allows none"
)


class ScaleAmount(ActionSpec):
    """How many replicas: an absolute number, a step or a multiple, kept within min and max."""

    replicas: Replicas | None = Field(None, description="The absolute number of replicas.")
    by: Annotated[int, Field(ge=-10_000, le=10_000)] | None = Field(
        None,
        description="A step up, or down when negative, from what is live when the switch is thrown. A negative "
        "step needs min.",
    )
    factor: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        None,
        description="What is live when the switch is thrown, times this, rounded half up: 0.5 halves, 2 doubles. A "
        "factor below 0.5 needs min.",
    )
    min: Replicas | None = Field(
        None, description="Never go below this number. What can end at 0 needs it: min: 0 allows no replica at all."
    )
    max: Replicas | None = Field(None, description="Never go above this number.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(f"[{', '.join(f'has(self.{one})' for one in AMOUNTS)}].filter(x, x).size() == 1", EXACTLY_ONE),
        Rule("!has(self.min) || !has(self.max) || self.min <= self.max", ORDERED),
        # At admission only: what was stored and thrown before this rule is to be restored.
        Rule("has(self.min) || !((has(self.by) && self.by < 0) || (has(self.factor) && self.factor < 0.5))", FLOORED),
    )

    @model_validator(mode="after")
    def _consistent(self) -> "ScaleAmount":
        if sum(getattr(self, one) is not None for one in AMOUNTS) != 1:
            raise ValueError(EXACTLY_ONE)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(ORDERED)
        return self


def amount(spec: ScaleAmount, live: int, *more: Bounds) -> int:
    """The absolute number of replicas, from what is live when the switch is thrown.

    A bound stops a step; it never moves the workload against the step's own direction. Where bounds exclude each other
    the least of the upper ones counts.
    """
    wanted, direction = _wanted(spec, live), _direction(spec)
    low, high = _tightest([(spec.min, spec.max), *more])
    if direction > 0:
        return max(live, _at_most(wanted, high))
    if direction < 0:
        return min(live, max(wanted, low))
    return _at_most(max(wanted, low), high)


def _wanted(spec: ScaleAmount, live: int) -> int:
    """Without any bound; in decimals, since 1.15 times 10 is to be 11.5 and not a little less."""
    if spec.replicas is not None:
        return spec.replicas
    if spec.factor is not None:
        return math.floor(Decimal(str(spec.factor)) * live + Decimal("0.5"))
    return max(0, live + (spec.by or 0))


def _direction(spec: ScaleAmount) -> float:
    """Above 0 for a step up, below 0 for one down, 0 for an absolute number."""
    return spec.by or 0 if spec.factor is None else spec.factor - 1


def _tightest(bounds: Sequence[Bounds]) -> tuple[int, int | None]:
    highest = [high for _, high in bounds if high is not None]
    return max(low or 0 for low, _ in bounds), min(highest) if highest else None


def _at_most(number: int, high: int | None) -> int:
    return number if high is None else min(number, high)
