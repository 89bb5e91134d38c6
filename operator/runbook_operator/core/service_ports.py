"""A port of a Service as people write it, by name or by number: `http`, `8080`."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

HIGHEST = 65535
LONGEST = 63


def _text(value: Any) -> Any:
    """A number in YAML is the text of it here; True is a number to Python, and none to anybody else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if not 0 < value <= HIGHEST:
        raise ValueError(f"a port is a number from 1 to {HIGHEST}, or a name")
    return str(value)


Port = Annotated[
    str,
    Field(max_length=LONGEST),
    BeforeValidator(_text),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "minimum": 1, "maximum": HIGHEST, "maxLength": LONGEST}),
]
"""Empty where it is for the operator to choose."""
