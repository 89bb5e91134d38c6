"""The Runbook: what a team declares."""

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field, model_validator

from runbook_operator import sources
from runbook_operator.actions import REGISTRY
from runbook_operator.actions.scaling.replica_amounts import ScaleAmount
from runbook_operator.api import cel_rules as rules
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
from runbook_operator.api.monitoring_spec import Dependency, HealthEndpoint, Metric, Sensed
from runbook_operator.api.name_types import EntryName, ObjectName, Text, Title, mapped_by
from runbook_operator.api.probe_status import ProbeStatus
from runbook_operator.api.switch import OnDelete
from runbook_operator.api.target_specs import Target
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel, Rule, StatusModel
from runbook_operator.core.target_kinds import TargetRefs

MOST_COMMANDS = 4096
"""Scaling commands whose switches are remembered: each decision about a Switch asks for those of its Runbook."""


class KillSwitch(ApiModel):
    """A lever: while it is engaged its actions hold, and when it is released everything is put back."""

    name: EntryName = Field(description="The Switch is called <runbook>-<name>.")
    description: Text = Field("", description="Its purpose, for the person who reads it at night: the Switch shows it.")
    momentary: bool = Field(
        False,
        description="The switch acts once per throw and springs back: it holds nothing and restores nothing. A throw "
        "that cannot act within 10m, or within its expiresAfter, expires and never acts.",
    )
    automatic: bool = Field(
        True, description="Whether metrics, dependencies and deployments may engage it; false leaves it to people."
    )
    continue_on_failure: bool = Field(
        False,
        description="Whether the actions after one that fails are done all the same; the failing one is tried again "
        "either way.",
    )
    on_delete: OnDelete = Field(
        "Restore",
        description="When the Switch or its Runbook is deleted while engaged: Restore puts everything back first, "
        "Keep leaves every field as it is held; objects that the switch has made go with it.",
    )
    reapply_on_change: bool = Field(
        False,
        description="Whether an edit of the actions takes effect while it is engaged; otherwise at the next throw.",
    )
    actions: Annotated[list[SwitchAction], Field(min_length=1, max_length=8)] = Field(
        description="What it does, in this order."
    )


class ScalingCommand(ScaleAmount):
    """A momentary switch that scales once per throw and springs back: nothing is held or put back."""

    name: EntryName = Field(description="The Switch is called <runbook>-<name>.")
    description: Text = Field("", description="Its purpose: the Switch shows it.")


class Suspend(ApiModel):
    """Automatic acts are frozen; a person's switch and every release go on working."""

    reason: Text = Field("", description="Why, for those who read it later.")
    until: AwareDatetime | None = Field(None, description="When it ends by itself, RFC 3339; absent means never.")


