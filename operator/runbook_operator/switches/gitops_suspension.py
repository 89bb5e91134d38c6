"""How GitOps tools are kept from taking back what a switch holds: one way for all actions.

Flux has an annotation for one object, which is one more field that is held. Argo CD has none: its Application says
whether it lets the field be, or its automatic sync is paused, where the Runbook asks for that.
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
"""The label that tells of an owner, and the annotation that keeps it off."""


def guards(world: World, scene: Scene, aims: Sequence[Aim]) -> tuple[list[Aim], list[Remark]]:
    """What is to be held besides, before the aims are, and what a person should know of their owners."""
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
    """The Argo CD Application that tracks the object, as its tracking id calls it (`name` or `namespace_name`).

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
    """The annotations that are wanted on it; one that is there already is somebody else's and stays."""
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
    """The Application lives where no Runbook reaches."""
    text = (
        f"{seen.ref} is of the Argo CD Application {app}, which is not in this namespace: where it syncs by itself it "
        "takes back what is held, and the operator puts it back again; add the field to its ignoreDifferences with "
        "RespectIgnoreDifferences=true"
    )
    return Remark(Reason.GITOPS, text)


def _pause(ref: Ref, live: Seen, app: str) -> tuple[list[Aim], list[Remark]]:
    """Pausing an Application that another one manages would only be taken back."""
    if above := parent(live):
        text = f"Argo CD Application {app} is managed by {above}, which would take a pause back; it is left as it is"
        return [], [Remark(Reason.GITOPS, text)]
    return [Aim(ref, ENABLED, held=False)], []


def lets_be(app: Any, seen: Seen, held: Sequence[str]) -> bool:
    """Whether the Application neither shows nor syncs differences in all of these fields."""
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
    """A plain field path as a JSON pointer."""
    return "/" + field.replace(".", "/")


def _helm(seen: Seen) -> list[Remark]:
    """Helm only writes at an upgrade: nothing to pause, but something to know."""
    labels = seen.body["metadata"].get("labels") or {}
    release = _annotation(seen, marks.HELM_RELEASE)
    if labels.get(marks.MANAGED_BY) != "Helm" or not release or marks.FLUX_HELM_RELEASE in labels:
        return []
    return [Remark(Reason.GITOPS, f"{seen.ref} is of the Helm release {release}: an upgrade meanwhile writes it")]


def _annotation(seen: Seen, key: str) -> str:
    return str((seen.body["metadata"].get("annotations") or {}).get(key, ""))
