"""suspend: suspend a CronJob, a Job or a GitOps or autoscaling object."""

from collections.abc import Callable, Mapping

from runbook_operator.actions.action_base import DONE, Action, ActionSpec, Plan
from runbook_operator.actions.action_rights import CHANGE, Right
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.core import labels
from runbook_operator.core.argocd_sync import ENABLED, is_automated, parent
from runbook_operator.core.desired_fields import DesiredField, Progress, Refused, Remark
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.reasons import Reason

SUSPEND = "spec.suspend"
PAUSED = "metadata.annotations[autoscaling.keda.sh/paused]"
FINISHED = ("Complete", "Failed")


class SuspendSpec(ActionSpec):
    """The target to suspend."""


class Suspend(Action):
    """Suspends the target's workload, and holds it suspended.

    The workload is a CronJob, a Job, a Flux Kustomization or HelmRelease, an Argo CD Application (its automatic sync),
    or a KEDA ScaledObject (its scaling).
    """

    kind = "suspend"
    Spec = SuspendSpec
    reverts = (
        "The former value: it resumes, unless it was suspended before. A CronJob at once starts the newest run that it "
        "missed meanwhile, unless its startingDeadlineSeconds is over."
    )
    prepares = True
    rights = (
        *(Right("batch", f"{kind.lower()}s", CHANGE, of=(kind,)) for kind in ("CronJob", "Job")),
        Right("kustomize.toolkit.fluxcd.io", "kustomizations", CHANGE, of=("Kustomization",)),
        Right("helm.toolkit.fluxcd.io", "helmreleases", CHANGE, of=("HelmRelease",)),
        Right("argoproj.io", "applications", CHANGE, of=("Application",)),
        Right("keda.sh", "scaledobjects", CHANGE, of=("ScaledObject",)),
    )

    @staticmethod
    def plan(spec: SuspendSpec, context: PlanContext) -> Plan:  # the context has the target
        ref = context.workload
        way = PLANNERS.get((ref.group, ref.kind))
        if way is None:
            names = ", ".join(f"{kind} ({group})" for group, kind in PLANNERS)
            message = f"{ref}: a {ref.kind} of {ref.api_version} cannot be suspended; target one of {names}"
            raise Refused(Reason.NOT_SUSPENDABLE, message)
        return way(context.require(ref))

    @staticmethod
    def progress(
        spec: SuspendSpec, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        if desired.ref.kind != "CronJob" or isinstance(observed, Missing):
            return DONE
        return Progress(text=_missed(context.require(desired.ref)))

    @staticmethod
    def describe(spec: SuspendSpec) -> str:
        return f"suspend {spec.target}"


def _cron_job(observed: ObservedObject) -> Plan:
    active = [one["name"] for one in (observed.body.get("status") or {}).get("active") or ()]
    plan: list[DesiredField | Remark] = [DesiredField(observed.ref, SUSPEND, held=True)]
    if missed := _missed(observed):
        plan.append(
            Remark(Reason.MISSED_RUN, f"{observed.ref}: {missed}; release the switch at a time when that run may start")
        )
    if active:
        text = (
            f"{observed.ref}: Jobs that it has already started keep running: "
            f"{', '.join(f'Job/{name}' for name in active)}"
        )
        plan.append(Remark(Reason.STILL_RUNNING, text))
    return tuple(plan)


def _missed(observed: ObservedObject) -> str:
    """Describe the run that a release of the CronJob starts; empty if it was suspended before the throw."""
    spec = observed.body["spec"]
    if spec.get("suspend"):
        return ""
    deadline = spec.get("startingDeadlineSeconds")
    unless = "" if deadline is None else f", unless it was due more than {deadline} s before (startingDeadlineSeconds)"
    return f"the release at once starts the newest run that was missed while suspended{unless}"


def _job(observed: ObservedObject) -> Plan:
    status = observed.body.get("status") or {}
    ended = [
        one["type"] for one in status.get("conditions") or () if one["status"] == "True" and one["type"] in FINISHED
    ]
    if ended:
        return (Remark(Reason.NOTHING_TO_DO, f"{observed.ref} has ended ({ended[0]}), so there is nothing to suspend"),)
    desired = DesiredField(observed.ref, SUSPEND, held=True)
    if observed.body["spec"].get("suspend"):
        return (desired,)
    text = (
        f"{observed.ref}: suspending it deletes its pods ({status.get('active', 0)} now); new ones start at the release"
    )
    return (desired, Remark(Reason.PODS_DELETED, text))


def _flux(observed: ObservedObject) -> Plan:
    """Suspend a Flux object; by default the engine annotates it, so that its parent Kustomization does not undo it."""
    above = (observed.body["metadata"].get("labels") or {}).get(labels.FLUX_KUSTOMIZATION)
    desired = DesiredField(observed.ref, SUSPEND, held=True)
    if not above:
        return (desired,)
    text = (
        f"{observed.ref} is applied by the Kustomization {above}. The operator keeps that from applying it until "
        "the release, so its changes in Git wait; with spec.gitOps.flux: Ignore the Kustomization would undo "
        "the suspension"
    )
    return (desired, Remark(Reason.GITOPS, text))


def _argo_cd(observed: ObservedObject) -> Plan:
    if above := parent(observed):
        text = (
            f"{observed.ref} is managed by {above}, which would undo the suspension; suspend the automatic sync there"
        )
        raise Refused(Reason.GITOPS, text)
    if not is_automated(observed):
        text = f"{observed.ref} has no spec.syncPolicy.automated: it syncs only by hand, so there is nothing to suspend"
        return (Remark(Reason.NOTHING_TO_DO, text),)
    return (DesiredField(observed.ref, ENABLED, held=False),)


def _keda(observed: ObservedObject) -> Plan:
    return (DesiredField(observed.ref, PAUSED, "true"),)


PLANNERS: Mapping[tuple[str, str], Callable[[ObservedObject], Plan]] = {
    ("batch", "CronJob"): _cron_job,
    ("batch", "Job"): _job,
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): _flux,
    ("helm.toolkit.fluxcd.io", "HelmRelease"): _flux,
    ("argoproj.io", "Application"): _argo_cd,
    ("keda.sh", "ScaledObject"): _keda,
}
"""Keyed by API group and kind, since every version of these kinds has the field in the same place."""
