"""Keep GitOps tools from undoing held values, in the same way for all actions.

Flux has an annotation for one object, which the switch holds as one more field. Argo CD has none: its Application
ignores the field, or its automatic sync is paused if the Runbook declares that.
"""

from collections.abc import Sequence
from typing import Any

from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.api.gitops_spec import GitOps
from runbook_operator.core import field_paths
from runbook_operator.core import labels as marks
from runbook_operator.core.argocd_sync import ARGOCD, ENABLED, parent, syncs
from runbook_operator.core.desired_fields import OBJECT, DesiredField, Refused, Remark
from runbook_operator.core.observed_object import REPLICAS, Missing, ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot

HOLDS = (
    (marks.FLUX_KUSTOMIZATION, marks.FLUX_RECONCILE),
    (marks.FLUX_HELM_RELEASE, marks.FLUX_DRIFT),
)
"""The label that names a Flux owner, and the annotation that stops its writes."""


def guards(
    snapshot: Snapshot, context: PlanContext, desired_fields: Sequence[DesiredField]
) -> tuple[list[DesiredField], list[Remark]]:
    """Return the fields to hold before `desired_fields`, and the remarks on the tools that apply their objects."""
    rules = _rules(snapshot)
    held: list[DesiredField] = []
    remarks: list[Remark] = []
    for ref in dict.fromkeys(
        desired.ref for desired in desired_fields if desired.field != OBJECT and desired.mode != "Once"
    ):
        fields_held = [desired.field for desired in desired_fields if desired.ref == ref]
        found = context.observed(ref, fields_held != [REPLICAS])
        if isinstance(found, Missing):
            continue
        if rules.flux == "Annotate" and context.throw.momentary:
            remarks += [_left_to_flux(found) for _ in _flux(found)]
        elif rules.flux == "Annotate":
            held += [DesiredField(ref, f"metadata.annotations[{key}]", "disabled") for key in _flux(found)]
        if (app := application(found)) is not None and rules.argo_cd != "Ignore":
            more, said = _argo_cd(context, found, app, fields_held, rules)
            held += more
            remarks += said
        remarks += _helm(found)
    return held, remarks


def application(observed: ObservedObject) -> str | None:
    """Return the Argo CD Application that tracks the object, as the tracking id has it (`name` or `namespace_name`).

    An id that was copied along with a manifest names another object, and Argo CD ignores it too.
    """
    tracking = _annotation(observed, marks.ARGOCD_TRACKING)
    app, _, rest = tracking.partition(":")
    group, _, version = observed.ref.api_version.rpartition("/")
    own = f"{group}/{observed.ref.kind}:{observed.ref.namespace}/{observed.ref.name}"
    return app if app and version and rest == own else None


def _rules(snapshot: Snapshot) -> GitOps:
    spec = snapshot.runbook.spec if snapshot.runbook else None
    return spec.git_ops if spec else GitOps()


def _flux(observed: ObservedObject) -> list[str]:
    """Return the annotations to hold on the object; a release restores one that another client had set."""
    labels = observed.body["metadata"].get("labels") or {}
    return [annotation for label, annotation in HOLDS if label in labels]


def _left_to_flux(observed: ObservedObject) -> Remark:
    text = (
        f"{observed.ref} is applied by Flux, which undoes this if the field is in Git, since a momentary switch "
        "holds nothing; leave the field out of Git"
    )
    return Remark(Reason.GITOPS, text)


def _argo_cd(
    context: PlanContext, observed: ObservedObject, app: str, held: list[str], rules: GitOps
) -> tuple[list[DesiredField], list[Remark]]:
    namespace, _, name = app.rpartition("_")
    if namespace != context.namespace:
        return [], [_unknown(observed, app)]
    ref = Ref(ARGOCD, "Application", context.namespace, name)
    try:
        live = context.require(ref)
    except Refused as refused:
        return [], [
            Remark(Reason.GITOPS, f"{observed.ref} belongs to the Argo CD Application {app}: {refused.message}")
        ]
    if not syncs(live):
        return [], []
    if rules.argo_cd == "PauseAutoSync" and not context.throw.momentary:
        return _pause(ref, live, app)
    if lets_be(live.body, observed, held):
        return [], []
    return [], [
        Remark(
            Reason.GITOPS,
            f"{observed.ref} belongs to the Argo CD Application {app}, which resets {', '.join(held)}: add it to "
            "ignoreDifferences with RespectIgnoreDifferences=true, or set spec.gitOps.argoCD: PauseAutoSync",
        )
    ]


def _unknown(observed: ObservedObject, app: str) -> Remark:
    """Return the remark on an Application in another namespace, which the Runbook cannot reach."""
    text = (
        f"{observed.ref} belongs to the Argo CD Application {app}, which is in another namespace, so the operator "
        "cannot pause it: if it syncs automatically it resets what the switch holds, and the operator writes "
        "it again; add the field to its ignoreDifferences with RespectIgnoreDifferences=true"
    )
    return Remark(Reason.GITOPS, text)


def _pause(ref: Ref, live: ObservedObject, app: str) -> tuple[list[DesiredField], list[Remark]]:
    """Pause the automatic sync, except if another Application manages this one and would undo that."""
    if above := parent(live):
        text = (
            f"Argo CD Application {app} is managed by {above}, which would undo a pause, so the operator does "
            "not pause it"
        )
        return [], [Remark(Reason.GITOPS, text)]
    return [DesiredField(ref, ENABLED, held=False)], []


def lets_be(app: Any, observed: ObservedObject, held: Sequence[str]) -> bool:
    """True if the Application neither shows nor syncs differences in all of these fields."""
    options = field_paths.get(app, "spec.syncPolicy.syncOptions") or ()
    if "RespectIgnoreDifferences=true" not in options:
        return False
    group = observed.ref.api_version.rpartition("/")[0]
    rules = [
        rule
        for rule in field_paths.get(app, "spec.ignoreDifferences") or ()
        if rule.get("kind") in (observed.ref.kind, "*") and rule.get("group", "") in (group, "*")
        if rule.get("name", observed.ref.name) == observed.ref.name
    ]
    pointers = {pointer for rule in rules for pointer in rule.get("jsonPointers", ())}
    managers = {manager for rule in rules for manager in rule.get("managedFieldsManagers", ())}
    return "runbook-operator" in managers or all(_pointer(field) in pointers for field in held)


def _pointer(field: str) -> str:
    """Return a plain field path as a JSON pointer."""
    return "/" + field.replace(".", "/")


def _helm(observed: ObservedObject) -> list[Remark]:
    """Return a remark on the Helm release. Helm writes only at an upgrade, so there is nothing to pause."""
    labels = observed.body["metadata"].get("labels") or {}
    release = _annotation(observed, marks.HELM_RELEASE)
    if labels.get(marks.MANAGED_BY) != "Helm" or not release or marks.FLUX_HELM_RELEASE in labels:
        return []
    return [
        Remark(
            Reason.GITOPS,
            (
                f"{observed.ref} belongs to the Helm release {release}: an upgrade during the "
                "engagement overwrites the "
                "held value"
            ),
        )
    ]


def _annotation(observed: ObservedObject, key: str) -> str:
    return str((observed.body["metadata"].get("annotations") or {}).get(key, ""))
