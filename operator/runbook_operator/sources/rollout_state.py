"""rollout: whether a workload's rollout is overdue, or how many of its replicas are unavailable."""

from typing import Literal

from pydantic import Field

from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.monitors import AskObject
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import DEPLOYMENT, KINDS, ROLLOUT, rolling_out
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources.source_base import (
    WORKLOADS,
    Found,
    NoNumberError,
    Number,
    Source,
    TargetName,
    UnreadableSpecError,
    require_ref,
)

TIMED = (DEPLOYMENT, ROLLOUT)
"""Kinds with a progressDeadlineSeconds."""


class RolloutNumberSpec(ApiModel):
    """The target, and what to measure about its rollout."""

    target: TargetName = Field(description="Name of an entry of spec.targets; it must have a workload.")
    measure: Literal["Overdue", "Unavailable"] = Field(
        "Overdue",
        description="Overdue: 1 if the rollout has exceeded the workload's progressDeadlineSeconds, else 0; only for "
        "Deployments and Argo Rollouts. Unavailable: the desired number of replicas minus the available ones.",
    )


class RolloutNumber(Source):
    """Reads from the target's workload if its rollout is overdue, or how many replicas are unavailable."""

    kind = "rollout"
    Spec = RolloutNumberSpec
    rights = WORKLOADS

    @staticmethod
    def request(spec: RolloutNumberSpec, namespace: str, target: TargetRefs) -> AskObject:  # noqa: ARG004 # the base signature
        workload = require_ref(target, target.workload, "workload")
        if _kind(workload) not in KINDS:
            raise UnreadableSpecError(
                "target", f"{workload} has no rollout; target a Deployment, or another kind that has one"
            )
        if spec.measure == "Overdue" and _kind(workload) not in TIMED:
            raise UnreadableSpecError("measure", f"{workload} has no progressDeadlineSeconds; use measure Unavailable")
        return AskObject(workload)

    @staticmethod
    def number(spec: RolloutNumberSpec, found: Found) -> Number:
        ref, rolling = found.what.ref, rolling_out(found.what)
        if not rolling.is_status_current:
            raise NoNumberError("NotObserved", f"the controller of {ref} has not processed its last change yet")
        value = rolling.overdue if spec.measure == "Overdue" else max(0, rolling.desired - rolling.available)
        return Number(float(value), ", ".join(filter(None, (str(ref), str(rolling)))))


def _kind(ref: Ref) -> tuple[str, str]:
    return (ref.api_version, ref.kind)
