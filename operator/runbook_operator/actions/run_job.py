"""runJob: run a Job once per engagement."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from runbook_operator.actions.action_base import Action, Plan, short
from runbook_operator.actions.action_rights import READ, Right
from runbook_operator.actions.created_objects import metadata_for, name_for
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.pod_creation_failures import RIGHTS as EVENTS
from runbook_operator.actions.pod_creation_failures import last_creation_failure, without_pods
from runbook_operator.actions.single_run_job import (
    complete,
    ended,
    failed,
    has_pods,
    interrupted,
    is_interrupted,
    is_podless,
    once,
    running_state,
    why_failed,
)
from runbook_operator.core.desired_fields import OBJECT, DesiredField, Progress, Remark
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import NAMES
from runbook_operator.core.target_kinds import TargetRefs

BATCH = "batch/v1"
NO_RETRY = "backoffLimit: leave it out: runJob runs its command once; for another attempt throw the switch again"
ONE_SOURCE = "set exactly one of fromCronJob and job"
SOURCE = Right("batch", "cronjobs", READ)
OPEN = ConfigDict(extra="allow")


class JobPod(ApiModel):
    """The pod's spec (spec.template.spec of a Job), with any field that the API server accepts."""

    model_config = OPEN

    containers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=16)] = Field(
        description="The containers, as in a pod's spec."
    )
    restart_policy: Literal["Never"] | None = Field(
        None, description="Always Never, which is also the default: the command runs once."
    )


class JobTemplate(ApiModel):
    """The pod template (spec.template of a Job)."""

    model_config = OPEN

    spec: JobPod = Field(description="The pod's spec.")


class InlineJob(ApiModel):
    """The spec of a Job, with any field that the API server accepts."""

    model_config = OPEN

    template: JobTemplate = Field(description="Template of the pod that runs the command.")
    backoff_limit: int | None = Field(
        None,
        description="Always 0, which is also the default: the command runs once. To retry after a failed or "
        "interrupted attempt, throw the switch again.",
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("!has(self.backoffLimit) || self.backoffLimit == 0", NO_RETRY),)

    @model_validator(mode="after")
    def _no_retry(self) -> "InlineJob":
        if self.backoff_limit:
            raise ValueError(NO_RETRY)
        return self


class RunJobSpec(ApiModel):
    """The Job to run: from a CronJob, or by its spec."""

    from_cron_job: Annotated[str, Field(min_length=1, max_length=253, pattern=NAMES)] | None = Field(
        None,
        description="Name of a CronJob to run once now, even if it is suspended. Its Job template's retry fields "
        "(backoffLimit, podFailurePolicy, restartPolicy) do not apply to this run; an Event reports that.",
    )
    job: InlineJob | None = Field(
        None,
        description="Spec of the Job to run. Its command runs at most once for each of its completions: a failed pod "
        "fails the Job, and an evicted or deleted pod interrupts it. ttlSecondsAfterFinished is ignored.",
    )
    wait: bool = Field(
        True, description="Later actions wait until the Job has ended. false starts the Job and does not wait."
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("has(self.fromCronJob) != has(self.job)", ONE_SOURCE),)

    @model_validator(mode="after")
    def _one_source(self) -> "RunJobSpec":
        if (self.from_cron_job is None) == (self.job is None):
            raise ValueError(ONE_SOURCE)
        return self


class RunJob(Action):
    """Runs a Job once, from a CronJob or an inline spec, and reports its result and how to read its logs."""

    kind = "runJob"
    Spec = RunJobSpec
    reverts = (
        "Nothing: the Job stays, for its logs, until the Switch is deleted. A Job that has no pod yet is deleted, so "
        "that it does not run later."
    )
    rights = (SOURCE, Right("batch", "jobs", (*READ, "create", "patch", "delete")), *EVENTS)
    paused_by = "spec.suspend"

    @staticmethod
    def plan(spec: RunJobSpec, context: PlanContext) -> Plan:
        body, changed, meta = _source(spec, context)
        ref = context.ref(BATCH, "Job", name_for(context, spec))
        # Its owner is the Switch, not the CronJob, whose history limits and concurrencyPolicy must not apply to it.
        metadata = metadata_for(context, ref.name, meta)
        desired = DesiredField(ref, OBJECT, _suspended(metadata, body), "Once")
        if not changed:
            return (desired,)
        only = f"CronJob/{spec.from_cron_job}" if spec.from_cron_job else "job"
        text = f"runJob runs its command once, so it does not use this of {only}: {', '.join(changed)}"
        return (desired, Remark(Reason.RUNS_ONCE, text))

    @staticmethod
    def progress(
        spec: RunJobSpec, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        if isinstance(observed, Missing) or not observed.body:
            text = interrupted(desired.ref, "was deleted before it ended")
            return Progress(not spec.wait, text, Reason.JOB_INTERRUPTED)
        job = observed.body
        if is_interrupted(job):
            text = interrupted(desired.ref, f"was interrupted ({why_failed(job)})")
            return Progress(not spec.wait, text, Reason.JOB_INTERRUPTED)
        match ended(job):
            case "Complete":
                return Progress(text=complete(desired.ref.name, job["status"]))
            case "Failed":
                return Progress(not spec.wait, failed(desired.ref.name, job), Reason.JOB_FAILED)
        refused = last_creation_failure(context, observed) if is_podless(job) else ""
        if refused:
            return replace(
                without_pods(desired.ref, f"{desired.ref} has not created a pod yet", refused), done=not spec.wait
            )
        return Progress(not spec.wait, running_state(desired.ref, job))

    @staticmethod
    def revokes(desired: DesiredField, observed: ObservedObject) -> bool:
        """True while the Job has no pod: if it waits for room, it could run its command long after the release."""
        return not has_pods(observed.body)

    @classmethod
    def needs(cls, spec: RunJobSpec, target: TargetRefs) -> tuple[Right, ...]:
        return tuple(one for one in super().needs(spec, target) if one != SOURCE or spec.from_cron_job)

    @staticmethod
    def describe(spec: RunJobSpec) -> str:
        return short(f"run job from CronJob {spec.from_cron_job}" if spec.from_cron_job else "run job")


def _suspended(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """Return a suspended Job, which runs nothing before its uid is recorded.

    If it disappears before that, it has never run; after that, it is not created again.
    """
    return {"apiVersion": BATCH, "kind": "Job", "metadata": metadata, "spec": {**spec, "suspend": True}}


def _source(spec: RunJobSpec, context: PlanContext) -> tuple[dict[str, Any], list[str], Mapping[str, Any]]:
    """Return the Job's spec, the declared fields that do not apply, and the metadata to copy."""
    if spec.from_cron_job is not None:
        template = context.require(context.ref(BATCH, "CronJob", spec.from_cron_job)).body["spec"]["jobTemplate"]
        return (*once(template["spec"]), template.get("metadata") or {})
    assert spec.job is not None  # noqa: S101 # the validator guarantees it
    return (*once(spec.job.model_dump(by_alias=True, exclude_none=True)), {})
