"""Changes that admission made to an accepted write."""

from typing import Any

from pydantic import Field

from runbook_operator.core.model_base import StatusModel


class Admitted(StatusModel):
    """The difference between an accepted write and the value that the API server stored."""

    asked: Any = Field(None, description="Value that was written; absent if the field was to be absent.")
    live: Any = Field(None, description="Value that was stored instead; a digest for an object or a template.")
    suffices: bool = Field(False, description="true if admission only added to the written value.")
    message: str = Field("", description="What admission added.")
