"""The declared number of replicas, and its computation when the switch is thrown."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from runbook_operator.actions.action_base import ActionSpec
from runbook_operator.core.model_base import Rule

Replicas = Annotated[int, Field(ge=0, le=100_000)]
Bounds = tuple[int | None, int | None]
"""The least and the most replicas, None for no bound."""
AMOUNTS = ("replicas", "by", "factor")
EXACTLY_ONE = (
    "set exactly one of replicas (an absolute number), by (a step up or down) and factor (a multiple of what is live)"
)
ORDERED = "min must not be greater than max"
FLOORED = (
    "set min: a by below 0, or a factor below 0.5, can end at 0 replicas. min: 1 keeps one replica, min: 0 allows none"
)


class ScaleAmount(ActionSpec):
    """The number of replicas: absolute, a step or a factor, within min and max."""

    replicas: Replicas | None = Field(None, description="The absolute number of replicas.")
    by: Annotated[int, Field(ge=-10_000, le=10_000)] | None = Field(
        None,
        description="Replicas to add to the live number when the switch is thrown; negative removes replicas and "
        "requires min.",
    )
    factor: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        None,
        description="Factor for the live number of replicas when the switch is thrown, rounded half up: 0.5 halves, "
        "2 doubles. A factor below 0.5 requires min.",
    )
    min: Replicas | None = Field(
        None,
        description="Lower bound of the result. Required if by or factor can end at 0; min: 0 allows 0 replicas.",
    )
    max: Replicas | None = Field(None, description="Upper bound of the result.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(f"[{', '.join(f'has(self.{one})' for one in AMOUNTS)}].filter(x, x).size() == 1", EXACTLY_ONE),
        Rule("!has(self.min) || !has(self.max) || self.min <= self.max", ORDERED),
        # Only at admission, so that stored records from before this rule can still be restored.
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
    """Return the absolute number of replicas, given the `live` number at the throw.

    A bound limits a step but never moves the workload against the step's direction. If bounds exclude each other, the
    lowest upper bound wins.
    """
    wanted, direction = _wanted(spec, live), _direction(spec)
    low, high = _tightest([(spec.min, spec.max), *more])
    if direction > 0:
        return max(live, _at_most(wanted, high))
    if direction < 0:
        return min(live, max(wanted, low))
    return _at_most(max(wanted, low), high)


def _wanted(spec: ScaleAmount, live: int) -> int:
    """Return the number without bounds; computed in decimals, since 1.15 * 10 must be 11.5 and not a little less."""
    if spec.replicas is not None:
        return spec.replicas
    if spec.factor is not None:
        return math.floor(Decimal(str(spec.factor)) * live + Decimal("0.5"))
    return max(0, live + (spec.by or 0))


def _direction(spec: ScaleAmount) -> float:
    """Return a number > 0 for a step up, < 0 for a step down, and 0 for an absolute number."""
    return spec.by or 0 if spec.factor is None else spec.factor - 1


def _tightest(bounds: Sequence[Bounds]) -> tuple[int, int | None]:
    highest = [high for _, high in bounds if high is not None]
    return max(low or 0 for low, _ in bounds), min(highest) if highest else None


def _at_most(number: int, high: int | None) -> int:
    return number if high is None else min(number, high)
