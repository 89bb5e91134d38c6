"""The Runbook: its spec, which a team declares, and its status."""

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field, model_validator

from runbook_operator import sources
from runbook_operator.actions import REGISTRY
from runbook_operator.actions.scaling.replica_amounts import ScaleAmount
from runbook_operator.api import cel_rules as rules
from runbook_operator.api import declared_names
from runbook_operator.api.action_union import OneAction, SwitchAction
from runbook_operator.api.automation_spec import Automation
from runbook_operator.api.conditions import Condition
from runbook_operator.api.contacts import Contact
from runbook_operator.api.deployment_guard_spec import (
    AvailableRevision,
    Deployments,
    GoodRevision,
    JudgedRevision,
    WatchedRevision,
)
from runbook_operator.api.gitops_spec import GitOps
from runbook_operator.api.monitoring_spec import Dependency, EntryStatus, HealthEndpoint, Metric
from runbook_operator.api.name_types import EntryName, ObjectName, Text, Title, mapped_by
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.probe_status import ProbeStatus
from runbook_operator.api.response_spec import (
    Alert,
    IncidentLimits,
    Issue,
    ResponseStep,
    RunbookLink,
    SeverityLevel,
)
from runbook_operator.api.switch import OnDelete
from runbook_operator.api.target_specs import Target
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel, Rule, StatusModel
from runbook_operator.core.target_kinds import TargetRefs

MOST_COMMANDS = 4096
"""Size of the cache of scaling commands as switches: each decision about a Switch uses those of its Runbook."""


class KillSwitch(ApiModel):
    """A kill switch: while it is engaged it holds the fields of its actions; a release restores them."""

    name: EntryName = Field(description="Name of the kill switch; its Switch object is named <runbook>-<name>.")
    description: Text = Field("", description="Purpose of the kill switch, for people on call: the Switch shows it.")
    momentary: bool = Field(
        False,
        description="Act once per throw and spring back: the switch holds nothing and restores nothing. A throw that "
        "cannot act within 10m, or within its expiresAfter, expires and never acts.",
    )
    automatic: bool = Field(
        True,
        description="Allow metrics, dependencies and the deployment guard to engage the switch; false leaves it to "
        "people.",
    )
    continue_on_failure: bool = Field(
        False,
        description="Run later actions although an earlier one fails. The failing action is retried either way.",
    )
    on_delete: OnDelete = Field(
        "Restore",
        description="Treatment of held fields when the Switch or its Runbook is deleted while engaged. Restore: all "
        "are restored first. Keep: all keep their held values; objects that the switch created are deleted with it.",
    )
    reapply_on_change: bool = Field(
        False,
        description="Apply an edit of the actions while the switch is engaged; otherwise it applies at the next throw.",
    )
    actions: Annotated[list[SwitchAction], Field(min_length=1, max_length=8)] = Field(
        description="Actions of the switch, in this order."
    )


class ScalingCommand(ScaleAmount):
    """A momentary switch that scales once per throw and springs back: it holds and restores nothing."""

    name: EntryName = Field(description="Name of the scaling command; its Switch object is named <runbook>-<name>.")
    description: Text = Field("", description="Purpose of the scaling command: the Switch shows it.")


class Suspend(ApiModel):
    """Suspends automatic engagements; overrides by people and releases still work."""

    reason: Text = Field("", description="Reason of the suspension, for later readers.")
    until: AwareDatetime | None = Field(None, description="Time when it ends, RFC 3339; absent means never.")


