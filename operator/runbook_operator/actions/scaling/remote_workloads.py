"""Detect workloads that are only a template for Flagger or Argo Rollouts: changing their replicas has no effect."""

from collections.abc import Iterable

from runbook_operator.actions.plan_context import Body
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

CANARY = ("flagger.app/v1beta1", "Canary", "")
ROLLOUT = ("argoproj.io/v1alpha1", "Rollout", "")


def check(workload: Ref, canaries: Iterable[Body], rollouts: Iterable[Body]) -> None:
    """Raise Refused if the pods run from another workload; the message names that workload."""
    for canary in canaries:
        if workload.is_meant_by(_reference(canary, "targetRef")):
            raise Refused(
                Reason.DELIVERY_OWNED,
                f"{workload} is the template of Flagger's Canary/{canary['metadata']['name']} and has 0 "
                f"replicas between releases; {workload.name}-primary runs the pods: name {workload}-primary in "
                "spec.targets",
            )
    for rollout in rollouts:
        if workload.is_meant_by(_reference(rollout, "workloadRef")):
            name = rollout["metadata"]["name"]
            raise Refused(
                Reason.DELIVERY_OWNED,
                f"{workload} is only the template of the Argo Rollout {name}, which runs the pods: name "
                f"apiVersion {ROLLOUT[0]}, kind {ROLLOUT[1]}, name {name} in spec.targets",
            )


def _reference(body: Body, key: str) -> Body:
    reference: Body = (body.get("spec") or {}).get(key) or {}
    return reference
