"""A port of a Service as people write it, by name or by number: `http`, `8080`."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

HIGHEST = 65535
LONGEST = 63


def _text(value: Any) -> Any:
    """Convert a YAML number to text, but not a bool, which Python counts as an int."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if not 0 < value <= HIGHEST:
        raise ValueError(f"a port must be a number from 1 to {HIGHEST}, or a name")
    return str(value)


Port = Annotated[
    str,
    Field(max_length=LONGEST),
    BeforeValidator(_text),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "minimum": 1, "maximum": HIGHEST, "maxLength": LONGEST}),
]
"""A port of a Service by name or number; empty if the operator chooses it."""
