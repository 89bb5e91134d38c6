"""The spec of a Switch, by which a person overrides it, and the override in its status."""

from typing import Annotated, ClassVar

from pydantic import Field

from runbook_operator.api.name_types import EntryName, ObjectName
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel, Rule, StatusModel


class SwitchSpec(ApiModel):
    """The entry of a Runbook that this switch is for, and a person's override. The Runbook declares its actions."""

    runbook: ObjectName = Field(description="Name of the Runbook that declares the switch.")
    switch: EntryName = Field(description="Name of its entry in spec.killSwitches or spec.scaling of the Runbook.")
    engaged: bool | None = Field(
        None,
        description="true engages the switch. Absent (null in a patch) releases it, unless a metric, a dependency or "
        "the deployment guard holds it engaged. false releases it and silences these automatic sources: they do not "
        "engage the switch until you remove the false, or until expiresAfter or the Runbook's silenceFor is over. On a "
        "momentary switch false has no effect.",
    )
    reason: Annotated[str, Field(max_length=1024)] = Field(
        "",
        description="Reason of the throw or the silence, for later readers: INC-42. It counts only for the throw or "
        "silence that it is set with; a text left from an earlier one is not reported for the next. So remove it with "
        'the release: "engaged":null,"reason":null. Changing the reason restarts expiresAfter.',
    )
    expires_after: Duration | None = Field(
        None,
        description="The operator removes engaged (true or false) after this time: 30m, 4h, 1d. The time starts at the "
        "last change of engaged, reason, expiresAfter or renewedAt; status.override.expiresAt shows its end. "
        "Repeating the "
        "same patch does not renew it. A momentary switch must act within this time after the throw (default 10m), or "
        "the throw expires.",
    )
    renewed_at: Annotated[str, Field(max_length=64, pattern=r"^[-+:.0-9A-Za-z]*$")] = Field(
        "",
        description="Changing this to any other value, such as the current time, restarts expiresAfter.",
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.runbook == oldSelf.runbook", "runbook cannot be changed; the Runbook creates its own switches"),
        Rule("self.switch == oldSelf.switch", "switch cannot be changed; the Runbook creates its own switches"),
    )


class Override(StatusModel):
    """The override that a person set by spec.engaged, and its end."""

    engaged: bool = Field(description="Value of spec.engaged.")
    by: str = Field("", description="The user that set it, or the field manager if no policy records users.")
    since: str = Field(description="Time when it was set, RFC 3339.")
    reason: str = Field("", description="Reason that was set with it; one left from an earlier throw does not count.")
    rehearsed: bool = Field(
        False,
        description="true for a throw in mode: Observe. It changed nothing and does not engage the switch after a "
        "change to mode: Enforce; that takes a new throw.",
    )
    generation: int = Field(0, description="Generation of the spec that has it; with another one it is a new override.")
    expires_after: str | None = Field(None, description="Time after which it ends.")
    expires_at: str | None = Field(None, description="Time at which the operator removes it; absent if it stays.")
