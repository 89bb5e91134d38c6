"""Thresholds as people write them, `> 5%`, `<= 2s`, `> 2x`, `1% .. 5%`, compared with the value of a query."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Literal

from runbook_operator.core import quantities
from runbook_operator.core.quantities import Quantity, QuantityError

Role = Literal["normal", "warning", "critical"]

OPERATORS = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "\u2265": ">=", "\u2264": "<="}
START = re.compile(r"\s*(?P<operator>[<>=!~\u2264\u2265]*)\s*")
REMEMBERED = 8192
"""Maximum number of cached thresholds: each visit to a Runbook parses all of its thresholds, and many are the same."""
RANGE = re.compile(r"\s*\.\.\s*|\s+[-\u2013]\s+|\s+to\s+")


class ThresholdError(QuantityError):
    """A threshold that cannot be parsed, or that cannot be compared with the metric's unit."""


@dataclass(frozen=True)
class Threshold:
    """An interval of values, without its bounds if it is `strict`; `relative` bounds are multiples of a baseline.

    `kind` is the kind of its quantities for messages (see quantities.kind), empty for plain numbers.
    """

    text: str
    low: float = -math.inf
    high: float = math.inf
    strict: bool = False
    relative: bool = False
    kind: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def direction(self) -> Literal["above", "below", "within"]:
        if self.high == math.inf:
            return "above"
        return "below" if self.low == -math.inf else "within"

    def holds(self, value: float, baseline: float | None = None) -> bool | None:
        """True if the value is inside, None if that is unknown.

        It is unknown for NaN, and for a relative threshold if the baseline is missing, zero or negative: those have no
        useful multiples. An infinite value is inside if that side has no bound, for any baseline.
        """
        if math.isnan(value):
            return None
        if math.isinf(value):
            return math.isinf(self.high if value > 0 else self.low)
        if not self.relative:
            return self.covers(value)
        if baseline is None or not math.isfinite(baseline) or baseline <= 0:
            return None
        return self.covers(value, baseline)

    def covers(self, value: float, one: float = 1.0) -> bool:
        """True if the value is inside, with the bounds multiplied by `one`."""
        low, high = self.low * one, self.high * one
        return low < value < high if self.strict else low <= value <= high


def parse(text: str, unit: str | None = None, role: Role = "warning") -> Threshold:
    """Parse the threshold and convert its bounds to the metric's unit; ThresholdError points at the wrong character.

    Without an operator the role decides: normal is `<=` the quantity, warning and critical are `>` it.
    """
    return _parsed(text, unit, role)


@lru_cache(maxsize=REMEMBERED)
def _parsed(text: str, unit: str | None, role: Role) -> Threshold:
    start = START.match(text)
    written, at = (start["operator"], start.end()) if start else ("", 0)
    split = RANGE.search(text, at + 1)
    if split and not written:
        return _range(text, (at, split.start(), split.end()), unit, role)
    if written and written not in OPERATORS:
        raise ThresholdError(
            text, len(text) - len(text.lstrip()), "a threshold must begin with >, >=, < or <=, such as > 5%"
        )
    quantity = _quantity(text, at, len(text))
    operator = OPERATORS[written] if written else {"normal": "<="}.get(role, ">")
    bound = _bound(text, at, quantity, unit)
    low, high = (bound, math.inf) if operator.startswith(">") else (-math.inf, bound)
    relative, kind = quantity.dimension == "multiple", quantities.kind(quantity)
    return Threshold(text.strip(), low, high, not operator.endswith("="), relative, kind)


def conflict(normal: Threshold | None, warning: Threshold | None, critical: Threshold | None) -> str:
    """Return a sentence about the first contradiction between the thresholds of one metric; empty if there is none."""
    named = (("normal", normal), ("warning", warning), ("critical", critical))
    of_a_kind = [(name, one) for name, one in named if one and one.kind]
    for (name, one), (other, another) in combinations(of_a_kind, 2):
        if one.kind != another.kind:
            return f"{name} {one} is {one.kind} and {other} {another} is {another.kind}"
    if warning and critical and warning.direction != critical.direction:
        return f"warning {warning} and critical {critical} point in different directions"
    if warning and critical and _milder(critical, warning):
        return f"critical {critical} is reached before warning {warning}"
    for name, bad in (("critical", critical), ("warning", warning)):
        if normal and bad and _overlap(normal, bad):
            return f"normal {normal} and {name} {bad} overlap: a value could be both"
    return ""


def _range(text: str, places: tuple[int, int, int], unit: str | None, role: Role) -> Threshold:
    """Parse a range, which includes both ends. An end without a unit has the unit of the other: `1 - 5%`."""
    at, end, after = places
    if role != "normal":
        raise ThresholdError(text, at, f"{role} must be one bound, such as > 5%; only normal can be a range")
    low, high = _quantity(text, at, end), _quantity(text, after, len(text))
    if low.dimension == "number":
        low = Quantity(low.number, high.dimension, high.unit, low.text)
    if low.dimension != high.dimension:
        raise ThresholdError(text, after, f"both ends of a range must be of one kind, and {low} and {high} are not")
    bounds = _bound(text, at, low, unit), _bound(text, after, high, unit)
    if bounds[0] > bounds[1]:
        raise ThresholdError(
            text, after, f"a range must go from the lower to the higher end, and {high} is below {low}"
        )
    return Threshold(text.strip(), *bounds, relative=high.dimension == "multiple", kind=quantities.kind(high))


def _quantity(text: str, at: int, end: int) -> Quantity:
    with _pointing(text, at):
        return quantities.parse(text[at:end])


def _bound(text: str, at: int, quantity: Quantity, unit: str | None) -> float:
    with _pointing(text, at):
        return quantities.in_unit(quantity, unit)


@contextmanager
def _pointing(text: str, at: int) -> Iterator[None]:
    """Make errors about a part of the text, which begins at `at`, point into the whole text."""
    try:
        yield
    except QuantityError as error:
        raise ThresholdError(text, at + error.position, error.problem) from None


def _comparable(one: Threshold, other: Threshold) -> bool:
    return one.relative == other.relative


def _milder(critical: Threshold, warning: Threshold) -> bool:
    """True if critical is true for some values for which warning is false."""
    if not _comparable(critical, warning):
        return False
    beyond = critical.low < warning.low or critical.high > warning.high
    same = (critical.low, critical.high) == (warning.low, warning.high)
    return beyond or (same and warning.strict and not critical.strict)


def _overlap(one: Threshold, other: Threshold) -> bool:
    low, high = max(one.low, other.low), min(one.high, other.high)
    if not _comparable(one, other) or low > high:
        return False
    return low < high or (one.covers(low) and other.covers(low))
