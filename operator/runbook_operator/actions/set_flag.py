"""setFlag: set a feature flag, and optionally restart the workload that reads it only at its start."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from runbook_operator.actions.action_base import DONE, Action, ActionSpec, Plan, short
from runbook_operator.actions.action_rights import CHANGE, Right, needed
from runbook_operator.actions.configmap_mounts import stale
from runbook_operator.actions.flag_stores import at_home, in_environment
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.rolling_restart import (
    RESTART_AT,
    RESTARTED_FOR,
    RIGHTS,
    nothing_to_restart,
    restarted,
    restarted_once,
    rollable,
    unreplaced_pods,
)
from runbook_operator.core.desired_fields import DesiredField, Progress, Remark
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import read_together
from runbook_operator.core.reasons import Reason
from runbook_operator.core.rollout_progress import ROLLOUT, kind_of
from runbook_operator.core.target_kinds import TargetRefs

ROLLED_ANYWAY = (
    "restart is only for a flag in a ConfigMap or a FeatureFlag: a change of env rolls the workload out anyway"
)
HOMES = (
    Right("", "configmaps", CHANGE, of=("ConfigMap",)),
    Right("core.openfeature.dev", "featureflags", CHANGE, of=("FeatureFlag",)),
)
ANNOTATION = f"spec.template.metadata.annotations[{RESTARTED_FOR}]"
REPLACING = ("spec.template.", RESTART_AT)
"""Prefixes of fields whose change replaces pods."""


class FlagEnvironment(ApiModel):
    """The container whose environment variable is the flag."""

    container: Annotated[str, Field(max_length=63)] = Field(
        "",
        description="Name of the container; not needed if the pod has only one. A sidecar (an init container with "
        "restartPolicy Always) counts as a container; any other init container must be named.",
    )


class SetFlagSpec(ActionSpec):
    """The flag, and its value while the switch is engaged."""

    flag: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s\[\]{}#=]+$")] = Field(
        description="Name of the flag; in a document (flags.key of the target) its path: features.ai. Write a "
        "backslash before a dot that is part of a key, as in kubectl's jsonpath: app\\.features.ai is ai below "
        "app.features."
    )
    value: Annotated[str, Field(max_length=1024)] = Field(
        description="Value to set, as text; in a document it is quoted like the value that it replaces. For an "
        "OpenFeature FeatureFlag: the name of the variant that becomes the default."
    )
    restart: bool = Field(
        False,
        description="Restart the target's workload, pod by pod, after the flag is set, by an annotation of its pod "
        "template: for apps that read flags only at their start. A release restores the flag and then the annotation, "
        "which restarts the workload again.",
    )
    flag_must_exist: bool = Field(
        True,
        description="Refuse the throw if the flag does not exist, since its name may be misspelt. false adds the flag "
        "to the ConfigMap or the environment, with a warning. In a document or a FeatureFlag the flag must always "
        "exist.",
    )
    env: FlagEnvironment | None = Field(
        None,
        description="Set the flag as an environment variable of the target's workload instead; it also overrides one "
        "that comes from a ConfigMap or Secret. Both the throw and the release roll out the workload.",
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.env) || !has(self.restart) || !self.restart", ROLLED_ANYWAY),
    )

    @model_validator(mode="after")
    def _rolled_once(self) -> "SetFlagSpec":
        if self.env is not None and self.restart:
            raise ValueError(ROLLED_ANYWAY)
        return self


class SetFlag(Action):
    """Sets a feature flag in the target's flag store or as an environment variable, and holds its value."""

    kind = "setFlag"
    Spec = SetFlagSpec
    reverts = "The former value, exactly as it was written; with restart, the workload is restarted again."
    prepares = True
    rights = (*HOMES, *RIGHTS)

    @staticmethod
    def plan(spec: SetFlagSpec, context: PlanContext) -> Plan:
        if spec.env is not None:
            container, must_exist = spec.env.container, spec.flag_must_exist
            return in_environment(context, container, spec.flag, spec.value, must_exist=must_exist)
        home = partial(at_home, context, spec.flag, spec.value, must_exist=spec.flag_must_exist)
        if not spec.restart:
            return (*home(), *_unseen(context))
        flag, restart = read_together(home, partial(_restart, context))
        return (*flag, *restart)

    @classmethod
    def needs(cls, spec: SetFlagSpec, target: TargetRefs) -> tuple[Right, ...]:
        rolled, homes = (*(RIGHTS if spec.env or spec.restart else ()),), HOMES if spec.env is None else ()
        return needed((*homes, *rolled), target)

    @staticmethod
    def progress(
        spec: SetFlagSpec, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        return restarted(context, observed) if desired.field.startswith(REPLACING) else DONE

    @staticmethod
    def describe(spec: SetFlagSpec) -> str:
        return short(f"set flag {spec.flag} of {spec.target} to {spec.value}")


def _unseen(context: PlanContext) -> tuple[Remark, ...]:
    """Return a remark if running pods keep the old value until a restart."""
    workload, config = context.target.workload, context.flags
    observed = context.peek(workload) if workload and config.kind == "ConfigMap" else None
    if observed is None or not (way := stale(observed, config)):
        return ()
    text = f"pods of {observed.ref} read {config} {way} and see the change only after a restart; set restart: true"
    return (Remark(Reason.RESTART_NEEDED, text),)


def _restart(context: PlanContext) -> Plan:
    """Plan a restart by an annotation; the release removes it, which changes the template and restarts again."""
    observed = rollable(context)
    if kind_of(observed) == ROLLOUT:
        # A changed template would go through its canary or blue-green steps, which may take hours.
        name = observed.ref.name
        text = (
            f"{observed.ref} is restarted now; after the release restart it by hand: kubectl argo "
            f"rollouts restart {name}"
        )
        return (restarted_once(context, observed, last=True), Remark(Reason.RESTART_BY_HAND, text))
    return (
        DesiredField(observed.ref, ANNOTATION, context.throw.engagement, last=True),
        *unreplaced_pods(observed),
        *nothing_to_restart(observed),
    )
