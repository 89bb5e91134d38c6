"""What admission left of a write."""

from typing import Any

from pydantic import Field

from runbook_operator.core.model_base import StatusModel


class Admitted(StatusModel):
    """What the API server stored of an accepted write, where that is something else than what was asked."""

    asked: Any = Field(None, description="What was asked; absent where nothing was to be there.")
    live: Any = Field(None, description="What was stored instead; of an object or a template there is a digest.")
    suffices: bool = Field(False, description="All that was asked is there, and admission added to it.")
    message: str = Field("", description="What admission added.")
