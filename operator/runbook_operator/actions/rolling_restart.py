"""Rolling restarts of a workload's pods, shared by the actions that need them."""

from datetime import datetime, timedelta

from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.pod_creation_failures import RIGHTS as EVENTS
from runbook_operator.actions.pod_creation_failures import last_creation_failure, without_pods
from runbook_operator.core.desired_fields import DesiredField, Progress, Refused, Remark
from runbook_operator.core.observed_object import Missing, ObservedObject
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


def rollable(context: PlanContext) -> ObservedObject:
    """Return the target's workload; raises Refused if a change of its pod template would replace no pod."""
    observed = context.require(context.workload)
    if kind_of(observed) not in KINDS:
        names = ", ".join(kind for _, kind in KINDS)
        text = (
            f"{observed.ref}: pods of a {observed.ref.kind} cannot be restarted one after the other; target one of "
            f"{names}"
        )
        raise Refused(Reason.NOT_RESTARTABLE, text)
    if kind_of(observed) == DEPLOYMENT and observed.body["spec"].get("paused"):
        text = (
            f"{observed.ref} is paused, so no pod would be replaced; kubectl rollout resume "
            f"deployment/{observed.ref.name}"
        )
        raise Refused(Reason.PAUSED, text)
    return observed


def restarted_once(context: PlanContext, observed: ObservedObject, *, last: bool = False) -> DesiredField:
    """Return the write that starts a restart, as `kubectl rollout restart` does."""
    if kind_of(observed) == ROLLOUT:
        return DesiredField(observed.ref, RESTART_AT, _second_after(context.throw.at), "Once", last)
    return DesiredField(
        observed.ref, f"spec.template.metadata.annotations[{RESTARTED_AT}]", context.throw.at, "Once", last
    )


def unreplaced_pods(observed: ObservedObject) -> tuple[Remark, ...]:
    """Return a remark if the update strategy does not replace all pods automatically."""
    strategy = observed.body["spec"].get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    if strategy.get("type") == "OnDelete":
        text = f"{observed.ref} has updateStrategy OnDelete: no pod restarts until it is deleted"
        return (Remark(Reason.NOT_REPLACED, text),)
    if partition:
        text = (
            f"{observed.ref} has updateStrategy.rollingUpdate.partition {partition}: pods with a lower number do "
            "not restart"
        )
        return (Remark(Reason.NOT_REPLACED, text),)
    return ()


def nothing_to_restart(observed: ObservedObject) -> tuple[Remark, ...]:
    """Return a remark if the workload has 0 desired pods."""
    if rolling_out(observed).desired:
        return ()
    return (Remark(Reason.NOTHING_TO_DO, f"{observed.ref} has 0 replicas: there is no pod to restart"),)


def going(context: PlanContext, observed: ObservedObject, text: str) -> Progress:
    """Return progress with this text, empty if nothing is left to do; stuck if the cluster refuses new pods."""
    refused = (refusal_of_pods(observed) or last_creation_failure(context, observed)) if text else ""
    return without_pods(observed.ref, text, refused) if refused else Progress(text=text)


def restarted(context: PlanContext, observed: ObservedObject | Missing) -> Progress:
    """Return how many pods were replaced. No later action waits for that: a failing pod must not stop a switch."""
    if isinstance(observed, Missing):
        return Progress()
    if kind_of(observed) == ROLLOUT and (asked := observed.body["spec"].get("restartAt")):
        there = (observed.body.get("status") or {}).get("restartedAt")
        return Progress(text="restarted" if there == asked else "restarting")
    far = rolling_out(observed)
    if far.desired == 0:
        return Progress()
    number = min(far.updated, far.desired) if far.is_status_current else 0
    overdue = "; spec.progressDeadlineSeconds is exceeded" if far.overdue else ""
    text = f"{number} of {far.desired} restarted{overdue}"
    return Progress(text=text) if number == far.desired else going(context, observed, text)


def _second_after(at: str) -> str:
    """Round `at` up to a full second, so that pods started within the second of the throw count as older."""
    moment = datetime.fromisoformat(at)
    rounded = moment + timedelta(microseconds=-moment.microsecond % 1_000_000)
    return rounded.strftime("%Y-%m-%dT%H:%M:%SZ")
