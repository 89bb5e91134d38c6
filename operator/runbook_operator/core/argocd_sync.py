"""What an Argo CD Application says about its automatic sync, and who else would take a change of it back."""

from runbook_operator.core import field_paths, labels
from runbook_operator.core.observed_object import Seen

ARGOCD = "argoproj.io/v1alpha1"
AUTOMATED = "spec.syncPolicy.automated"
ENABLED = f"{AUTOMATED}.enabled"


def parent(application: Seen) -> str:
    """Who manages the Application itself, and would undo a pause of it; empty where nobody does."""
    meta = application.body["metadata"]
    if any(owner.get("kind") == "ApplicationSet" for owner in meta.get("ownerReferences", ())):
        return "an ApplicationSet"
    tracked = (meta.get("annotations") or {}).get(labels.ARGOCD_TRACKING)
    return "another Application" if tracked else ""


def is_automated(application: Seen) -> bool:
    """Whether it has an automatic sync, be it paused or not: `automated: {}` is one."""
    return field_paths.get(application.body, AUTOMATED) is not None


def syncs(application: Seen) -> bool:
    """Whether it syncs by itself now."""
    return is_automated(application) and field_paths.get(application.body, ENABLED) is not False
