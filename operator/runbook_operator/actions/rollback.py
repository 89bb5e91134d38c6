"""rollback: restore the pod template of a known good revision."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from runbook_operator.actions import template_requirements
from runbook_operator.actions.action_base import DONE, Action, ActionSpec, Plan
from runbook_operator.actions.action_rights import READ, Right
from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.actions.rollback_revisions import Choice, chosen
from runbook_operator.actions.rolling_restart import RIGHTS, going, unreplaced_pods
from runbook_operator.actions.scaling import remote_workloads
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, DesiredField, Mode, Progress, Refused, Remark
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.pod_templates import keeper_kind, revisions
from runbook_operator.core.queries import read_together
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import (
    KINDS,
    ROLLOUT,
    STATEFUL_SET,
    is_observed,
    is_updating,
    kind_of,
    rolling_out,
)
from runbook_operator.core.target_kinds import TargetRefs

ABORT = "status.abort"
DELETE = Right("", "pods", ("delete",), of=("StatefulSet",))


class RollbackSpec(ActionSpec):
    """The revision to roll back to, and what happens on release."""

    to_revision: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Number of the revision, as kubectl rollout history shows it. Default: the newest known good "
        "revision that is not live.",
    )
    roll_forward_on_release: bool = Field(
        False,
        description="On release, return to the revision that was live before. Otherwise the release leaves the "
        "rolled back template in place.",
    )
    delete_broken_pods: bool = Field(
        False,
        description="Delete pods of a StatefulSet that are not Ready and belong to another revision. With "
        "podManagementPolicy OrderedReady the StatefulSet waits for such pods forever.",
    )


class Rollback(Action):
    """Rolls the target's workload back to an older pod template, by default the last known good one, and holds it.

    It writes only the template of the workload. It aborts an Argo Rollout that is updating to a new revision instead.
    """

    kind = "rollback"
    Spec = RollbackSpec
    reverts = "Nothing by default; with rollForwardOnRelease, the revision that was live."
    rights = (
        *RIGHTS,
        Right("apps", "controllerrevisions", ("list",), of=("DaemonSet", "StatefulSet")),
        Right("apps", "replicasets", ("list",), of=("Deployment", "Rollout")),
        Right("argoproj.io", "rollouts", ("list",)),
        Right("argoproj.io", "rollouts/status", ("patch",), of=("Rollout",)),
        Right("flagger.app", "canaries", ("list",)),
        Right("", "pods", READ, of=("StatefulSet",)),
        DELETE,
        *template_requirements.RIGHTS,
    )

    @staticmethod
    def plan(spec: RollbackSpec, context: PlanContext) -> Plan:
        ref = context.workload
        if (ref.api_version, ref.kind) not in KINDS:
            text = f"spec.targets: {ref} keeps no revisions; target a Deployment, StatefulSet, DaemonSet or Rollout"
            raise Refused(Reason.INVALID_SPEC, text)
        observed, (keepers, canaries, rollouts) = read_together(
            partial(context.require, ref),
            lambda: context.find_all((*keeper_kind(ref), ""), remote_workloads.CANARY, remote_workloads.ROLLOUT),
        )
        remote_workloads.check(ref, canaries, rollouts)
        _check(observed)
        mode: Mode = "Hold" if spec.roll_forward_on_release else "Keep"
        if is_updating(observed):
            return (DesiredField(ref, ABORT, held=True, mode=mode),)
        choice = chosen(spec.to_revision, context, observed, revisions(observed.uid, keepers))
        remarks, broken = read_together(
            lambda: template_requirements.check(context, observed, choice), lambda: _broken(context, observed, choice)
        )
        pods = [DesiredField(pod, OBJECT, None, "Once") for pod in broken if spec.delete_broken_pods]
        stuck = [] if spec.delete_broken_pods else _stuck(observed, broken)
        desired = DesiredField(ref, TEMPLATE, choice.revision.value, mode)
        return (desired, *pods, *choice.remarks, *remarks, *stuck, *unreplaced_pods(observed))

    @classmethod
    def needs(cls, spec: RollbackSpec, target: TargetRefs) -> tuple[Right, ...]:
        return tuple(one for one in super().needs(spec, target) if one != DELETE or spec.delete_broken_pods)

    @staticmethod
    def describe(spec: Any) -> str:
        return f"roll back {spec.target}" + (f" to revision {spec.to_revision}" if spec.to_revision else "")

    @staticmethod
    def wants(desired: DesiredField, observed: ObservedObject) -> bool:
        """True unless it is an abort without an update: Argo Rollouts clears the abort then, which is correct."""
        return desired.field != ABORT or is_updating(observed)

    @staticmethod
    def progress(
        spec: RollbackSpec, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:  # as declared
        if desired.field == OBJECT or isinstance(observed, Missing):
            return DONE
        if desired.field == ABORT:
            left = rolling_out(observed).updated if is_updating(observed) else 0
            return Progress(text=f"{left} of the aborted revision left" if left else "")
        # If a pod is deleted before its controller observes the new template, it is recreated from the old one.
        waits = spec.delete_broken_pods and kind_of(observed) == STATEFUL_SET
        far = going(context, observed, str(rolling_out(observed)))
        return replace(far, done=is_observed(observed) or not waits)


def _check(observed: ObservedObject) -> None:
    """Raise Refused if the template must not be written, or if writing it would have no effect."""
    spec, ref = observed.body["spec"], observed.ref
    if spec.get("paused"):
        text = f"{ref} is paused (spec.paused), so a rollback would not roll out; resume it"
        raise Refused(Reason.PAUSED, text)
    if kind_of(observed) != ROLLOUT:
        if not isinstance(spec.get("template"), dict):
            raise Refused(Reason.FIELD_NOT_FOUND, f"{ref} has no spec.template to roll back; target another workload")
        return
    if not is_observed(observed):
        text = f"{ref}: Argo Rollouts has not processed its last change yet; the operator tries again when it has"
        raise Refused(Reason.NOT_VERIFIED, text)
    if "template" not in spec and not is_updating(observed):
        text = f"{ref} takes its template from another workload (spec.workloadRef); roll that one back"
        raise Refused(Reason.DELIVERY_OWNED, text)


def _broken(context: PlanContext, observed: ObservedObject, choice: Choice) -> list[Ref]:
    """Return the pods of other revisions that are not ready, for which a StatefulSet would wait forever."""
    spec = observed.body["spec"]
    if kind_of(observed) != STATEFUL_SET or spec.get("podManagementPolicy") == "Parallel":
        return []
    labels = ",".join(f"{key}={value}" for key, value in spec["selector"].get("matchLabels", {}).items())
    pods = context.find("v1", "Pod", labels)
    return [
        context.ref("v1", "Pod", pod["metadata"]["name"])
        for pod in pods
        if any(owner["uid"] == observed.uid for owner in pod["metadata"].get("ownerReferences", ()))
        if pod["metadata"].get("labels", {}).get("controller-revision-hash") != choice.revision.keeper
        if "deletionTimestamp" not in pod["metadata"] and not _is_ready(pod)
    ]


def _is_ready(pod: Body) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def _stuck(observed: ObservedObject, broken: list[Ref]) -> Iterator[Remark]:
    if broken:
        names = ", ".join(map(str, broken))
        text = (
            f"{observed.ref} does not replace more pods until {names} are Ready; delete them, or set deleteBrokenPods"
        )
        yield Remark(Reason.PODS_STUCK, text)
