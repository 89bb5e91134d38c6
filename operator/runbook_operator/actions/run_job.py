"""runJob: run a Job, once per engagement."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, model_validator

from runbook_operator.actions.base import Action, Plan, short
from runbook_operator.actions.made import metadata_for, name_for
from runbook_operator.actions.rights import READ, Right
from runbook_operator.actions.scene import Scene
from runbook_operator.model.aims import OBJECT, Aim, Progress
from runbook_operator.model.base import ApiModel, Rule
from runbook_operator.model.durations import spoken
from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import NAMES
from runbook_operator.model.seen import Missing, Seen
from runbook_operator.model.target import TargetRefs

BATCH = "batch/v1"
ONE_SOURCE = "set exactly one of fromCronJob and job"
SOURCE = Right("batch", "cronjobs", READ)
OPEN = ConfigDict(extra="allow")


class JobPod(ApiModel):
    """spec.template.spec of a Job: a pod's spec, as the API server takes it."""

    model_config = OPEN

    containers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=16)] = Field(
        description="What runs, as in a pod."
    )


class JobTemplate(ApiModel):
    """spec.template of a Job."""

    model_config = OPEN

    spec: JobPod = Field(description="The pod's spec; restartPolicy is Never where it says nothing else.")


class InlineJob(ApiModel):
    """The spec of a Job, as the API server takes it."""

    model_config = OPEN

    template: JobTemplate = Field(description="The pod that does the work.")


class RunJobSpec(ApiModel):
    """What is run."""

    from_cron_job: Annotated[str, Field(min_length=1, max_length=253, pattern=NAMES)] | None = Field(
        None, description="The name of a CronJob, which is run once now, be it suspended or not."
    )
    job: InlineJob | None = Field(None, description="The spec of a Job. ttlSecondsAfterFinished is left out.")
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
    reverts = "Nothing: the Job stays, for its logs, until the Switch is deleted."
    rights = (SOURCE, Right("batch", "jobs", (*READ, "create")))

    @staticmethod
    def plan(spec: RunJobSpec, scene: Scene) -> Plan:
        body, meta = _source(spec, scene)
        # A Job that the cluster cleans up by itself could be gone before an operator that was down has seen it, and
        # would then be run again.
        body = {key: value for key, value in body.items() if key != "ttlSecondsAfterFinished"}
        ref = scene.ref(BATCH, "Job", name_for(scene, spec))
        # It is the Switch's and not the CronJob's, whose history limits and concurrencyPolicy are about its own Jobs.
        metadata = metadata_for(scene, ref.name, meta)
        return (Aim(ref, OBJECT, {"apiVersion": BATCH, "kind": "Job", "metadata": metadata, "spec": body}, "Once"),)

    @staticmethod
    def progress(spec: RunJobSpec, scene: Scene, aim: Aim, seen: Seen | Missing) -> Progress:  # noqa: ARG004 # all in the Job
        body = seen.body if isinstance(seen, Seen) else {}
        ended = _ended(body)
        if ended == "Complete":
            return Progress(text=_complete(aim.ref.name, body["status"]))
        if ended == "Failed":
            return Progress(not spec.wait, _failed(aim.ref.name, body), Reason.JOB_FAILED)
        if not body:
            text = f"{aim.ref} was deleted before it ended, and is not run again"
            return Progress(not spec.wait, text, Reason.JOB_FAILED)
        return Progress(not spec.wait, f"{aim.ref} {_under_way(body)}")

    @classmethod
    def needs(cls, spec: RunJobSpec, target: TargetRefs) -> tuple[Right, ...]:
        return tuple(one for one in super().needs(spec, target) if one != SOURCE or spec.from_cron_job)

    @staticmethod
    def describe(spec: RunJobSpec) -> str:
        return short(f"run job from CronJob {spec.from_cron_job}" if spec.from_cron_job else "run job")


def _source(spec: RunJobSpec, scene: Scene) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The spec of the Job, and the metadata that it takes over."""
    if spec.from_cron_job is not None:
        template = scene.look(scene.ref(BATCH, "CronJob", spec.from_cron_job)).body["spec"]["jobTemplate"]
        return dict(template["spec"]), template.get("metadata") or {}
    assert spec.job is not None  # noqa: S101 # the validator has seen to it
    job = spec.job.model_dump(by_alias=True)
    job["template"]["spec"] = {"restartPolicy": "Never"} | job["template"]["spec"]
    return job, {}


def _ended(job: Mapping[str, Any]) -> str:
    """The condition that says how it ended, empty while it has not."""
    return next((one["type"] for one in _conditions(job) if one["type"] in ("Complete", "Failed")), "")


def _conditions(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = (job.get("status") or {}).get("conditions") or ()
    return [one for one in found if one["status"] == "True"]


def _complete(name: str, status: Mapping[str, Any]) -> str:
    began, ended = (datetime.fromisoformat(status[which]) for which in ("startTime", "completionTime"))
    return f"complete in {spoken(ended - began)}; kubectl logs job/{name}"


def _failed(name: str, job: Mapping[str, Any]) -> str:
    why = next(one.get("message") or one.get("reason") for one in _conditions(job) if one["type"] == "Failed")
    return f"Job/{name} failed: {why}; kubectl logs job/{name}"


def _under_way(job: Mapping[str, Any]) -> str:
    """In words that stay the same until something happens, so that a status is not written for the time alone."""
    if any(one["type"] == "Suspended" for one in _conditions(job)):
        return "is suspended"
    since = (job.get("status") or {}).get("startTime")
    return f"running since {since}" if since else "has not begun"
