"""HTTP statuses as people write them: `200`, `200-299`, `200-299,404`."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

PATTERN = r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?(, ?[1-5][0-9]{2}(-[1-5][0-9]{2})?)*$"
LONGEST = 127
LOWEST, HIGHEST = 100, 599
WRITTEN = "statuses are written as 200, 200-299 or 200-299,404, each from 100 to 599 and the smaller one first"


@dataclass(frozen=True)
class Statuses:
    """The HTTP statuses of a healthy target."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)


def statuses(text: str) -> Statuses:
    """Parse the text; raise ValueError with the expected form."""
    if not re.fullmatch(PATTERN, text):
        raise ValueError(WRITTEN)
    found = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        found.append((int(low), int(high or low)))
    if any(low > high for low, high in found):
        raise ValueError(WRITTEN)
    return Statuses(tuple(found))


FINE = statuses("200-299")


def _text(value: Any) -> Any:
    """Convert a YAML number to text, but not a bool, which Python counts as an int."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# A schema cannot compare the ends of a range, so it accepts the text `299-200`; only `statuses` refuses it.
Expected = Annotated[
    str,
    Field(max_length=LONGEST, pattern=PATTERN),
    BeforeValidator(_text),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "minimum": LOWEST,
            "maximum": HIGHEST,
            "maxLength": LONGEST,
            "pattern": PATTERN,
        }
    ),
]
"""`expect: 200` and `expect: 200-299`: a number or a text."""
