"""Short texts for the columns of `kubectl get switches`."""

from pydantic import Field

from runbook_operator.core.model_base import StatusModel


class Columns(StatusModel):
    """Short texts for `kubectl get switches`; programs should read the fields that these are derived from."""

    does: str = Field("", description="status.does, truncated; the value of the first action stays.")
    automatic: str = Field(
        "",
        description="Engaged while an automatic source holds the switch engaged and no person does. '-' for a "
        "momentary switch, which no automatic source engages. Else the reason of the condition Automatic.",
    )
    until: str = Field("", description="End of the override, in UTC; with the date if it is on another day.")
    why: str = Field("", description="Reason of the override in force, else of the engagement; truncated.")
    by: str = Field("", description="Author of the override in force, else the holder that engaged the switch.")
    message: str = Field("", description="The most important message about the switch now.")
