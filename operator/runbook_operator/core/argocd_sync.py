"""Read the automatic sync of an Argo CD Application, and find out what manages the Application itself."""

from runbook_operator.core import field_paths, labels
from runbook_operator.core.observed_object import ObservedObject

ARGOCD = "argoproj.io/v1alpha1"
AUTOMATED = "spec.syncPolicy.automated"
ENABLED = f"{AUTOMATED}.enabled"


def parent(application: ObservedObject) -> str:
    """Return what manages the Application and would undo a pause of it; empty if nothing does."""
    meta = application.body["metadata"]
    if any(owner.get("kind") == "ApplicationSet" for owner in meta.get("ownerReferences", ())):
        return "an ApplicationSet"
    tracked = (meta.get("annotations") or {}).get(labels.ARGOCD_TRACKING)
    return "another Application" if tracked else ""


def is_automated(application: ObservedObject) -> bool:
    """True if it has an automatic sync, paused or not: `automated: {}` is one."""
    return field_paths.get(application.body, AUTOMATED) is not None


def syncs(application: ObservedObject) -> bool:
    """True if it has an automatic sync that is not paused."""
    return is_automated(application) and field_paths.get(application.body, ENABLED) is not False
