"""Find the autoscalers of a workload (HorizontalPodAutoscaler, KEDA ScaledObject) and plan how to pin them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.core.desired_fields import DesiredField
from runbook_operator.core.references import Ref, meta_of

SCALED_OBJECT = ("keda.sh/v1alpha1", "ScaledObject", "")
HPA = ("autoscaling/v2", "HorizontalPodAutoscaler", "")
PAUSED = "metadata.annotations[autoscaling.keda.sh/paused-replicas]"
BOUNDS = "spec{minReplicas,maxReplicas}"
BEHAVIOR = "spec.behavior"
SCALE_UP = f"{BEHAVIOR}.scaleUp.selectPolicy"
NO_SCALE_UP: Mapping[str, Any] = {
    "scaleUp": {
        "selectPolicy": "Disabled",
        "stabilizationWindowSeconds": 0,
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    },
    "scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
}
"""A complete behavior with every default of autoscaling/v2, so that the API server adds nothing to it."""


@dataclass(frozen=True)
class Autoscaler(ABC):
    """An autoscaler; `body` is the object as it would be if no switch held a field of it."""

    body: Body

    @property
    def ref(self) -> Ref:
        return meta_of(self.body).ref

    @property
    def spec(self) -> Body:
        spec: Body = self.body.get("spec") or {}
        return spec

    @property
    @abstractmethod
    def bounds(self) -> tuple[int, int]:
        """The least and the most replicas that the autoscaler sets."""

    @property
    @abstractmethod
    def rests_at_zero(self) -> bool:
        """True if the autoscaler does nothing while the workload is scaled to 0 by another writer."""

    @abstractmethod
    def pinned(self, number: int) -> tuple[DesiredField, ...]:
        """Return the writes that keep the autoscaler at this number of replicas."""


class ScaledObject(Autoscaler):
    """KEDA's autoscaler: while its annotation has a number, it scales to that number and does nothing else."""

    @property
    def bounds(self) -> tuple[int, int]:
        return int(self.spec.get("minReplicaCount", 0)), int(self.spec.get("maxReplicaCount", 100))

    @property
    def rests_at_zero(self) -> bool:
        return False

    def pinned(self, number: int) -> tuple[DesiredField, ...]:
        return (DesiredField(self.ref, PAUSED, str(number)),)


class HorizontalPodAutoscaler(Autoscaler):
    """Kubernetes' own autoscaler: it clamps to its bounds before it reads a metric, and does nothing at 0 replicas.

    It still scales from a 0 that it has set itself (condition ScaledToZero), and before Kubernetes 1.37 from any 0 if
    minReplicas is 0.
    """

    @property
    def bounds(self) -> tuple[int, int]:
        return int(self.spec.get("minReplicas", 1)), int(self.spec["maxReplicas"])

    @property
    def rests_at_zero(self) -> bool:
        return self.bounds[0] > 0 and not (self._has_scaled_to_zero and self._has_metrics_at_zero)

    def pinned(self, number: int) -> tuple[DesiredField, ...]:
        if number > 0:
            return (DesiredField(self.ref, BOUNDS, {"minReplicas": number, "maxReplicas": number}),)
        if self.rests_at_zero:
            return ()
        frozen = DesiredField(self.ref, SCALE_UP, "Disabled") if self.spec.get("behavior") else None
        desired_fields = (frozen or DesiredField(self.ref, BEHAVIOR, NO_SCALE_UP),)
        # From a 0 that it has set itself, it scales to minReplicas regardless of its behavior.
        return (
            desired_fields if self.bounds[0] == 0 else (*desired_fields, DesiredField(self.ref, "spec.minReplicas", 0))
        )

    @property
    def _has_scaled_to_zero(self) -> bool:
        conditions = (self.body.get("status") or {}).get("conditions") or ()
        return any((one["type"], one["status"]) == ("ScaledToZero", "True") for one in conditions)

    @property
    def _has_metrics_at_zero(self) -> bool:
        """True if some metric can be read without pods; minReplicas may be 0 only with such a metric."""
        return any(one.get("type") in ("Object", "External") for one in self.spec.get("metrics") or ())


def autoscalers(
    context: PlanContext, workload: Ref, scaled_objects: Iterable[Body], hpas: Iterable[Body]
) -> list[Autoscaler]:
    """Return the workload's autoscalers. It skips a HorizontalPodAutoscaler that KEDA made for a ScaledObject."""
    usual = {"apiVersion": "apps/v1", "kind": "Deployment"}
    keda = [ScaledObject(context.original(one)) for one in scaled_objects if workload.is_meant_by(usual | _target(one))]
    own = [one for one in hpas if workload.is_meant_by(_target(one)) and not _is_of_keda(one)]
    return [*keda, *(HorizontalPodAutoscaler(context.original(one)) for one in own)]


def _target(body: Body) -> dict[str, Any]:
    reference = (body.get("spec") or {}).get("scaleTargetRef") or {}
    return {key: value for key, value in reference.items() if value}


def _is_of_keda(body: Body) -> bool:
    owners = body["metadata"].get("ownerReferences", ())
    return any((one["kind"], one["apiVersion"].partition("/")[0]) == ("ScaledObject", "keda.sh") for one in owners)
