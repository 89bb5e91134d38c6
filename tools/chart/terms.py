"""What values are made of."""

from typing import Annotated, Any

from pydantic import Field

from runbook_operator.core.durations import PATTERN

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Name = Annotated[str, Field(pattern=NAME, max_length=63)]
OptionalName = Annotated[str, Field(pattern=rf"^$|{NAME}", max_length=63)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?([munkMGTPE]|[KMGTPE]i)?$")] | int | float
Interval = Annotated[str, Field(pattern=PATTERN, min_length=2)]
Handed = dict[str, Any]
"""An object of Kubernetes' own, which is handed on as it is."""
Labels = dict[str, str]
