"""What a person says to a Switch, and the record of it."""

from typing import Annotated, ClassVar

from pydantic import Field

from runbook_operator.api.name_types import EntryName, ObjectName
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel, Rule, StatusModel


class SwitchSpec(ApiModel):
    """Which entry of which runbook, and what a person says about it. What it does is not here."""

    runbook: ObjectName = Field(description="The Runbook that declares it.")
    switch: EntryName = Field(description="The entry of spec.killSwitches or spec.scaling.")
    engaged: bool | None = Field(
        None,
        description="true engages the switch. Absent (null in a patch) releases it, unless a metric, a dependency or a "
        "deployment watch holds it engaged. false releases it too, and silences them: nothing engages the switch by "
        "itself until you remove the false, until expiresAfter is over, or until the Runbook's silenceFor is over. On "
        "a momentary switch false has no effect.",
    )
    reason: Annotated[str, Field(max_length=1024)] = Field(
        "",
        description="Why, for those who read it later: INC-42. It counts for the throw or the silence that it is set "
        "with: the same text that an earlier one left here is not reported for the next, so remove it with the "
        'release: "engaged":null,"reason":null. Another reason begins expiresAfter anew.',
    )
    expires_after: Duration | None = Field(
        None,
        description="The operator removes engaged, true or false, after this time: 30m, 4h, 1d. The time counts from "
        "the last change of engaged, reason, expiresAfter or renewedAt; status.word.expiresAt has its end. The same "
        "patch again changes nothing, and renews nothing. A momentary switch acts within this time of the throw, by "
        "default 10m, or not at all.",
    )
    renewed_at: Annotated[str, Field(max_length=64, pattern=r"^[-+:.0-9A-Za-z]*$")] = Field(
        "",
        description="Any other value than before, such as the time of now, begins expiresAfter anew.",
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.runbook == oldSelf.runbook", "runbook cannot be changed; the Runbook makes its own switches"),
        Rule("self.switch == oldSelf.switch", "switch cannot be changed; the Runbook makes its own switches"),
    )


class Word(StatusModel):
    """What a person said by spec.engaged, and when it ends."""

    engaged: bool = Field(description="What was said.")
    by: str = Field("", description="The user that said it, or the field manager where no policy stamps users.")
    since: str = Field(description="When it was said, RFC 3339.")
    reason: str = Field("", description="The reason that was set with it; that of an earlier throw is none of this.")
    rehearsed: bool = Field(
        False,
        description="true for a throw that was seen in mode: Observe. It changed nothing, and engages nothing later: "
        "a new throw does.",
    )
    generation: int = Field(0, description="The generation of the spec that says it; another one is another word.")
    expires_after: str | None = Field(None, description="The time that was given.")
    expires_at: str | None = Field(None, description="When it is taken back, absent where it stays.")
