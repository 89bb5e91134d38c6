"""What an Argo CD Application says about its automatic sync, and who else would take a change of it back."""

from runbook_operator.model import fields, marks
from runbook_operator.model.seen import Seen

ARGOCD = "argoproj.io/v1alpha1"
AUTOMATED = "spec.syncPolicy.automated"
ENABLED = f"{AUTOMATED}.enabled"


def parent(application: Seen) -> str:
    """Who manages the Application itself, and would undo a pause of it; empty where nobody does."""
    meta = application.body["metadata"]
    if any(owner.get("kind") == "ApplicationSet" for owner in meta.get("ownerReferences", ())):
        return "an ApplicationSet"
    tracked = (meta.get("annotations") or {}).get(marks.ARGOCD_TRACKING)
    return "another Application" if tracked else ""


def is_automated(application: Seen) -> bool:
    """Whether it has an automatic sync, be it paused or not: `automated: {}` is one."""
    return fields.get(application.body, AUTOMATED) is not None


def syncs(application: Seen) -> bool:
    """Whether it syncs by itself now."""
    return is_automated(application) and fields.get(application.body, ENABLED) is not False
