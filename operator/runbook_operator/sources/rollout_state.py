"""rollout: how far the controller of a workload is with its pods."""

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
    UnfitError,
    part,
)

TIMED = (DEPLOYMENT, ROLLOUT)
"""The kinds that have a progressDeadlineSeconds."""


class RolloutNumberSpec(ApiModel):
    """Of which workload."""

    target: TargetName = Field(description="The target in spec.targets; it must have a workload.")
    measure: Literal["Overdue", "Unavailable"] = Field(
        "Overdue",
        description="Overdue is 1 where a rollout has exceeded the workload's progressDeadlineSeconds, and else 0; "
        "Deployments and Argo Rollouts have one. Unavailable is how many of the replicas that it should have are not "
        "available.",
    )


class RolloutNumber(Source):
    """How a target's rollout goes: whether it is overdue, or how many replicas are not available."""

    kind = "rollout"
    Spec = RolloutNumberSpec
    rights = WORKLOADS

    @staticmethod
    def request(spec: RolloutNumberSpec, namespace: str, target: TargetRefs) -> AskObject:  # noqa: ARG004 # target's
        workload = part(target, target.workload, "workload")
        if _kind(workload) not in KINDS:
            raise UnfitError("target", f"{workload} has no rollouts, which Deployments and their like have")
        if spec.measure == "Overdue" and _kind(workload) not in TIMED:
            raise UnfitError("measure", f"{workload} has no progressDeadlineSeconds; measure Unavailable")
        return AskObject(workload)

    @staticmethod
    def number(spec: RolloutNumberSpec, found: Found) -> Number:
        ref, rolling = found.what.ref, rolling_out(found.what)
        if not rolling.observed:
            raise NoNumberError("NotObserved", f"the controller of {ref} has not taken up its last change yet")
        value = rolling.overdue if spec.measure == "Overdue" else max(0, rolling.desired - rolling.available)
        return Number(float(value), ", ".join(filter(None, (str(ref), str(rolling)))))


def _kind(ref: Ref) -> tuple[str, str]:
    return (ref.api_version, ref.kind)
