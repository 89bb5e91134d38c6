"""Name the client that changed a field, and advise how to stop a field manager that keeps writing it."""

from collections.abc import Mapping

from runbook_operator.core.kubectl_commands import clear, silence
from runbook_operator.core.observed_object import REPLICAS
from runbook_operator.core.references import MANAGER, Ref

HINTS: Mapping[str, str] = {
    "kustomize-controller": "Flux applies it from Git: annotate the target with "
    "kustomize.toolkit.fluxcd.io/reconcile=disabled while the switch is engaged, or leave the field out of Git",
    "helm-controller": "Flux applies it from a HelmRelease: annotate the target with "
    "helm.toolkit.fluxcd.io/driftDetection=disabled while the switch is engaged, or leave the field out of the chart",
    "argocd": "Argo CD applies it from Git: leave the field out of Git, or add it to ignoreDifferences together with "
    "RespectIgnoreDifferences=true",
    "helm": "Helm wrote it in an upgrade: run no upgrade until the switch is released, or leave the field out "
    "of the chart",
    "kube-controller-manager": "a HorizontalPodAutoscaler scales it: set its minReplicas and maxReplicas to the held "
    "number, or hold 0 replicas, which pauses it",
    "keda": "KEDA scales it: annotate its ScaledObject with autoscaling.keda.sh/paused-replicas while the switch is "
    "engaged",
    "kubectl": "kubectl wrote it: find the person or the script that uses it, and stop that",
}
ADMISSION = "an admission policy or a webhook, in a write of the operator,"
NAMELESS = "a client for which the API server names no manager"
USUAL = "usually kubectl scale or an autoscaler"
REMOVED = "the API server names none for a removed field"
UNNAMED_CLIENT = "a client that the API server does not name"
"""The author of the spec of a Switch if its managedFields record none."""
FIND = (
    "find the writer, which the API server does not record for a write through the scale subresource from 0: "
    "an autoscaler (kubectl -n {namespace} get hpa) or a person with kubectl scale"
)
ANYBODY = "stop it from writing this field"


def author(manager: str, field: str) -> str:
    """Return the subject of a sentence about a change: a field manager, since the person behind it is unknown."""
    if manager == MANAGER:
        return ADMISSION
    return manager or f"{NAMELESS} ({USUAL if field == REPLICAS else REMOVED})"


def hint(manager: str, switch: Ref, *, automatic: bool = False) -> str:
    """Return the advice that ends the contest with this field manager: the longest prefix of its name in HINTS decides.

    `automatic` is True if automation holds the switch: then only a silence releases it.
    """
    known = [name for name in HINTS if manager.startswith(name)]
    named = HINTS[max(known, key=len)] if known else ANYBODY
    way = named if manager else FIND.format(namespace=switch.namespace)
    command = silence(switch, expires_after="1h") if automatic else clear(switch)
    return f"{way}; or release the switch: {command}"
