"""The emergency contacts of a Runbook."""

from typing import Annotated

from pydantic import Field

from runbook_operator.api.name_types import EntryName, Title
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel


class Contact(ApiModel):
    """An emergency contact. A notify action refers to it by name."""

    name: EntryName = Field(description="Name of the contact, by which notify actions refer to it.")
    role: Title = Field(description="Shown only: the contact's role, such as Primary On-Call.")
    notify: Annotated[str, Field(max_length=63)] = Field(
        "", description="Shown only: how people reach the contact, such as pager. The operator sends nothing."
    )
    escalate_after: Duration | None = Field(
        None,
        description="Shown only: how long people wait for an answer before they turn to this contact. The operator "
        "escalates nothing.",
    )
