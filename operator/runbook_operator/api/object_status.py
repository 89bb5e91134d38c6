"""The fields that the status of every kind has."""

from typing import TYPE_CHECKING

from pydantic import Field

from runbook_operator.core.model_base import StatusModel

if TYPE_CHECKING:
    from runbook_operator.api.conditions import Condition


class ObjectStatus(StatusModel):
    """The status of a registered kind. Each kind declares `conditions` itself, and describes the types that it has."""

    observed_generation: int = Field(0, description="Generation of the spec that this status is about.")
    if TYPE_CHECKING:
        conditions: list[Condition]
