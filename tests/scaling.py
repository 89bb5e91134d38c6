"""What scales a workload, runs it, or counts its pods, as the API server gives it and as a user writes it."""

from typing import Any

from tests.builders import Body

WORKLOAD: Body = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
QUEUE: Body = {
    "type": "External",
    "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "1"}},
}
"""A metric that can be read without pods, which minReplicas: 0 asks for."""


def hpa(low: int = 2, high: int = 10, name: str = "web", **spec: Any) -> Body:
    """A HorizontalPodAutoscaler of the Deployment web."""
    usual: Body = {"scaleTargetRef": WORKLOAD, "minReplicas": low, "maxReplicas": high}
    metrics: Body = {"metrics": [QUEUE]} if low == 0 else {}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": usual | metrics | spec,
    }


def scaled_object(name: str = "web", annotations: Body | None = None, **spec: Any) -> Body:
    """A KEDA ScaledObject of the Deployment web, which it need not say the kind of."""
    metadata = {"name": name} | ({"annotations": annotations} if annotations else {})
    usual: Body = {"scaleTargetRef": {"name": "web"}, "triggers": [{"type": "cron", "metadata": {}}]}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": usual | spec}


def canary(target: str = "web") -> Body:
    """A Flagger Canary."""
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "shop"},
        "spec": {"targetRef": WORKLOAD | {"name": target}},
    }


def rollout(name: str = "web-rollout", **spec: Any) -> Body:
    """An Argo Rollout."""
    metadata = {"name": name}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec}


def budget(selector: Body | None = None, **spec: Any) -> Body:
    """A PodDisruptionBudget of the pods of web."""
    usual: Body = {"selector": {"matchLabels": {"app": "web"}} if selector is None else selector}
    metadata = {"name": "web"}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": usual | spec}
