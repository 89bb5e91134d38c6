"""Keep GitOps tools from undoing held values, in the same way for all actions.

Flux has an annotation for one object, which the switch holds as one more field. Argo CD has none: its Application
ignores the field, or its automatic sync is paused if the Runbook declares that.
"""

from collections.abc import Sequence
from typing import Any

from runbook_operator.actions.plan_context import Scene
from runbook_operator.api.gitops_spec import GitOps
from runbook_operator.core import field_paths
from runbook_operator.core import labels as marks
from runbook_operator.core.argocd_sync import ARGOCD, ENABLED, parent, syncs
from runbook_operator.core.desired_fields import OBJECT, Aim, Refused, Remark
from runbook_operator.core.observed_object import REPLICAS, Missing, Seen
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import World

HOLDS = (
    (marks.FLUX_KUSTOMIZATION, marks.FLUX_RECONCILE),
    (marks.FLUX_HELM_RELEASE, marks.FLUX_DRIFT),
)
"""The label that names a Flux owner, and the annotation that stops its writes."""


def guards(world: World, scene: Scene, aims: Sequence[Aim]) -> tuple[list[Aim], list[Remark]]:
    """Return the fields to hold before `aims`, and the remarks on the owners of their objects."""
    rules = _rules(world)
    held: list[Aim] = []
    remarks: list[Remark] = []
    for ref in dict.fromkeys(aim.ref for aim in aims if aim.field != OBJECT and aim.mode != "Once"):
        fields_held = [aim.field for aim in aims if aim.ref == ref]
        found = scene.seen(ref, fields_held != [REPLICAS])
        if isinstance(found, Missing):
            continue
        if rules.flux == "Annotate" and scene.throw.momentary:
            remarks += [_left_to_flux(found) for _ in _flux(found)]
        elif rules.flux == "Annotate":
            held += [Aim(ref, f"metadata.annotations[{key}]", "disabled") for key in _flux(found)]
        if (app := application(found)) is not None and rules.argo_cd != "Ignore":
            more, said = _argo_cd(scene, found, app, fields_held, rules)
            held += more
            remarks += said
        remarks += _helm(found)
    return held, remarks


def application(seen: Seen) -> str | None:
    """Return the Argo CD Application that tracks the object, as the tracking id has it (`name` or `namespace_name`).

    An id that was copied along with a manifest names another object, and Argo CD ignores it too.
    """
    tracking = _annotation(seen, marks.ARGOCD_TRACKING)
    app, _, rest = tracking.partition(":")
    group, _, version = seen.ref.api_version.rpartition("/")
    own = f"{group}/{seen.ref.kind}:{seen.ref.namespace}/{seen.ref.name}"
    return app if app and version and rest == own else None


def _rules(world: World) -> GitOps:
    spec = world.runbook.spec if world.runbook else None
    return spec.git_ops if spec else GitOps()


def _flux(seen: Seen) -> list[str]:
    """Return the annotations to hold on the object; one that is set already was set by another client and stays."""
    labels = seen.body["metadata"].get("labels") or {}
    return [annotation for label, annotation in HOLDS if label in labels]


def _left_to_flux(seen: Seen) -> Remark:
    text = (
        f"{seen.ref} is applied by Flux, which takes this back where Git has the field: a momentary switch holds "
        "nothing; leave the field out of Git"
    )
    return Remark(Reason.GITOPS, text)


def _argo_cd(scene: Scene, seen: Seen, app: str, held: list[str], rules: GitOps) -> tuple[list[Aim], list[Remark]]:
    namespace, _, name = app.rpartition("_")
    if namespace != scene.namespace:
        return [], [_unknown(seen, app)]
    ref = Ref(ARGOCD, "Application", scene.namespace, name)
    try:
        live = scene.look(ref)
    except Refused as refused:
        return [], [Remark(Reason.GITOPS, f"{seen.ref} is of the Argo CD Application {app}: {refused.message}")]
    if not syncs(live):
        return [], []
    if rules.argo_cd == "PauseAutoSync" and not scene.throw.momentary:
        return _pause(ref, live, app)
    if lets_be(live.body, seen, held):
        return [], []
    return [], [
        Remark(
            Reason.GITOPS,
            f"{seen.ref} is of the Argo CD Application {app}, which takes back "
            f"{', '.join(held)}: add it to ignoreDifferences with RespectIgnoreDifferences=true, or set "
            "spec.gitOps.argoCD: PauseAutoSync",
        )
    ]


def _unknown(seen: Seen, app: str) -> Remark:
    """Return the remark on an Application in another namespace, which the Runbook cannot reach."""
    text = (
        f"{seen.ref} is of the Argo CD Application {app}, which is not in this namespace: where it syncs by itself it "
        "takes back what is held, and the operator puts it back again; add the field to its ignoreDifferences with "
        "RespectIgnoreDifferences=true"
    )
    return Remark(Reason.GITOPS, text)


def _pause(ref: Ref, live: Seen, app: str) -> tuple[list[Aim], list[Remark]]:
    """Pause the automatic sync, except if another Application manages this one and would undo that."""
    if above := parent(live):
        text = f"Argo CD Application {app} is managed by {above}, which would take a pause back; it is left as it is"
        return [], [Remark(Reason.GITOPS, text)]
    return [Aim(ref, ENABLED, held=False)], []


def lets_be(app: Any, seen: Seen, held: Sequence[str]) -> bool:
    """True if the Application neither shows nor syncs differences in all of these fields."""
    options = field_paths.get(app, "spec.syncPolicy.syncOptions") or ()
    if "RespectIgnoreDifferences=true" not in options:
        return False
    group = seen.ref.api_version.rpartition("/")[0]
    rules = [
        rule
        for rule in field_paths.get(app, "spec.ignoreDifferences") or ()
        if rule.get("kind") in (seen.ref.kind, "*") and rule.get("group", "") in (group, "*")
        if rule.get("name", seen.ref.name) == seen.ref.name
    ]
    pointers = {pointer for rule in rules for pointer in rule.get("jsonPointers", ())}
    managers = {manager for rule in rules for manager in rule.get("managedFieldsManagers", ())}
    return "runbook-operator" in managers or all(_pointer(field) in pointers for field in held)


def _pointer(field: str) -> str:
    """Return a plain field path as a JSON pointer."""
    return "/" + field.replace(".", "/")


def _helm(seen: Seen) -> list[Remark]:
    """Return a remark on the Helm release: it writes only at an upgrade, so that there is nothing to pause."""
    labels = seen.body["metadata"].get("labels") or {}
    release = _annotation(seen, marks.HELM_RELEASE)
    if labels.get(marks.MANAGED_BY) != "Helm" or not release or marks.FLUX_HELM_RELEASE in labels:
        return []
    return [Remark(Reason.GITOPS, f"{seen.ref} is of the Helm release {release}: an upgrade meanwhile writes it")]


def _annotation(seen: Seen, key: str) -> str:
    return str((seen.body["metadata"].get("annotations") or {}).get(key, ""))
