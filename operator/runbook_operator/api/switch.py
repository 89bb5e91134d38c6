"""The Switch: the lever that people throw, and the record that puts everything back."""

from typing import Any, Literal

from pydantic import Field

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.conditions import Condition
from runbook_operator.api.name_types import ObjectName, mapped_by
from runbook_operator.api.override import Word
from runbook_operator.api.printer_columns import Columns
from runbook_operator.core.desired_fields import Aim, Mode
from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs

FINALIZER = "runbooks.dev/put-back"
OnDelete = Literal["Restore", "Keep"]
Phase = Literal["Released", "Engaging", "Engaged", "NothingToDo", "Releasing", "Stalled"]
Holder = Literal["Person", "Metric", "Dependency", "Deployment"]
Result = Literal[
    "Waiting",
    "Pending",
    "Applied",
    "Skipped",
    "Restored",
    "Unchanged",
    "RestoreSkipped",
    "Gone",
    "Kept",
    "NotRestored",
]
HISTORY = 10


class Failure(StatusModel):
    """Why a write does not succeed."""

    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field("", description="What the API server said, and what a person can do.")
    since: str = Field(description="Since when, RFC 3339.")


class Contest(StatusModel):
    """Somebody else writes what is held."""

    manager: str = Field("", description="The field manager that wrote last, empty where the API server names none.")
    count: int = Field(description="How often it was put back in this engagement.")
    streak: int = Field(description="How often since it was calm.")
    since: str = Field(description="When the streak began, RFC 3339.")
    last: str = Field(description="When it was put back last, RFC 3339.")
    pending: bool = Field(False, description="Counted and about to be put back.")


class Named(StatusModel):
    """An object of the Switch's own namespace."""

    api_version: str = Field(description="API group and version.")
    kind: str = Field(description="Its kind.")
    name: str = Field(description="Its metadata.name.")

    @classmethod
    def of(cls, ref: Ref | None) -> "Named | None":
        return cls(api_version=ref.api_version, kind=ref.kind, name=ref.name) if ref else None

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)


class PinnedTarget(StatusModel):
    """The declared target as it was when the switch was thrown."""

    name: str = Field("", description="Its name in spec.targets.")
    workload: Named | None = Field(None, description="The object that runs it.")
    service: Named | None = Field(None, description="The Service by which it is reached.")
    port: str = Field("", description="The Service's port.")
    flags: Named | None = Field(None, description="Where its feature flags live.")
    flags_key: str = Field("", description="The key of the document with the flags; empty where each is a key.")

    @classmethod
    def of(cls, refs: TargetRefs) -> "PinnedTarget":
        workload, service, flags = map(Named.of, (refs.workload, refs.service, refs.flags))
        return cls(
            name=refs.name,
            workload=workload,
            service=service,
            port=refs.port,
            flags=flags,
            flags_key=refs.flags_key,
        )

    def refs(self, namespace: str) -> TargetRefs:
        workload, service, flags = (
            one.ref(namespace) if one else None for one in (self.workload, self.service, self.flags)
        )
        return TargetRefs(self.name, workload, service, self.port, flags, self.flags_key)


class Declared(StatusModel):
    """One action as it was declared when the switch was thrown."""

    action: str = Field(description="The action's kind.")
    spec: dict[str, Any] = Field(default_factory=dict, description="What was declared.")
    target: PinnedTarget = Field(default_factory=PinnedTarget, description="What it acts on.")


