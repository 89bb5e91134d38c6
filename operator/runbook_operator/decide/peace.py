"""How to make peace with a field manager that keeps writing what a switch holds."""

from collections.abc import Mapping

HINTS: Mapping[str, str] = {
    "kustomize-controller": "Flux applies it from Git: annotate the target with "
    "kustomize.toolkit.fluxcd.io/reconcile=disabled while the switch is engaged, or leave the field out of Git",
    "helm-controller": "Flux applies it from a HelmRelease: annotate the target with "
    "helm.toolkit.fluxcd.io/driftDetection=disabled while the switch is engaged, or leave the field out of the chart",
    "argocd": "Argo CD applies it from Git: leave the field out of Git, or add it to ignoreDifferences together with "
    "RespectIgnoreDifferences=true",
    "helm": "Helm wrote it in an upgrade: hold upgrades until the switch is released, or leave the field "
    "out of the chart",
    "kube-controller-manager": "a HorizontalPodAutoscaler scales it: set its minReplicas and maxReplicas to the held "
    "number, or hold 0 replicas, which pauses it",
    "keda": "KEDA scales it: annotate its ScaledObject with autoscaling.keda.sh/paused-replicas while the switch is "
    "engaged",
    "kubectl": "a person uses kubectl: release the switch instead",
}
NOBODY = (
    "the API server names nobody, as after a write through the scale subresource from 0: an autoscaler or kubectl scale"
)
ANYBODY = "stop it from writing this field, or release the switch"


def hint(manager: str) -> str:
    """What a person can do about this field manager; the longest name that it begins with decides."""
    if not manager:
        return NOBODY
    known = [name for name in HINTS if manager.startswith(name)]
    return HINTS[max(known, key=len)] if known else ANYBODY
