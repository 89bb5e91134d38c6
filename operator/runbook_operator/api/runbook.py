"""The Runbook: what a team declares."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from runbook_operator.actions import REGISTRY
from runbook_operator.actions.scale import ScaleAmount
from runbook_operator.api.conditions import Condition
from runbook_operator.api.names import EntryName, ObjectName, Text, Title, mapped_by
from runbook_operator.api.union import OneAction, SwitchAction
from runbook_operator.model.base import ApiModel, Rule, StatusModel
from runbook_operator.model.refs import Ref


def _declared(entries: str, check: str, holder: str) -> Rule:
    """CEL: every target that spec.<entries> names is one of spec.targets.

    The sentence cannot name the entry: the API server costs a messageExpression over a filtered list as unbounded.
    """
    declared = f"(has(self.targets) && self.targets.exists(t, t.name == {holder}.target))"
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, {check.format(declared=declared)})",
        f"spec.{entries}: an entry names a target that spec.targets does not declare; declare it or correct the name",
    )


class Workload(ApiModel):
    """The object that runs the target; it lives in the Runbook's own namespace."""

    api_version: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        "apps/v1", description="API group and version, as in the object itself."
    )
    kind: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        "Deployment", description="Deployment, StatefulSet, or any kind with a scale subresource."
    )
    name: ObjectName = Field(description="Its metadata.name.")

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.name)


class Target(ApiModel):
    """A part of the system, by the name that the rest of the runbook calls it."""

    name: EntryName = Field(description="The name by which switches and commands call it.")
    workload: Workload = Field(description="The object that runs it.")


class KillSwitch(ApiModel):
    """A lever: while it is engaged its actions hold, and when it is released everything is put back."""

    name: EntryName = Field(description="The Switch is called <runbook>-<name>.")
    description: Text = Field("", description="What it is for, for the person who reads it at night.")
    momentary: bool = Field(
        False, description="Act once per throw and spring back: nothing is held and nothing is put back."
    )
    actions: Annotated[list[SwitchAction], Field(min_length=1, max_length=8)] = Field(
        description="What it does, in this order."
    )


class ScalingCommand(ScaleAmount):
    """A momentary switch that scales once per throw and springs back: nothing is held or put back."""

    name: EntryName = Field(description="The Switch is called <runbook>-<name>.")
    description: Text = Field("", description="What it is for.")


class RunbookSpec(ApiModel):
    """The whole runbook of one system, as its team keeps it."""

    title: Title = Field(description="The system's name, as people say it.")
    description: Text = Field("", description="What the system is, in a sentence.")
    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce",
        description="Observe writes nothing to any target and says exactly what Enforce would have done.",
    )
    targets: Annotated[list[Target], Field(max_length=32)] = Field(
        default_factory=list, description="What the runbook acts on.", json_schema_extra=mapped_by("name")
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
            _declared("killSwitches", f"s.actions.all(a, !has(a.{k}) || {{declared}})", f"a.{k}")
            for k in sorted(REGISTRY)
        ),
        _declared("scaling", "{declared}", "s"),
    )

    @model_validator(mode="after")
    def _names_are_declared(self) -> "RunbookSpec":
        entries = self.switches()
        if len(entries) != len(self.kill_switches) + len(self.scaling):
            raise ValueError("killSwitches, scaling: two switches are called the same")
        declared = {target.name for target in self.targets}
        for name, entry in entries.items():
            for act in entry.actions:
                if act.spec.target not in declared:
                    raise ValueError(
                        f"switch {name} names target {act.spec.target}, which spec.targets does not declare"
                    )
        return self

    def switches(self) -> dict[str, KillSwitch]:
        """Every switch by name: kill switches as they are, scaling commands as momentary ones."""
        return {entry.name: entry for entry in (*self.kill_switches, *map(_as_switch, self.scaling))}

    def workload(self, target: str, namespace: str) -> Ref:
        """The object that runs the declared target `target`."""
        return next(t.workload.ref(namespace) for t in self.targets if t.name == target)


class TargetStatus(StatusModel):
    """Whether a declared target is there."""

    name: str = Field(description="The target's name in spec.targets.")
    found: bool = Field(description="Whether the operator can act on it now.")
    message: str = Field("", description="Why not.")


class RunbookStatus(StatusModel):
    """What the operator makes of the runbook."""

    observed_generation: int = Field(0, description="The generation of the spec that this status is about.")
    switches: int = Field(0, description="How many switches the runbook declares.")
    engaged: int = Field(0, description="How many of them are engaged.")
    targets: list[TargetStatus] = Field(
        default_factory=list, description="The declared targets.", json_schema_extra=mapped_by("name")
    )
    conditions: list[Condition] = Field(
        default_factory=list, description="Ready, as kstatus reads it.", json_schema_extra=mapped_by("type")
    )


def _as_switch(command: ScalingCommand) -> KillSwitch:
    amount: dict[str, Any] = command.model_dump(exclude={"name", "description"}, exclude_none=True)
    action: OneAction = SwitchAction.model_validate({"scale": amount})
    return KillSwitch(name=command.name, description=command.description, momentary=True, actions=[action])
