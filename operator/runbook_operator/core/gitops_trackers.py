"""Find the delivery tool that tracks an object, by the labels and annotations of the tool."""

from collections.abc import Mapping
from typing import Any

from runbook_operator.core import labels

LABELS = {
    labels.FLUX_KUSTOMIZATION: "the Flux Kustomization",
    labels.FLUX_HELM_RELEASE: "the Flux HelmRelease",
    labels.ARGOCD_INSTANCE: "the Argo CD Application or Helm release",
}
ANNOTATIONS = {
    labels.ARGOCD_TRACKING: "Argo CD by its tracking id",
    labels.HELM_RELEASE: "the Helm release",
}


def tracker(metadata: Mapping[str, Any]) -> str:
    """Return the tool and the name of its application or release; empty if no tool tracks the object."""
    for tools, marked in ((LABELS, metadata.get("labels")), (ANNOTATIONS, metadata.get("annotations"))):
        for key, tool in tools.items():
            if name := (marked or {}).get(key):
                return f"{tool} {name}"
    return ""