class RunbookSpec(ApiModel):
    """The runbook of one system, as its team declares it."""

    title: Title = Field(description="The system's name for people: the Switches show it.")
    description: Text = Field("", description="Shown only: what the system is, in a sentence.")
    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce",
        description="Observe writes nothing to any target and reports what the operator would do in mode Enforce.",
    )
    service_account_name: ObjectName | None = Field(
        None,
        description="ServiceAccount of this namespace that the operator impersonates for all reads and writes of this "
        "Runbook, so that the Runbook can do only what the account may do. Absent: the operator's own rights. An "
        "engaged switch keeps the account that it was thrown with.",
    )
    suspend: Suspend | None = Field(
        None, description="While this is set, automatic sources engage no switch. suspend: {} is enough."
    )
    silence_for: Duration = Field(
        "4h",
        description="Time after which the operator removes engaged: false, for a switch that has automatic sources and "
        "no expiresAfter.",
    )
    automation: Automation = Field(default_factory=Automation, description="Limits on automatic engagements.")
    git_ops: GitOps = Field(
        default_factory=GitOps,
        description="Treatment of Flux and Argo CD, which could undo what a switch holds.",
    )
    deployments: Deployments = Field(
        default_factory=Deployments,
        description="The deployment guard: how it judges new revisions of the targets' workloads.",
    )
    severities: Annotated[list[SeverityLevel], Field(max_length=4)] = Field(
        default_factory=list,
        description="Meaning of the severities for this system, and how soon somebody must answer.",
        json_schema_extra=mapped_by("level"),
    )
    initial_response: Annotated[list[ResponseStep], Field(max_length=20)] = Field(
        default_factory=list,
        description="Checklist of every incident. Default: assess, communicate, mitigate, investigate, resolve, "
        "document.",
        json_schema_extra=mapped_by("name"),
    )
    contacts: Annotated[list[Contact], Field(max_length=10)] = Field(
        default_factory=list,
        description="Emergency contacts: an incident notifies them in this order until somebody acknowledges it.",
        json_schema_extra=mapped_by("name"),
    )
    links: Annotated[list[RunbookLink], Field(max_length=10)] = Field(
        default_factory=list,
        description="Links that messages and incidents show: dashboards, logs, the status page.",
        json_schema_extra=mapped_by("name"),
    )
    issues: Annotated[list[Issue], Field(max_length=32)] = Field(
        default_factory=list,
        description="Common issues: their symptoms, causes and resolution.",
        json_schema_extra=mapped_by("name"),
    )
    alerts: Annotated[list[Alert], Field(max_length=32)] = Field(
        default_factory=list,
        description="Alerts that a Prometheus fires. One with a severity opens incidents.",
        json_schema_extra=mapped_by("name"),
    )
    incidents: IncidentLimits = Field(
        default_factory=IncidentLimits, description="How incidents recover, reopen, escalate and are kept."
    )
    targets: Annotated[list[Target], Field(max_length=32)] = Field(
        default_factory=list, description="Targets of actions and checks.", json_schema_extra=mapped_by("name")
    )
    dependencies: Annotated[list[Dependency], Field(max_length=32)] = Field(
        default_factory=list,
        description="External systems that this system depends on, with their health checks.",
        json_schema_extra=mapped_by("name"),
    )
    health_endpoints: Annotated[list[HealthEndpoint], Field(max_length=32)] = Field(
        default_factory=list,
        description="Health endpoints of the targets.",
        json_schema_extra=mapped_by("name"),
    )
    metrics: Annotated[list[Metric], Field(max_length=64)] = Field(
        default_factory=list,
        description="Numbers, with the thresholds of their levels and the responses to them.",
        json_schema_extra=mapped_by("name"),
    )
    kill_switches: Annotated[list[KillSwitch], Field(max_length=32)] = Field(
        default_factory=list,
        description="Kill switches; the operator creates one Switch for each.",
        json_schema_extra=mapped_by("name"),
    )
    scaling: Annotated[list[ScalingCommand], Field(max_length=32)] = Field(
        default_factory=list,
        description="Scaling commands; the operator creates one momentary Switch for each.",
        json_schema_extra=mapped_by("name"),
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.killSwitches) || !has(self.scaling) || "
            "self.killSwitches.all(k, !self.scaling.exists(s, s.name == k.name))",
            (
                "a kill switch and a scaling command cannot have the same name, since each has a Switch of "
                "that name; rename one of the two"
            ),
        ),
        *(
            rules.declared("killSwitches", f"s.actions.all(a, !has(a.{k}) || {{declared}})", f"a.{k}", named)
            for named in ("target", "contact")
            for k in sorted(REGISTRY)
            if named in REGISTRY[k].Spec.model_fields
        ),
        rules.declared("scaling", "{declared}", "s"),
        rules.declared("healthEndpoints", "{declared}", "s"),
        *(
            rules.declared("metrics", f"!has(s.{kind}) || {{declared}}", f"s.{kind}")
            for kind in sorted(sources.REGISTRY)
            if "target" in sources.REGISTRY[kind].Spec.model_fields
        ),
        rules.engaged("dependencies", "has(s.fallback)", "s.fallback.engage"),
        rules.engaged("metrics", "has(s.response) && has(s.response.firstAction)", "s.response.firstAction.engage"),
        rules.listed("dependencies", "suppress", "killSwitches"),
        rules.listed("dependencies", "targets", "targets"),
        *rules.guarding(),
        *rules.responding(),
    )

    @model_validator(mode="after")
    def _names_are_declared(self) -> "RunbookSpec":
        declared_names.check(self)
        return self

    def switches(self) -> dict[str, KillSwitch]:
        """Return all switches by name: kill switches, and scaling commands as momentary switches."""
        return {entry.name: entry for entry in (*self.kill_switches, *map(_as_switch, self.scaling))}

    def target(self, name: str | None, namespace: str) -> TargetRefs:
        """Return references to the objects of the target `name`; empty if `name` is None or not declared."""
        return next((t.refs(namespace) for t in self.targets if t.name == name), TargetRefs())


