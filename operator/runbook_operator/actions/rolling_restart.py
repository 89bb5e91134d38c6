"""Rolling restarts of a workload's pods, shared by the actions that need them."""

from datetime import datetime, timedelta

from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.plan_context import Scene
from runbook_operator.actions.pod_creation_failures import RIGHTS as EVENTS
from runbook_operator.actions.pod_creation_failures import unmade, without_pods
from runbook_operator.core.desired_fields import Aim, Progress, Refused, Remark
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.reasons import Reason
from runbook_operator.core.rollout_progress import DEPLOYMENT, KINDS, ROLLOUT, kind_of, refusal_of_pods, rolling_out

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""The annotation of `kubectl rollout restart`."""
RESTARTED_FOR = "runbooks.dev/restarted-for"
"""Annotation of a restart that a release repeats. It is our own, since a person may use kubectl's meanwhile."""
RESTART_AT = "spec.restartAt"
RIGHTS = (
    *(Right("apps", f"{kind.lower()}s", CHANGE, of=(kind,)) for kind in ("DaemonSet", "Deployment", "StatefulSet")),
    Right("argoproj.io", "rollouts", CHANGE, of=("Rollout",)),
    *EVENTS,
)


def rollable(scene: Scene) -> Seen:
    """Return the target's workload; raises Refused if a change of its pod template would replace no pod."""
    seen = scene.look(scene.workload)
    if kind_of(seen) not in KINDS:
        names = ", ".join(kind for _, kind in KINDS)
        text = f"{seen.ref}: pods of a {seen.ref.kind} cannot be restarted one after the other; target one of {names}"
        raise Refused(Reason.NOT_RESTARTABLE, text)
    if kind_of(seen) == DEPLOYMENT and seen.body["spec"].get("paused"):
        text = f"{seen.ref} is paused, so no pod would be replaced; kubectl rollout resume deployment/{seen.ref.name}"
        raise Refused(Reason.PAUSED, text)
    return seen


def restarted_once(scene: Scene, seen: Seen, *, last: bool = False) -> Aim:
    """Return the write that starts a restart, as `kubectl rollout restart` does."""
    if kind_of(seen) == ROLLOUT:
        return Aim(seen.ref, RESTART_AT, _second_after(scene.throw.at), "Once", last)
    return Aim(seen.ref, f"spec.template.metadata.annotations[{RESTARTED_AT}]", scene.throw.at, "Once", last)


def left_alone(seen: Seen) -> tuple[Remark, ...]:
    """Return a remark if the update strategy does not replace all pods automatically."""
    strategy = seen.body["spec"].get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    if strategy.get("type") == "OnDelete":
        text = f"{seen.ref} has updateStrategy OnDelete: each pod goes on as it is until somebody deletes it"
        return (Remark(Reason.NOT_REPLACED, text),)
    if partition:
        text = f"{seen.ref} has updateStrategy.rollingUpdate.partition {partition}: pods below that go on as they are"
        return (Remark(Reason.NOT_REPLACED, text),)
    return ()


def nothing_to_restart(seen: Seen) -> tuple[Remark, ...]:
    """Return a remark if the workload has 0 desired pods."""
    if rolling_out(seen).desired:
        return ()
    return (Remark(Reason.NOTHING_TO_DO, f"{seen.ref} is to have 0 pods: there is none to restart"),)


def going(scene: Scene, seen: Seen, text: str) -> Progress:
    """Return progress with this text, empty if nothing is left to do; stuck if the cluster refuses new pods."""
    refused = (refusal_of_pods(seen) or unmade(scene, seen)) if text else ""
    return without_pods(seen.ref, text, refused) if refused else Progress(text=text)


def restarted(scene: Scene, seen: Seen | Missing) -> Progress:
    """Return how many pods were replaced. No later action waits for it, since a failing pod must not stop a switch."""
    if isinstance(seen, Missing):
        return Progress()
    if kind_of(seen) == ROLLOUT and (asked := seen.body["spec"].get("restartAt")):
        there = (seen.body.get("status") or {}).get("restartedAt")
        return Progress(text="restarted" if there == asked else "restarting")
    far = rolling_out(seen)
    if far.desired == 0:
        return Progress()
    number = min(far.updated, far.desired) if far.observed else 0
    overdue = "; spec.progressDeadlineSeconds is exceeded" if far.overdue else ""
    text = f"{number} of {far.desired} restarted{overdue}"
    return Progress(text=text) if number == far.desired else going(scene, seen, text)


def _second_after(at: str) -> str:
    """Round `at` up to a full second, so that pods started within the second of the throw count as older."""
    moment = datetime.fromisoformat(at)
    rounded = moment + timedelta(microseconds=-moment.microsecond % 1_000_000)
    return rounded.strftime("%Y-%m-%dT%H:%M:%SZ")
