"""The labels and annotations by which GitOps tools, and our own rollback, recognize an object."""

FLUX_KUSTOMIZATION = "kustomize.toolkit.fluxcd.io/name"
FLUX_HELM_RELEASE = "helm.toolkit.fluxcd.io/name"
FLUX_RECONCILE = "kustomize.toolkit.fluxcd.io/reconcile"
FLUX_DRIFT = "helm.toolkit.fluxcd.io/driftDetection"
ARGOCD_TRACKING = "argocd.argoproj.io/tracking-id"
ARGOCD_INSTANCE = "app.kubernetes.io/instance"
HELM_RELEASE = "meta.helm.sh/release-name"
MANAGED_BY = "app.kubernetes.io/managed-by"
REVISION = "deployment.kubernetes.io/revision"

MARKS = frozenset(
    {
        *(FLUX_KUSTOMIZATION, FLUX_HELM_RELEASE, FLUX_RECONCILE, FLUX_DRIFT),
        *(ARGOCD_TRACKING, ARGOCD_INSTANCE, HELM_RELEASE, MANAGED_BY, REVISION),
    }
)

RUNBOOK = "runbooks.dev/runbook"
SWITCH = "runbooks.dev/switch"
ENGAGEMENT = "runbooks.dev/engagement-id"
"""Our own labels and annotations on created objects: their Runbook, Switch and engagement."""

ENGAGED_BY = "runbooks.dev/engaged-by"
"""Annotation of a Switch: a generation of its `spec`, with the time and the user of that write from the API server.

Example: `7 2026-11-24T03:00:00Z alice@corp.io`. A policy of an older chart writes no time.

The chart's admission policies write it, and let no other client write it.
"""

ACKNOWLEDGED_BY = "runbooks.dev/acknowledged-by"
RESOLVED_BY = "runbooks.dev/resolved-by"
NOTED_BY = "runbooks.dev/noted-by"
OPENED_BY = "runbooks.dev/opened-by"
"""Annotations of an Incident: the time and the user of the write that set `acknowledged`, `resolved` or `note`, or that
created it.

Example: `2026-11-24T03:00:00Z alice@corp.io`. The chart's admission policies write them, as they do `ENGAGED_BY`.
"""