class RunbookSpec(ApiModel):
    """The whole runbook of one system, as its team keeps it."""

    title: Title = Field(description="The system's name, as people say it: the Switches show it.")
    description: Text = Field("", description="Shown only: what the system is, in a sentence.")
    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce",
        description="Observe writes nothing to any target and says what the operator would do in mode Enforce.",
    )
    service_account_name: ObjectName | None = Field(
        None,
        description="The ServiceAccount of this namespace in whose name everything is read and written for this "
        "Runbook, so that it can do what the account may do and no more; absent means the operator's own rights. What "
        "is engaged stays with the account that it was thrown with.",
    )
    suspend: Suspend | None = Field(
        None, description="While this is set nothing automatic engages a switch. suspend: {} is enough."
    )
    silence_for: Duration = Field(
        "4h",
        description="After this time engaged: false is taken back by itself, where automatic sources exist and no "
        "expiresAfter was given.",
    )
    automation: Automation = Field(
        default_factory=Automation, description="When automatic sources may engage a switch, and how often."
    )
    git_ops: GitOps = Field(
        default_factory=GitOps, description="How GitOps tools are kept from taking back what a switch holds."
    )
    deployments: Deployments = Field(
        default_factory=Deployments, description="How new revisions of the targets' workloads are judged."
    )
    contacts: Annotated[list[Contact], Field(max_length=16)] = Field(
        default_factory=list,
        description="Emergency contacts, in the order in which people turn to them.",
        json_schema_extra=mapped_by("name"),
    )
    targets: Annotated[list[Target], Field(max_length=32)] = Field(
        default_factory=list, description="What the runbook acts on.", json_schema_extra=mapped_by("name")
    )
    dependencies: Annotated[list[Dependency], Field(max_length=32)] = Field(
        default_factory=list,
        description="What the system needs and does not run itself.",
        json_schema_extra=mapped_by("name"),
    )
    health_endpoints: Annotated[list[HealthEndpoint], Field(max_length=32)] = Field(
        default_factory=list,
        description="Where the targets say how they are.",
        json_schema_extra=mapped_by("name"),
    )
    metrics: Annotated[list[Metric], Field(max_length=64)] = Field(
        default_factory=list,
        description="Numbers, and when each is normal, a warning, or critical.",
        json_schema_extra=mapped_by("name"),
    )
    kill_switches: Annotated[list[KillSwitch], Field(max_length=32)] = Field(
        default_factory=list, description="One Switch is made for each.", json_schema_extra=mapped_by("name")
    )
    scaling: Annotated[list[ScalingCommand], Field(max_length=32)] = Field(
        default_factory=list,
        description="Scaling commands, one Switch for each.",
        json_schema_extra=mapped_by("name"),
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.killSwitches) || !has(self.scaling) || "
            "self.killSwitches.all(k, !self.scaling.exists(s, s.name == k.name))",
            "spec.killSwitches and spec.scaling share one space of names; rename one of the two of the same name",
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
    )

    @model_validator(mode="after")
    def _names_are_declared(self) -> "RunbookSpec":
        entries = self.switches()
        if len(entries) != len(self.kill_switches) + len(self.scaling):
            raise ValueError("killSwitches, scaling: two switches are called the same")
        targets, contacts = {one.name for one in self.targets}, {one.name for one in self.contacts}
        for name, entry in entries.items():
            for act in entry.actions:
                if act.target not in targets | {None}:
                    raise ValueError(f"switch {name} names target {act.target}, {rules.NOT_DECLARED}")
                if act.contact not in contacts | {None}:
                    raise ValueError(f"switch {name} names contact {act.contact}, {rules.NOT_DECLARED}")
        return self

    @model_validator(mode="after")
    def _what_is_watched_names_what_is_declared(self) -> "RunbookSpec":
        targets, known = {one.name for one in self.targets}, {one.name for one in self.kill_switches}
        holding = {one.name for one in self.kill_switches if not one.momentary}
        first = self.deployments.first_action
        for field, names, declared in (
            ("healthEndpoints", {one.target for one in self.health_endpoints}, targets),
            ("dependencies", {one.fallback.engage for one in self.dependencies if one.fallback}, holding),
            ("metrics", {one.target for one in self.metrics if one.target}, targets),
            ("metrics", {one.engages for one in self.metrics if one.engages}, holding),
            ("dependencies", {name for one in self.dependencies for name in one.suppress}, known),
            ("dependencies", {name for one in self.dependencies for name in one.targets}, targets),
            ("deployments", {first.engage} if first else set(), holding),
            ("deployments.metrics", set(self.deployments.metrics or ()), {one.name for one in self.metrics}),
            (
                "deployments.healthEndpoints",
                set(self.deployments.health_endpoints or ()),
                {one.name for one in self.health_endpoints},
            ),
        ):
            if names - declared:
                why = rules.NOT_HELD if declared is holding else rules.NOT_DECLARED
                raise ValueError(f"{field} names {', '.join(sorted(names - declared))}, {why}")
        return self

    @model_validator(mode="after")
    def _the_guard_does_not_bring_back_what_is_bad(self) -> "RunbookSpec":
        first = self.deployments.first_action
        actions = (act.spec for one in self.kill_switches if first and one.name == first.engage for act in one.actions)
        if any(getattr(spec, "roll_forward_on_release", False) for spec in actions):
            raise ValueError(rules.ROLLS_FORWARD)
        return self

    def switches(self) -> dict[str, KillSwitch]:
        """Every switch by name: kill switches as they are, scaling commands as momentary ones."""
        return {entry.name: entry for entry in (*self.kill_switches, *map(_as_switch, self.scaling))}

    def target(self, name: str | None, namespace: str) -> TargetRefs:
        """The objects of the declared target `name`; of none for None."""
        return next((t.refs(namespace) for t in self.targets if t.name == name), TargetRefs())


class TargetStatus(StatusModel):
    """Whether a declared target is there."""

    name: str = Field(description="The target's name in spec.targets.")
    found: bool = Field(description="Whether it is there, as far as the operator may read it.")
    reason: str = Field("", description="Why not, in one CamelCase word.")
    message: str = Field("", description="Why not.")
    degraded_by: list[str] = Field(default_factory=list, description="The dependencies of it that are down.")
    uid: str = Field("", description="The workload that the revisions are of; one that is made anew has others.")
    available: AvailableRevision | None = Field(None, description="The revision that may become known good.")
    good: list[GoodRevision] = Field(
        default_factory=list,
        description="The last five revisions of the workload that were seen working, newest first.",
    )
    watch: WatchedRevision | None = Field(None, description="The new revision that is watched.")
    verdicts: list[JudgedRevision] = Field(
        default_factory=list,
        description="The last five revisions that were rolled out and what became of them, the live one first.",
    )


class RunbookStatus(StatusModel):
    """What the operator makes of the runbook."""

    observed_generation: int = Field(0, description="The generation of the spec that this status is about.")
    switches: int = Field(0, description="How many switches the runbook declares.")
    engaged: int = Field(0, description="How many of them are engaged.")
    engaged_switches: list[str] = Field(
        default_factory=list,
        description="The names of those in spec, in alphabetical order: admission warns whoever removes one of them.",
    )
    targets: list[TargetStatus] = Field(
        default_factory=list, description="The declared targets.", json_schema_extra=mapped_by("name")
    )
    health_endpoints: list[Sensed] = Field(
        default_factory=list, description="How each health endpoint is.", json_schema_extra=mapped_by("name")
    )
    probes: list[ProbeStatus] = Field(
        default_factory=list,
        description="The containers' own probes that health endpoints are declared to be, and what was set of them.",
    )
    dependencies: list[Sensed] = Field(
        default_factory=list, description="How each dependency is.", json_schema_extra=mapped_by("name")
    )
    metrics: list[Sensed] = Field(
        default_factory=list, description="How each metric is.", json_schema_extra=mapped_by("name")
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