class Entry(StatusModel):
    """One field that an engagement writes: what was there, what is held, how it went."""

    step: int = Field(0, description="The declared action that it belongs to, counted from 0 in record.plan.")
    action: str = Field(description="The action's kind.")
    api_version: str = Field(description="The object's API group and version.")
    kind: str = Field(description="The object's kind.")
    name: str = Field(description="The object's name.")
    field: str = Field("", description="The field that is written; empty for the whole object.")
    timeout: str = Field("1m", description="How long it may fail before a person is asked.")
    mode: Mode = Field("Hold", description="Hold: put back and restored. Keep: put back, not restored. Once: neither.")
    last: bool = Field(False, description="Written after the action's other fields, and restored after them too.")
    uid: str | None = Field(None, description="The object that was saved; another object of the name is not it.")
    resource_version: str | None = Field(
        None, description="The object's resourceVersion when it was saved: the first write is to that one only."
    )
    saved: Any = Field(None, description="What was live before the switch was thrown; absent where nothing was.")
    held: Any = Field(None, description="What is held; absent where nothing is to be there.")
    result: Result = Field("Waiting", description="How far it is.")
    begun: bool = Field(False, description="An object that is made once was seen to begin its work.")
    applied_at: str | None = Field(None, description="When it was written, RFC 3339.")
    progress: str = Field("", description="How far the cluster is with it, where that takes a while.")
    failure: Failure | None = Field(None, description="Why it does not succeed.")
    contest: Contest | None = Field(None, description="Who else writes it.")
    admitted: Admitted | None = Field(
        None, description="What an admission policy, a webhook or a default left of the last write; absent mostly."
    )

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)

    def aim(self, namespace: str) -> Aim:
        return Aim(self.ref(namespace), self.field, self.held, self.mode, self.last)


class Noted(StatusModel):
    """Something that a person should know about the engagement."""

    step: int = Field(0, description="The declared action that it is about.")
    reason: str = Field(description="What it is, in one CamelCase word.")
    message: str = Field("", description="In a sentence.")


class Record(StatusModel):
    """What is written down before the first write to a target, and kept until all is put back."""

    engagement_id: str = Field(description="The engagement's id, in every log line, Event and metric about it.")
    engaged_at: str = Field(description="When it was thrown, RFC 3339.")
    engaged_by: str = Field("", description="Who or what threw it.")
    source: Holder = Field("Person", description="What kind of holder threw it.")
    helped: bool | None = Field(
        None, description="false once the metric that threw it was still bad when it should have helped."
    )
    reason: str = Field("", description="The reason that was given.")
    generation: int = Field(0, description="The generation of the Switch that was thrown.")
    momentary: bool = Field(False, description="Acts once and springs back.")
    automatic: bool = Field(True, description="Whether automatic sources may hold it.")
    continue_on_failure: bool = Field(
        False, description="Whether the actions after one that fails are done all the same."
    )
    on_delete: OnDelete = Field("Restore", description="What happens when the Switch is deleted meanwhile.")
    service_account_name: ObjectName | None = Field(
        None,
        description="The ServiceAccount in whose name everything is written, put back included; absent for the "
        "operator's own rights.",
    )
    done: bool = Field(False, description="A momentary switch has acted; what is left is to spring back.")
    plan: list[Declared] = Field(default_factory=list, description="The actions as they were declared, in order.")
    actions: list[Entry] = Field(
        default_factory=list, description="Every field that is written, in order; several may belong to one action."
    )
    remarks: list[Noted] = Field(default_factory=list, description="What a person should know about it.")
    dropped: list[Entry] = Field(
        default_factory=list, description="Actions that a change of the Runbook took away, until they are put back."
    )


class PreparedField(StatusModel):
    """One field that a throw would write, and what it would save of it."""

    action: str = Field(description="The action's kind.")
    api_version: str = Field(description="The object's API group and version.")
    kind: str = Field(description="The object's kind.")
    name: str = Field(description="The object's name.")
    field: str = Field(description="The field that would be written.")
    uid: str = Field(description="The object that was seen; another object of the name is not it.")
    saved: Any = Field(None, description="What is live, and would be put back; absent where nothing is.")
    held: Any = Field(None, description="What would be held; absent where nothing would be there.")

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)


