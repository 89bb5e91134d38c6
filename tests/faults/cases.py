"""A case of a field: values that must work, and values that must be refused. What several fields have in common."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """`valid` and its boundaries; `invalid` with a part of what the API server must then say."""

    valid: tuple[Any, ...]
    invalid: tuple[tuple[Any, str], ...] = ()


LONG = "x" * 1024
NAME = "a" * 63
TEXT = Case(("", "why", LONG), ((LONG + "x", "Too long"), (7, "must be of type string")))
FLAG = Case((True, False), (("yes", "must be of type boolean"),))
COUNT = (
    (-1, "greater than or equal to 0"),
    (100_001, "or equal to 100000"),
    ("3", "must be of type integer"),
)
FACTOR = ((0, "greater than 0"), (-0.5, "greater than 0"), (1001, "or equal to 1000"), ("2", "must be of type number"))
LABEL = (("", "at least 1 chars"), ("Up", "should match"), (NAME + "a", "Too long"))
PORT = Case(
    ("", "http", "80", 80, 1, 65535),
    (
        ("x" * 64, "Too long"),
        (0, "greater than or equal to 1"),
        (65536, "less than or equal to 65535"),
        (True, "integer,string"),
    ),
)
WAIT = (
    ("soon", "use a time such as 30m"),
    ("5", "at least 2 chars"),
    ("-5m", "use a time such as 30m"),
    (5, "must be of type string"),
)
ENGAGE = Case(
    ("stop",),
    (("ghost", "is not declared"), ("up", "holds nothing"), ("", "at least 1 chars"), (None, "Required value")),
)


def under(path: str, cases: dict[str, Case]) -> dict[str, Case]:
    """The cases of an object's fields, by their paths from the spec on."""
    return {f"{path}.{name}": case for name, case in cases.items()}
