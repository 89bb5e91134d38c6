"""runJob: run a Job, once per engagement."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from runbook_operator.actions.action_base import Action, Plan, short
from runbook_operator.actions.action_rights import READ, Right
from runbook_operator.actions.created_objects import metadata_for, name_for
from runbook_operator.actions.plan_context import Scene
from runbook_operator.actions.pod_creation_failures import RIGHTS as EVENTS
from runbook_operator.actions.pod_creation_failures import unmade, without_pods
from runbook_operator.actions.single_run_job import (
    complete,
    ended,
    failed,
    has_pods,
    interrupted,
    is_interrupted,
    is_podless,
    once,
    under_way,
    why_failed,
)
from runbook_operator.core.desired_fields import OBJECT, Aim, Progress, Remark
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import NAMES
from runbook_operator.core.target_kinds import TargetRefs

BATCH = "batch/v1"
NO_RETRY = "backoffLimit: leave it out; runJob runs its command once, and who wants another attempt throws again"
ONE_SOURCE = "set exactly one of fromCronJob and job"
SOURCE = Right("batch", "cronjobs", READ)
OPEN = ConfigDict(extra="allow")


class JobPod(ApiModel):
    """spec.template.spec of a Job: a pod's spec, as the API server takes it."""

    model_config = OPEN

    containers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=16)] = Field(
        description="What runs, as in a pod."
    )
    restart_policy: Literal["Never"] | None = Field(
        None, description="Never, also where it is absent: the command runs once."
    )


class JobTemplate(ApiModel):
    """spec.template of a Job."""

    model_config = OPEN

    spec: JobPod = Field(description="The pod's spec.")


class InlineJob(ApiModel):
    """The spec of a Job, as the API server takes it."""

    model_config = OPEN

    template: JobTemplate = Field(description="The pod that does the work.")
    backoff_limit: int | None = Field(
        None,
        description="0, also where it is absent: the command runs once, and whether a failed or interrupted attempt is "
        "followed by another is for who throws the switch again.",
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("!has(self.backoffLimit) || self.backoffLimit == 0", NO_RETRY),)

    @model_validator(mode="after")
    def _no_retry(self) -> "InlineJob":
        if self.backoff_limit:
            raise ValueError(NO_RETRY)
        return self


class RunJobSpec(ApiModel):
    """What is run."""

    from_cron_job: Annotated[str, Field(min_length=1, max_length=253, pattern=NAMES)] | None = Field(
        None,
        description="The name of a CronJob, which is run once now, be it suspended or not. What its Job's spec says of "
        "retries (backoffLimit, podFailurePolicy, restartPolicy) does not apply to this run, and an Event says so.",
    )
    job: InlineJob | None = Field(
        None,
        description="The spec of a Job. Its command runs at most once for each of its completions: a pod that fails "
        "fails the Job, and one that is evicted or deleted interrupts it. ttlSecondsAfterFinished is left out.",
    )
    wait: bool = Field(
        True, description="Whether the actions after it wait for its end; false begins it and leaves it to itself."
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("has(self.fromCronJob) != has(self.job)", ONE_SOURCE),)

    @model_validator(mode="after")
    def _one_source(self) -> "RunJobSpec":
        if (self.from_cron_job is None) == (self.job is None):
            raise ValueError(ONE_SOURCE)
        return self


class RunJob(Action):
    """Runs a Job once, from a CronJob or from a spec of its own, and says how it ended and where its logs are."""

    kind = "runJob"
    Spec = RunJobSpec
    reverts = (
        "Nothing: the Job stays, for its logs, until the Switch is deleted. One that has made no pod yet is deleted, "
        "so that it does not run later."
    )
    rights = (SOURCE, Right("batch", "jobs", (*READ, "create", "patch", "delete")), *EVENTS)
    paused_by = "spec.suspend"

    @staticmethod
    def plan(spec: RunJobSpec, scene: Scene) -> Plan:
        body, changed, meta = _source(spec, scene)
        ref = scene.ref(BATCH, "Job", name_for(scene, spec))
        # It is the Switch's and not the CronJob's, whose history limits and concurrencyPolicy are about its own Jobs.
        metadata = metadata_for(scene, ref.name, meta)
        aim = Aim(ref, OBJECT, _suspended(metadata, body), "Once")
        if not changed:
            return (aim,)
        whose = f"CronJob/{spec.from_cron_job}" if spec.from_cron_job else "job"
        text = f"runJob runs its command once, so that this of {whose} does not apply: {', '.join(changed)}"
        return (aim, Remark(Reason.RUNS_ONCE, text))

    @staticmethod
    def progress(spec: RunJobSpec, scene: Scene, aim: Aim, seen: Seen | Missing) -> Progress:
        if isinstance(seen, Missing) or not seen.body:
            text = interrupted(aim.ref, "was deleted before it ended")
            return Progress(not spec.wait, text, Reason.JOB_INTERRUPTED)
        job = seen.body
        if is_interrupted(job):
            text = interrupted(aim.ref, f"was interrupted ({why_failed(job)})")
            return Progress(not spec.wait, text, Reason.JOB_INTERRUPTED)
        match ended(job):
            case "Complete":
                return Progress(text=complete(aim.ref.name, job["status"]))
            case "Failed":
                return Progress(not spec.wait, failed(aim.ref.name, job), Reason.JOB_FAILED)
        refused = unmade(scene, seen) if is_podless(job) else ""
        if refused:
            return replace(without_pods(aim.ref, f"{aim.ref} has made no pod yet", refused), done=not spec.wait)
        return Progress(not spec.wait, under_way(aim.ref, job))

    @staticmethod
    def revokes(aim: Aim, seen: Seen) -> bool:  # noqa: ARG004 # as declared
        """A Job that waits for room would run its command an hour after the release."""
        return not has_pods(seen.body)

    @classmethod
    def needs(cls, spec: RunJobSpec, target: TargetRefs) -> tuple[Right, ...]:
        return tuple(one for one in super().needs(spec, target) if one != SOURCE or spec.from_cron_job)

    @staticmethod
    def describe(spec: RunJobSpec) -> str:
        return short(f"run job from CronJob {spec.from_cron_job}" if spec.from_cron_job else "run job")


def _suspended(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """A Job that runs nothing before its uid is recorded: one that is gone has never run, or is not made again."""
    return {"apiVersion": BATCH, "kind": "Job", "metadata": metadata, "spec": {**spec, "suspend": True}}


def _source(spec: RunJobSpec, scene: Scene) -> tuple[dict[str, Any], list[str], Mapping[str, Any]]:
    """The spec of the Job, what of it does not apply here, and the metadata that it takes over."""
    if spec.from_cron_job is not None:
        template = scene.look(scene.ref(BATCH, "CronJob", spec.from_cron_job)).body["spec"]["jobTemplate"]
        return (*once(template["spec"]), template.get("metadata") or {})
    assert spec.job is not None  # noqa: S101 # the validator has seen to it
    return (*once(spec.job.model_dump(by_alias=True, exclude_none=True)), {})