class Prepared(StatusModel):
    """What the next throw would save, written down before it: that throw acts first and writes its record after."""

    engagement_id: str = Field(description="The id that its engagement would have.")
    generation: int = Field(
        description="The generation of the Switch that is at rest; another one was spoken to since."
    )
    service_account_name: ObjectName | None = Field(
        None, description="The ServiceAccount in whose name it would be written; absent for the operator's own rights."
    )
    fields: list[PreparedField] = Field(description="Every field that would be written, in order.")


class Swapped(StatusModel):
    """A pod template that an engagement has replaced by another."""

    uid: str = Field(description="The uid of the workload.")
    before: dict[str, Any] = Field(description="The revision that was live.")
    after: dict[str, Any] = Field(description="The revision that was brought instead.")


class Engagement(StatusModel):
    """One engagement that is over."""

    engagement_id: str = Field(description="Its id.")
    reason: str = Field("", description="The reason that was given.")
    engaged_at: str = Field(description="When it was thrown.")
    engaged_by: str = Field("", description="Who or what threw it.")
    source: Holder = Field("Person", description="What kind of holder threw it.")
    generation: int = Field(
        0, description="The generation of the Switch that was thrown; another one now says that a person spoke since."
    )
    helped: bool | None = Field(
        None,
        description="Whether the metric that threw it got well by it; false also where it was bad again within the "
        "cool-down. Absent where that cannot be told.",
    )
    released_at: str = Field(description="When it ended.")
    released_by: str = Field("", description="Who released it by engaged: false; empty where nobody is known.")
    duration: str = Field("", description="How long it lasted.")
    outcome: str = Field("", description="What was put back, and what was not.")
    templates: list[Swapped] = Field(default_factory=list, description="The pod templates that it replaced.")


class Hold(StatusModel):
    """Somebody or something that holds the switch engaged."""

    source: Holder = Field(description="What kind of holder it is.")
    name: str = Field(description="The person, or the person's tool, or the entry of the Runbook that saw something.")
    since: str = Field(description="Since when, RFC 3339.")
    reason: str = Field("", description="Why.")


class SwitchStatus(StatusModel):
    """What the switch is doing, and what it must put back."""

    observed_generation: int = Field(0, description="The generation of the spec that this status is about.")
    phase: Phase = Field(
        "Released",
        description="Where it is between released and engaged; NothingToDo where it was thrown and has nothing to "
        "hold.",
    )
    does: str = Field("", description="What it does when thrown; while it is engaged, what it was thrown with.")
    columns: Columns = Field(default_factory=Columns, description="What kubectl get shows of it.")
    title: str = Field("", description="The title of its Runbook.")
    description: str = Field("", description="The description of its entry in the Runbook.")
    contacts: list[str] = Field(
        default_factory=list,
        description="The names of the Runbook's contacts, in the order in which people turn to them.",
    )
    latency_milliseconds: int | None = Field(
        None, description="From the moment the operator saw the throw to the target's accepted write."
    )
    engaged_at: str | None = Field(None, description="Since when it is engaged.")
    engaged_by: str | None = Field(None, description="Who or what engaged it.")
    word: Word | None = Field(None, description="What a person says about it now.")
    earlier_reason: str = Field(
        "", description="The text in spec.reason that belongs to an earlier throw or silence, and to none after it."
    )
    holds: list[Hold] = Field(
        default_factory=list,
        description="Who holds it engaged, or would if it were not held released.",
        json_schema_extra=mapped_by("source", "name"),
    )
    prepared: Prepared | None = Field(
        None, description="What the next throw would save, where all of that is known before it; absent while engaged."
    )
    record: Record | None = Field(None, description="The write-ahead record of the engagement under way.")
    history: list[Engagement] = Field(default_factory=list, description="The last engagements, newest first.")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready, Reconciling and Stalled as kstatus reads them; Engaged, Automatic, Contested, Outdated, "
        "Restored, and Acted of a momentary switch.",
        json_schema_extra=mapped_by("type"),
    )

    @property
    def holds_automatically(self) -> bool:
        """True if a metric, a dependency or the deployment guard holds it engaged, or would."""
        return any(one.source != "Person" for one in self.holds)
