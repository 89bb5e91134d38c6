"""Whom a Runbook knows: the table of emergency contacts."""

from typing import Annotated

from pydantic import Field

from runbook_operator.api.names import EntryName, Title
from runbook_operator.model.base import ApiModel
from runbook_operator.model.durations import Duration


class Contact(ApiModel):
    """Somebody who is to be told."""

    name: EntryName = Field(description="The name by which actions call it.")
    role: Title = Field(description="What it is to the system: Primary On-Call.")
    notify: Annotated[str, Field(max_length=63)] = Field("", description="How it is told: slack, pager.")
    escalate_after: Duration | None = Field(
        None, description="After how long without an answer from those before it is told."
    )
