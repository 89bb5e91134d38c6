"""Compute the lookback of a PromQL query: for this long after a write, its value includes data from before.

Text that cannot be understood counts as no lookback: a source would refuse it anyway.
"""

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)
"""The upper bound of a lookback, so that no sum of times overflows; more than this makes no difference."""
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400, "": 1}
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdwy]|\b)")

# Strings, comments and @ modifiers hold no range. An unterminated string extends to the end of the query, so that
# matching is linear in its length.
NO_WINDOW = (
    r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
    r"|'(?:[^'\\]|\\.)*(?:'|\\?\Z)"
    r"|`[^`]*`?"
    r"|#[^\n]*"
    r"|@\s*(?:start|end)\s*\(\s*\)"
)
TOKEN = re.compile(
    NO_WINDOW + r"|@\s*[0-9.]+"
    r"|\[(?P<range>[^\[\]:]*)(?::[^\[\]]*)?\]?"
    r"|\boffset\s+(?P<offset>[0-9][0-9a-z.]*)"
    r"|(?P<open>\()|(?P<close>\))|(?P<word>[\w:.]+)",
    re.DOTALL | re.IGNORECASE,
)


def lookback(query: str, *, offsets: bool = True) -> timedelta:
    """Return the longest lookback of all selectors of the query: range plus offset, plus those of outer subqueries.

    `offsets=False` ignores offsets: an operand with one compares with the past on purpose.

    `rate(a[5m] offset 1h)` is 65 minutes, `max_over_time(rate(a[5m])[1h:1m])` too, `rate(a[5m]) / rate(b[2m])` five.
    """
    inside = [_Group()]
    for token in TOKEN.finditer(query):
        match token.lastgroup:
            case "offset" if not offsets:
                continue
            case "range" | "offset":
                inside[-1].require(_seconds(token[token.lastgroup]))
            case "open":
                inside.append(_Group())
            case "close" if len(inside) > 1:
                within = inside.pop().farthest
                inside[-1].begin()
                inside[-1].require(within)
            case "word":
                inside[-1].begin()
    farthest = max(one.farthest for one in inside)
    return timedelta(seconds=farthest) if farthest < LONGEST.total_seconds() else LONGEST


class _Group:
    """One pair of parentheses: the lookback of its last operand and the longest of all, in seconds."""

    def __init__(self) -> None:
        self.last = 0.0
        self.farthest = 0.0

    def begin(self) -> None:
        self.last = 0.0

    def require(self, seconds: float) -> None:
        self.last += seconds
        self.farthest = max(self.farthest, self.last)


def _seconds(text: str) -> float:
    return sum(float(number) * SECONDS[unit] for number, unit in PART.findall(text))
