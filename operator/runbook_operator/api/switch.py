"""The status of a Switch, with the write-ahead record from which a release restores."""

from typing import Any, Literal

from pydantic import Field

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.conditions import Condition
from runbook_operator.api.name_types import ObjectName, mapped_by
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.override import Override
from runbook_operator.api.printer_columns import Columns
from runbook_operator.core.desired_fields import DesiredField, Mode
from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs

FINALIZER = "runbooks.dev/restore"
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
    """A write that keeps failing."""

    reason: str = Field(description="Reason of the failure, in one CamelCase word.")
    message: str = Field("", description="The API server's message, and what a person can do.")
    since: str = Field(description="Time of the first failure, RFC 3339.")


class Contest(StatusModel):
    """A conflict with another writer of a held field."""

    manager: str = Field("", description="Field manager of the other write, empty if the API server names none.")
    count: int = Field(description="Number of times the held value was reapplied in this engagement.")
    streak: int = Field(description="Number of times it was reapplied since the last quiet period.")
    since: str = Field(description="Time of the first reapply since the last quiet period, RFC 3339.")
    last: str = Field(description="Time of the last reapply, RFC 3339.")
    pending: bool = Field(False, description="true if the last reapply is counted but not yet written.")


class Named(StatusModel):
    """A reference to an object in the Switch's namespace."""

    api_version: str = Field(description="API group and version.")
    kind: str = Field(description="The object's kind.")
    name: str = Field(description="The object's name.")

    @classmethod
    def of(cls, ref: Ref | None) -> "Named | None":
        return cls(api_version=ref.api_version, kind=ref.kind, name=ref.name) if ref else None

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)


class PinnedTarget(StatusModel):
    """The declared target, as of the throw."""

    name: str = Field("", description="The target's name in spec.targets.")
    workload: Named | None = Field(None, description="The target's workload.")
    service: Named | None = Field(None, description="The target's Service.")
    port: str = Field("", description="The Service's port.")
    flags: Named | None = Field(None, description="The object that stores the target's feature flags.")
    flags_key: str = Field("", description="Key of the document with the flags; empty if each flag is a key.")

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
    """One declared action, as of the throw."""

    action: str = Field(description="The action's kind.")
    spec: dict[str, Any] = Field(default_factory=dict, description="The action's spec.")
    target: PinnedTarget = Field(default_factory=PinnedTarget, description="The target of the action.")


class FieldRecord(StatusModel):
    """One field that an engagement writes: its saved value, its held value, and the progress."""

    step: int = Field(0, description="Index in record.plan of the action that the field belongs to.")
    action: str = Field(description="The action's kind.")
    api_version: str = Field(description="The object's API group and version.")
    kind: str = Field(description="The object's kind.")
    name: str = Field(description="The object's name.")
    field: str = Field("", description="Path of the field; empty for the whole object.")
    timeout: str = Field("1m", description="Time that it may fail before the switch is Stalled.")
    mode: Mode = Field("Hold", description="Hold: reapplied, restored. Keep: reapplied, not restored. Once: neither.")
    last: bool = Field(False, description="true if it is written, and restored, after the action's other fields.")
    uid: str | None = Field(None, description="uid of the saved object; a later object of that name has another uid.")
    resource_version: str | None = Field(
        None, description="The object's resourceVersion when it was saved; the first write requires it."
    )
    saved: Any = Field(None, description="Value before the throw, which a release restores; absent if there was none.")
    held: Any = Field(None, description="Value while the switch is engaged; absent if the field is to be absent.")
    result: Result = Field("Waiting", description="State of the field's write or restore.")
    begun: bool = Field(False, description="true once an object that the action created has started its work.")
    applied_at: str | None = Field(None, description="Time of the write, RFC 3339.")
    progress: str = Field("", description="Progress in the cluster after the write, if that takes time.")
    failure: Failure | None = Field(None, description="The failure, while the write or the restore fails.")
    contest: Contest | None = Field(None, description="The conflict with another writer of the field.")
    admitted: Admitted | None = Field(
        None, description="Change that an admission policy, a webhook or a default made to the last write, if any."
    )

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)

    def desired(self, namespace: str) -> DesiredField:
        return DesiredField(self.ref(namespace), self.field, self.held, self.mode, self.last)


class Noted(StatusModel):
    """A warning about an engagement that works."""

    step: int = Field(0, description="Index in record.plan of the action that the remark is about.")
    reason: str = Field(description="Kind of remark, in one CamelCase word.")
    message: str = Field("", description="Text of the remark.")


class Record(StatusModel):
    """The write-ahead record of an engagement: stored before the first write, removed after the last restore."""

    engagement_id: str = Field(description="The engagement's id, in every log line, Event and metric about it.")
    engaged_at: str = Field(description="Time of the throw, RFC 3339.")
    engaged_by: str = Field("", description="The person, or the entry of the Runbook, that engaged the switch.")
    source: Holder = Field("Person", description="Kind of holder that engaged the switch.")
    helped: bool | None = Field(
        None, description="false if the metric that engaged it was still bad after the time to help was over."
    )
    reason: str = Field("", description="Reason of the throw.")
    generation: int = Field(0, description="Generation of the Switch at the throw.")
    momentary: bool = Field(False, description="true if the switch acts once and springs back.")
    automatic: bool = Field(True, description="true if automatic sources may hold the switch engaged.")
    continue_on_failure: bool = Field(False, description="true if later actions run although an earlier one fails.")
    on_delete: OnDelete = Field("Restore", description="Restore or keep the fields if the Switch is deleted.")
    service_account_name: ObjectName | None = Field(
        None,
        description="ServiceAccount that the operator impersonates for all writes and restores; absent for the "
        "operator's own rights.",
    )
    done: bool = Field(False, description="true once a momentary switch has acted and has only to spring back.")
    plan: list[Declared] = Field(default_factory=list, description="The declared actions as of the throw, in order.")
    actions: list[FieldRecord] = Field(
        default_factory=list, description="The fields to write, in order; several may belong to one action."
    )
    remarks: list[Noted] = Field(default_factory=list, description="Warnings about the engagement.")
    dropped: list[FieldRecord] = Field(
        default_factory=list, description="Fields that a change of the Runbook removed, until they are restored."
    )


