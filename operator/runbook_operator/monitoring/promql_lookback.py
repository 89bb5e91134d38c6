"""How far back a query looks: for so long it still tells of what was before an act.

Nothing is parsed that a source would refuse anyway: what cannot be understood looks back at nothing.
"""

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)
"""What looks back farther looks back for ever, as far as an act is concerned; no sum of times overflows."""
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400, "": 1}
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdwy]|\b)")

# Strings, comments and times that are given outright say nothing of a range. A string that does not end is one to the
# end of the query, so that no text costs more than its length.
SAID_NOTHING = (
    r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
    r"|'(?:[^'\\]|\\.)*(?:'|\\?\Z)"
    r"|`[^`]*`?"
    r"|#[^\n]*"
    r"|@\s*(?:start|end)\s*\(\s*\)"
)
TOKEN = re.compile(
    SAID_NOTHING + r"|@\s*[0-9.]+"
    r"|\[(?P<range>[^\[\]:]*)(?::[^\[\]]*)?\]?"
    r"|\boffset\s+(?P<offset>[0-9][0-9a-z.]*)"
    r"|(?P<open>\()|(?P<close>\))|(?P<word>[\w:.]+)",
    re.DOTALL | re.IGNORECASE,
)


def lookback(query: str, *, offsets: bool = True) -> timedelta:
    """The farthest that any part of the query looks back: a range and its offset, and those inside of a subquery.

    Without offsets it is how far the query looks back from now: what it compares with is in the past anyway.

    `rate(a[5m] offset 1h)` is 65 minutes, `max_over_time(rate(a[5m])[1h:1m])` too, `rate(a[5m]) / rate(b[2m])` five.
    """
    inside = [_Group()]
    for token in TOKEN.finditer(query):
        match token.lastgroup:
            case "offset" if not offsets:
                continue
            case "range" | "offset":
                inside[-1].look(_seconds(token[token.lastgroup]))
            case "open":
                inside.append(_Group())
            case "close" if len(inside) > 1:
                within = inside.pop().farthest
                inside[-1].begin()
                inside[-1].look(within)
            case "word":
                inside[-1].begin()
    farthest = max(one.farthest for one in inside)
    return timedelta(seconds=farthest) if farthest < LONGEST.total_seconds() else LONGEST


class _Group:
    """What stands in one pair of parentheses: how far its last operand looks back, and the farthest of all, seconds."""

    def __init__(self) -> None:
        self.last = 0.0
        self.farthest = 0.0

    def begin(self) -> None:
        self.last = 0.0

    def look(self, seconds: float) -> None:
        self.last += seconds
        self.farthest = max(self.farthest, self.last)


def _seconds(text: str) -> float:
    return sum(float(number) * SECONDS[unit] for number, unit in PART.findall(text))
