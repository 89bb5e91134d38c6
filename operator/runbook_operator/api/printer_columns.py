"""The columns of `kubectl get switches` that no other field of the status has in so few characters."""

from pydantic import Field

from runbook_operator.core.model_base import StatusModel


class Columns(StatusModel):
    """Short texts for `kubectl get switches`; programs read the fields that they are made of."""

    does: str = Field("", description="status.does, cut off where it is long; the value of the first action stays.")
    automatic: str = Field(
        "",
        description="Engaged while something automatic holds it engaged and no person does; - for a momentary switch, "
        "which nothing automatic throws; else the reason of the condition Automatic.",
    )
    until: str = Field("", description="When the override ends, in UTC; with the date where that is another day.")
    why: str = Field("", description="The reason of the override in force, else of the engagement; cut off.")
    by: str = Field("", description="Who set the override in force; else who or what engaged the switch.")
    message: str = Field("", description="What a person should know about it now.")