class PreparedField(StatusModel):
    """One field that the next throw would write, and the value that it would save."""

    action: str = Field(description="The action's kind.")
    api_version: str = Field(description="The object's API group and version.")
    kind: str = Field(description="The object's kind.")
    name: str = Field(description="The object's name.")
    field: str = Field(description="Path of the field.")
    uid: str = Field(description="The object's uid; a later object of that name has another uid.")
    saved: Any = Field(None, description="Live value, which a release would restore; absent if there is none.")
    held: Any = Field(None, description="Value to hold; absent if the field would be absent.")

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)


class Prepared(StatusModel):
    """The restore values of the next throw, saved in advance, so that it can act before it writes its record."""

    engagement_id: str = Field(description="Id of the next engagement.")
    generation: int = Field(
        description="Generation of the idle Switch. If metadata.generation differs, a throw may have used these values."
    )
    service_account_name: ObjectName | None = Field(
        None, description="ServiceAccount to impersonate for the writes; absent for the operator's own rights."
    )
    fields: list[PreparedField] = Field(description="The fields that the throw would write, in order.")


class Swapped(StatusModel):
    """A pod template that an engagement replaced by another."""

    uid: str = Field(description="The workload's uid.")
    before: dict[str, Any] = Field(description="Revision that was live before.")
    after: dict[str, Any] = Field(description="Revision that the engagement rolled back to.")


class Engagement(StatusModel):
    """One past engagement."""

    engagement_id: str = Field(description="The engagement's id.")
    reason: str = Field("", description="Reason of the throw.")
    engaged_at: str = Field(description="Time of the throw, RFC 3339.")
    engaged_by: str = Field("", description="The person, or the entry of the Runbook, that engaged the switch.")
    source: Holder = Field("Person", description="Kind of holder that engaged the switch.")
    generation: int = Field(
        0, description="Generation of the Switch at the throw. If metadata.generation differs, its spec changed since."
    )
    helped: bool | None = Field(
        None,
        description="true if the metric that engaged it recovered. false if it did not, or was bad again within the "
        "cool-down. Absent if unknown.",
    )
    released_at: str = Field(description="Time of the release, RFC 3339.")
    released_by: str = Field("", description="The person that released it by engaged: false; empty if unknown.")
    duration: str = Field("", description="Length of the engagement.")
    outcome: str = Field(
        "", description="Result of the release: the fields that were restored, and those that were not."
    )
    templates: list[Swapped] = Field(default_factory=list, description="Pod templates that it replaced.")


class Hold(StatusModel):
    """The claim of one holder that the switch is to be engaged."""

    source: Holder = Field(description="Kind of holder.")
    name: str = Field(description="The person, the person's tool, or the entry of the Runbook, such as a metric.")
    since: str = Field(description="Start of the hold, RFC 3339.")
    reason: str = Field("", description="Reason of the hold.")


class SwitchStatus(ObjectStatus):
    """State of the switch, and everything that a release must restore."""

    phase: Phase = Field(
        "Released",
        description="Phase between released and engaged; NothingToDo if the switch was thrown and has nothing to hold.",
    )
    does: str = Field("", description="Summary of the switch's actions; while it is engaged, as of the throw.")
    columns: Columns = Field(default_factory=Columns, description="Short texts for kubectl get.")
    title: str = Field("", description="Title of the Runbook.")
    description: str = Field("", description="Description of the switch's entry in the Runbook.")
    contacts: list[str] = Field(
        default_factory=list,
        description="Names of the Runbook's contacts, in the order in which people turn to them.",
    )
    latency_milliseconds: int | None = Field(
        None, description="Time from the watch event of the throw to the accepted write to the target."
    )
    engaged_at: str | None = Field(None, description="Time since which the switch is engaged, RFC 3339.")
    engaged_by: str | None = Field(None, description="The person, or the entry of the Runbook, that engaged it.")
    override: Override | None = Field(None, description="Override in force: spec.engaged, its author, start and end.")
    earlier_reason: str = Field(
        "", description="Text in spec.reason that is left from an earlier throw or silence and does not count now."
    )
    holds: list[Hold] = Field(
        default_factory=list,
        description="Holders that keep the switch engaged, or would without an override.",
        json_schema_extra=mapped_by("source", "name"),
    )
    prepared: Prepared | None = Field(
        None, description="Restore values of the next throw, if they are all known in advance; absent while engaged."
    )
    record: Record | None = Field(None, description="Write-ahead record of the current engagement.")
    history: list[Engagement] = Field(default_factory=list, description="The last 10 engagements, newest first.")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready, Reconciling and Stalled as kstatus reads them; Engaged, Automatic, Contested, Outdated, "
        "Restored, and Acted of a momentary switch.",
        json_schema_extra=mapped_by("type"),
    )

    @property
    def holds_automatically(self) -> bool:
        """True if a metric, a dependency or the deployment guard holds the switch engaged, or would."""
        return any(one.source != "Person" for one in self.holds)
