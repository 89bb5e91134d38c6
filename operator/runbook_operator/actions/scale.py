"""scale: set a workload's replicas through its scale subresource, and pin the autoscalers that would change them."""

from typing import Any, Literal

from pydantic import Field

from runbook_operator.actions import pod_creation_failures
from runbook_operator.actions.action_base import DONE, Action, Plan
from runbook_operator.actions.action_rights import CHANGE, READ, Right
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.rolling_restart import going
from runbook_operator.actions.scaling import disruption_budgets, remote_workloads
from runbook_operator.actions.scaling.autoscalers import HPA, SCALED_OBJECT, Autoscaler, autoscalers
from runbook_operator.actions.scaling.replica_amounts import ScaleAmount, amount
from runbook_operator.core.desired_fields import DesiredField, Progress, Refused, Remark
from runbook_operator.core.observed_object import REPLICAS, Missing, ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

BUILT_IN = ("Deployment", "StatefulSet")
LOOKED_AT = (SCALED_OBJECT, HPA, remote_workloads.CANARY, remote_workloads.ROLLOUT, disruption_budgets.BUDGET)


class ScaleSpec(ScaleAmount):
    """The number of replicas, and how to treat an autoscaler."""

    autoscaler: Literal["Pin", "Refuse"] = Field(
        "Pin",
        description="Treatment of a HorizontalPodAutoscaler or a KEDA ScaledObject that scales the workload. Pin holds "
        "it at the same number and restores it on release. Refuse refuses the throw, with a message. A momentary "
        "switch pins nothing and stays within the autoscaler's bounds.",
    )


class Scale(Action):
    """Sets the replicas of the target's workload, and holds them and the workload's autoscaler at that number."""

    kind = "scale"
    Spec = ScaleSpec
    reverts = "The former number of replicas, and the autoscaler's fields."
    prepares = True
    rights = (
        *(Right("apps", f"{kind.lower()}s", READ, of=(kind,)) for kind in BUILT_IN),
        *(Right("apps", f"{kind.lower()}s/scale", ("get", "patch"), of=(kind,)) for kind in BUILT_IN),
        Right("argoproj.io", "rollouts", READ),
        Right("argoproj.io", "rollouts/scale", ("get", "patch"), of=("Rollout",)),
        Right("autoscaling", "horizontalpodautoscalers", CHANGE),
        Right("flagger.app", "canaries", READ),
        Right("keda.sh", "scaledobjects", CHANGE),
        Right("policy", "poddisruptionbudgets", READ),
        *pod_creation_failures.RIGHTS,
    )

    @staticmethod
    def plan(spec: ScaleSpec, context: PlanContext) -> Plan:
        observed = context.require(context.workload, whole=False)
        if not observed.scalable:
            kind = observed.ref.kind
            text = f"{observed.ref}: a {kind} has no scale subresource; target a workload that has one"
            raise Refused(Reason.NOT_SCALABLE, text)
        scaled_objects, hpas, canaries, rollouts, budgets = context.find_all(*LOOKED_AT)
        remote_workloads.check(observed.ref, canaries, rollouts)
        others = autoscalers(context, observed.ref, scaled_objects, hpas)
        if others and spec.autoscaler == "Refuse":
            raise _refusal(observed.ref, others[0])
        if context.throw.momentary:
            number, before, said = _within(spec, observed, others)
        else:
            number, said = amount(spec, observed.replicas), []
            before = [desired for one in others for desired in one.pinned(number)]
        return (
            *before,
            DesiredField(observed.ref, REPLICAS, number),
            *said,
            *disruption_budgets.remarks(observed, number, budgets),
        )

    @staticmethod
    def describe(spec: Any) -> str:
        if spec.factor is not None:
            return f"scale {spec.target} times {spec.factor:g}"
        step = f"to {spec.replicas}" if spec.replicas is not None else f"by {spec.by:+d}"
        return f"scale {spec.target} {step}"

    @staticmethod
    def progress(
        spec: Any, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        """Report how many pods are ready; a throw does not wait for them."""
        if desired.field != REPLICAS or isinstance(observed, Missing) or observed.replicas != desired.held:
            return DONE
        are_missing = (observed.body.get("status") or {}).get("replicas", 0) < desired.held
        return going(context, observed, pods(observed)) if are_missing else Progress(text=pods(observed))


def pods(workload: ObservedObject) -> str:
    """Describe how many pods are still to start or terminate, empty if none; for a custom kind, by its own counts.

    A StatefulSet's replicas include terminating pods; a Deployment counts them separately, since Kubernetes 1.35.
    """
    status, wanted = workload.body.get("status") or {}, workload.replicas
    counts = {key: value for key, value in status.items() if isinstance(value, int)}
    counts_ready = "readyReplicas" in counts or (bool(status) and workload.ref.group == "apps")
    ready = counts.get("readyReplicas", 0) if counts_ready else wanted
    going = max(0, counts.get("replicas", 0) - wanted) + counts.get("terminatingReplicas", 0)
    words = [f"{ready} of {wanted} ready"] if ready < wanted else []
    return ", ".join([*words, f"{going} still terminating"] if going else words)


def _within(
    spec: ScaleSpec, observed: ObservedObject, others: list[Autoscaler]
) -> tuple[int, list[DesiredField], list[Remark]]:
    """Return the number within the autoscalers' bounds, no pins, and remarks about what the autoscalers do next."""
    asked = amount(spec, observed.replicas)
    awake = [one for one in others if asked > 0 or not one.rests_at_zero]
    number = amount(spec, observed.replicas, *(one.bounds for one in awake))
    return number, [], [_loose(observed.ref, asked, number, one) for one in awake]


def _loose(workload: Ref, asked: int, number: int, other: Autoscaler) -> Remark:
    low, high = other.bounds
    instead = f" and not to {asked}" if number != asked else ""
    return Remark(
        Reason.AUTOSCALER_OWNED,
        f"{workload} to {number}{instead}: {other.ref} keeps it between {low} and {high} and continues to "
        "scale it by its metrics, since a momentary switch holds nothing; change its bounds, or use a kill "
        "switch, which pins it",
    )


def _refusal(workload: Ref, other: Autoscaler) -> Refused:
    return Refused(
        Reason.AUTOSCALER_OWNED,
        f"{workload} is scaled by {other.ref}, and autoscaler: Refuse does not override it; set autoscaler: "
        "Pin to hold both",
    )
