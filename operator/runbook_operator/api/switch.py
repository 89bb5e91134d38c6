"""The Switch: the lever that people throw, and the record that puts everything back."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from runbook_operator.api.conditions import Condition
from runbook_operator.api.names import EntryName, ObjectName, mapped_by
from runbook_operator.model.base import ApiModel, Rule, StatusModel
from runbook_operator.model.refs import Ref

FINALIZER = "runbooks.dev/put-back"
Phase = Literal["Released", "Engaging", "Engaged", "Releasing", "Stalled"]
Result = Literal["Waiting", "Pending", "Applied", "Restored", "RestoreSkipped", "Gone"]
HISTORY = 10


class SwitchSpec(ApiModel):
    """Which entry of which runbook, and what a person says about it. What it does is not here."""

    runbook: ObjectName = Field(description="The Runbook that declares it.")
    switch: EntryName = Field(description="The entry of spec.killSwitches or spec.scaling.")
    engaged: bool | None = Field(
        None,
        description="true holds it engaged, false holds it released, absent leaves it to what is automatic.",
    )
    reason: Annotated[str, Field(max_length=1024)] = Field("", description="Why, for those who read it later: INC-42.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.runbook == oldSelf.runbook", "runbook cannot be changed; the Runbook makes its own switches"),
        Rule("self.switch == oldSelf.switch", "switch cannot be changed; the Runbook makes its own switches"),
    )


class Entry(StatusModel):
    """One action of an engagement, pinned: what it acts on, what was there, what is held, how it went."""

    action: str = Field(description="The action's kind.")
    api_version: str = Field(description="The target's API group and version.")
    kind: str = Field(description="The target's kind.")
    name: str = Field(description="The target's name.")
    spec: dict[str, Any] = Field(default_factory=dict, description="The action as it was declared when thrown.")
    uid: str | None = Field(None, description="The object that was saved; another object of the name is not it.")
    saved: Any = Field(None, description="What was live before the switch was thrown.")
    held: Any = Field(None, description="What is held.")
    result: Result = Field("Waiting", description="How far it is.")

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)


class Record(StatusModel):
    """What is written down before the first write to a target, and kept until all is put back."""

    id: str = Field(description="The engagement's id, in every log line, Event and status about it.")
    engaged_at: str = Field(description="When it was thrown, RFC 3339.")
    reason: str = Field("", description="The reason that was given.")
    generation: int = Field(0, description="The generation of the Switch that was thrown.")
    momentary: bool = Field(False, description="Acts once and springs back.")
    done: bool = Field(False, description="A momentary switch has acted; what is left is to spring back.")
    actions: list[Entry] = Field(default_factory=list, description="One entry per action, in order.")


class Engagement(StatusModel):
    """One engagement that is over."""

    id: str = Field(description="Its id.")
    reason: str = Field("", description="The reason that was given.")
    engaged_at: str = Field(description="When it was thrown.")
    released_at: str = Field(description="When it ended.")
    outcome: str = Field("", description="What was put back, and what was not.")


class SwitchStatus(StatusModel):
    """What the switch is doing, and what it must put back."""

    observed_generation: int = Field(0, description="The generation of the spec that this status is about.")
    phase: Phase = Field("Released", description="Where it is between released and engaged.")
    does: str = Field("", description="What it does when thrown.")
    latency_milliseconds: int | None = Field(
        None, description="From the moment the operator saw the throw to the target's accepted write."
    )
    engaged_at: str | None = Field(None, description="Since when it is engaged.")
    record: Record | None = Field(None, description="The write-ahead record of the engagement under way.")
    history: list[Engagement] = Field(default_factory=list, description="The last engagements, newest first.")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready and Stalled as kstatus reads them, and Engaged.",
        json_schema_extra=mapped_by("type"),
    )