class TargetStatus(StatusModel):
    """Status of a declared target and of its workload's revisions."""

    name: str = Field(description="The target's name in spec.targets.")
    found: bool = Field(description="true if the target's objects exist, as far as the operator may read them.")
    reason: str = Field("", description="Reason if found is false, in one CamelCase word.")
    message: str = Field("", description="Explanation if found is false.")
    degraded_by: list[str] = Field(default_factory=list, description="Names of its dependencies that are down.")
    uid: str = Field("", description="uid of the workload with these revisions; a recreated one has other revisions.")
    available: AvailableRevision | None = Field(None, description="Live revision that is not yet known good.")
    good: list[GoodRevision] = Field(
        default_factory=list,
        description="The last five known good revisions of the workload, newest first.",
    )
    watch: WatchedRevision | None = Field(None, description="The new revision that the deployment guard watches.")
    verdicts: list[JudgedRevision] = Field(
        default_factory=list,
        description="The last five revisions that were rolled out, with the guard's verdicts, the live one first.",
    )


class RunbookStatus(ObjectStatus):
    """Status of the Runbook, as the operator observes it."""

    switches: int = Field(0, description="Number of switches that the Runbook declares.")
    engaged: int = Field(0, description="Number of its switches that are engaged.")
    engaged_switches: list[str] = Field(
        default_factory=list,
        description="Names in spec of the engaged switches, sorted. Admission warns if an edit removes one of them.",
    )
    incident: str = Field("", description="Name of the incident that is not resolved, the most severe one of several.")
    targets: list[TargetStatus] = Field(
        default_factory=list, description="Status of each target.", json_schema_extra=mapped_by("name")
    )
    health_endpoints: list[EntryStatus] = Field(
        default_factory=list, description="Status of each health endpoint.", json_schema_extra=mapped_by("name")
    )
    probes: list[ProbeStatus] = Field(
        default_factory=list,
        description="Containers' probes that health endpoints declare, and the fields that the operator has set.",
    )
    dependencies: list[EntryStatus] = Field(
        default_factory=list, description="Status of each dependency.", json_schema_extra=mapped_by("name")
    )
    metrics: list[EntryStatus] = Field(
        default_factory=list, description="Status of each metric.", json_schema_extra=mapped_by("name")
    )
    alerts: list[EntryStatus] = Field(
        default_factory=list, description="Status of each alert.", json_schema_extra=mapped_by("name")
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready, as kstatus reads it; Healthy; RevisionBad until another version is deployed.",
        json_schema_extra=mapped_by("type"),
    )


@lru_cache(MOST_COMMANDS)
def _as_switch(command: ScalingCommand) -> KillSwitch:
    amount: dict[str, Any] = command.model_dump(exclude={"name", "description"}, exclude_none=True)
    action: OneAction = SwitchAction.model_validate({"scale": amount})
    return KillSwitch(name=command.name, description=command.description, momentary=True, actions=[action])
