"""Format numbers with their unit, or in the unit of a threshold that they are compared with."""

import math
from dataclasses import replace

from runbook_operator.core import quantities
from runbook_operator.core.quantities import ALIASES, SYMBOLS, TIMES
from runbook_operator.core.thresholds import RANGE, START, Threshold

SIGNS = {code: sign for sign, code in SYMBOLS.items()}
GLUED = frozenset({"%", "x", *TIMES})
WITHOUT_UNIT = frozenset({"", "ratio"})
DIGITS = (3, 6, 9, 17)
PLAIN = (1e-6, 1e15)
"""Numbers in this range are written out, others with an exponent."""


def figure(value: float, unit: str = "", other: float | None = None) -> str:
    """Return the number with its unit, `12.3%`, `700ms`, `$52`, with enough digits to differ from `other`."""
    number = _number(value, other)
    name = ALIASES.get(unit, unit)
    counted, slash, per = name.partition("/")
    if counted in SIGNS:
        return f"{SIGNS[counted]}{number}{slash}{per}"
    if name in WITHOUT_UNIT:
        return number
    return f"{number}{name}" if name in GLUED else f"{number} {name}"


def beside(value: float, threshold: Threshold, unit: str) -> str:
    """Format a metric's value, which is in `unit`, in the unit of the threshold: 0.07 as 7% if that is `> 5%`."""
    written = quantities.parse(RANGE.split(START.sub("", threshold.text, count=1))[-1])
    bound = threshold.low if math.isfinite(threshold.low) else threshold.high
    if threshold.relative:
        return figure(value, unit)
    if written.dimension == "number":
        return figure(value, unit, bound)
    one = quantities.in_unit(replace(written, number=1.0), unit or None)
    return figure(value / one, written.unit, bound / one)


def _number(value: float, other: float | None) -> str:
    texts = (_rounded(value, digits) for digits in DIGITS)
    return next(text for text in texts if other is None or value == other or float(text) != other)


def _rounded(value: float, digits: int) -> str:
    """Round to `digits` digits; whole numbers keep all their digits."""
    low, high = PLAIN
    if not low <= abs(value) < high:
        return f"{value:.{digits}g}"
    text = f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
