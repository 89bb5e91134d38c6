"""The emergency contacts of a Runbook."""

from typing import Annotated

from pydantic import Field

from runbook_operator.api.name_types import EntryName, Title
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.severities import Severity


class Contact(ApiModel):
    """An emergency contact: whom an incident notifies, through which channel, and when."""

    name: EntryName = Field(description="Name of the contact, by which notify actions refer to it.")
    role: Title = Field(description="The contact's role, such as Primary On-Call. Messages show it.")
    notify: Annotated[str, Field(max_length=63)] = Field(
        "",
        description="Name of the channel that delivers messages to the contact, as the administrator has configured "
        "it. Without it the contact is shown only.",
    )
    to: Annotated[str, Field(max_length=254, pattern=r"^[^\x00-\x1f]*$")] = Field(
        "", description="Address within the channel, where one channel serves several: a mail address."
    )
    escalate_after: Duration | None = Field(
        None,
        description="Time from the opening of an incident after which the contact is notified if nobody has "
        "acknowledged it: 15m. Default: with the contact before. The first contact that takes the severity is always "
        "notified at once.",
    )
    severities: Annotated[list[Severity], Field(max_length=4)] = Field(
        default_factory=list,
        description="Severities of the incidents that notify the contact. Default: all.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
