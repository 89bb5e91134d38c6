"""Make a Job that runs its command at most once, whatever happens to its pod, and read such a Job's state.

By default a Job retries six times, and replaces an evicted pod. An attempt that ended early may have done half of its
work, so a person decides whether to run it again.
"""

from datetime import datetime
from typing import Any

from runbook_operator.actions.plan_context import Body
from runbook_operator.core.durations import spoken
from runbook_operator.core.references import Ref

DISRUPTED = "DisruptionTarget"
ONCE: dict[str, Any] = {
    "backoffLimit": 0,
    "podReplacementPolicy": "Failed",
    "podFailurePolicy": {
        "rules": [{"action": "FailJob", "onPodConditions": [{"type": DISRUPTED, "status": "True"}]}],
    },
}
DROPPED = ("backoffLimitPerIndex", "maxFailedIndexes")
CLEANED_UP = "ttlSecondsAfterFinished"
"""Removed from the spec: if the cluster cleaned up the Job while the operator is down, its result would be lost."""
RESTARTS = ("restartPolicy", "restartPolicyRules")
"""Fields that make the kubelet restart a container within its pod."""
PODS = ("active", "ready", "terminating", "succeeded", "failed")


def once(job: Body) -> tuple[dict[str, Any], list[str]]:
    """Return the Job's spec changed to run once, and the list of fields that were changed for it."""
    pod = job["template"]["spec"]
    containers, restarts = _once_each(pod["containers"])
    sidecars, again = _once_each(pod.get("initContainers") or (), sidecars=True)
    changed = [f"{key} {job[key]}" for key in ("backoffLimit",) if job.get(key)]
    changed += [key for key in ("podFailurePolicy", *DROPPED) if key in job]
    if pod.get("restartPolicy", "Never") != "Never":
        changed.append(f"restartPolicy {pod['restartPolicy']}")
    changed += dict.fromkeys((*restarts, *again))
    parts = {"containers": containers} | ({"initContainers": sidecars} if sidecars else {})
    template = {**job["template"], "spec": {**pod, **parts, "restartPolicy": "Never"}}
    kept = {key: value for key, value in job.items() if key not in (*DROPPED, CLEANED_UP)}
    return {**kept, **ONCE, "template": template}, changed


def is_suspended(job: Body) -> bool:
    """True if the Job controller has stopped the Job or not let it start."""
    return any(one["type"] == "Suspended" for one in _conditions(job))


def has_pods(job: Body) -> bool:
    """True if the Job has or had a pod."""
    status = job.get("status") or {}
    gone = status.get("uncountedTerminatedPods") or {}
    return any(status.get(one) for one in PODS) or any(gone.values()) or bool(ended(job))


def is_podless(job: Body) -> bool:
    """True if the Job has started without making a pod."""
    return bool((job.get("status") or {}).get("startTime")) and not has_pods(job) and not is_suspended(job)


def ended(job: Body) -> str:
    """Return Complete or Failed, empty while the Job has not ended."""
    return next((one["type"] for one in _conditions(job) if one["type"] in ("Complete", "Failed")), "")


def is_interrupted(job: Body) -> bool:
    """True if the Job failed because its pod was disrupted, the only case in its podFailurePolicy (ONCE)."""
    return _failed(job).get("reason") == "PodFailurePolicy"


def complete(name: str, status: Body) -> str:
    began, over = (datetime.fromisoformat(status[which]) for which in ("startTime", "completionTime"))
    return f"complete in {spoken(over - began)}; kubectl logs job/{name}"


def failed(name: str, job: Body) -> str:
    """Describe why the Job failed and how to read its logs, which a deadline deletes with the pods."""
    found = _failed(job)
    why = found.get("message") or found.get("reason")
    if found.get("reason") == "DeadlineExceeded":
        return f"Job/{name} failed: {why}; its pods and their logs were deleted at the deadline"
    return f"Job/{name} failed: {why}; kubectl logs job/{name}"


def interrupted(ref: Ref, how: str) -> str:
    return (
        f"{ref} {how}: a part of its command may have run, so the operator does not run it again. Check what "
        "it did; to run it again, release the switch and throw it again"
    )


def why_failed(job: Body) -> str:
    return str(_failed(job).get("message", ""))


def running_state(ref: Ref, job: Body) -> str:
    """Describe the state of a running Job, without elapsed time, which would cause a status write at each visit."""
    if is_suspended(job):
        return f"{ref} is suspended"
    status = job.get("status") or {}
    if has_pods(job):
        return f"{ref} running since {status.get('startTime')}"
    if not status.get("startTime"):
        return f"{ref} has not started"
    return f"{ref} has not created a pod yet; for the cause: kubectl describe job {ref.name} -n {ref.namespace}"


def _once_each(containers: Any, *, sidecars: bool = False) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the containers without restart fields, and the removed fields; a sidecar keeps restartPolicy Always."""
    found: list[dict[str, Any]] = []
    dropped: list[str] = []
    for one in containers:
        stays = sidecars and one.get("restartPolicy") == "Always"
        keys = [key for key in RESTARTS if key in one and not (stays and key == "restartPolicy")]
        dropped += [f"{key} of container {one.get('name')}" for key in keys]
        found.append({key: value for key, value in one.items() if key not in keys})
    return found, dropped


def _failed(job: Body) -> Body:
    return next((one for one in _conditions(job) if one["type"] == "Failed"), {})


def _conditions(job: Body) -> list[Body]:
    found = (job.get("status") or {}).get("conditions") or ()
    return [one for one in found if one["status"] == "True"]
