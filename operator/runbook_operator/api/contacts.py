"""Whom a Runbook knows: the table of emergency contacts."""

from typing import Annotated

from pydantic import Field

from runbook_operator.api.name_types import EntryName, Title
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel


class Contact(ApiModel):
    """Somebody whom people turn to. A notify action names one."""

    name: EntryName = Field(description="The name by which actions call it.")
    role: Title = Field(description="Shown only: what the contact is to the system, such as Primary On-Call.")
    notify: Annotated[str, Field(max_length=63)] = Field(
        "", description="Shown only, the operator sends nothing by it: how people reach the contact, such as pager."
    )
    escalate_after: Duration | None = Field(
        None,
        description="Shown only, the operator escalates nothing: how long people wait for an answer before they "
        "turn to this contact.",
    )
