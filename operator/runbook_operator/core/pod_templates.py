"""Identify pod templates by a digest, and read the revisions in which the cluster keeps them.

A template may contain a credential in an environment variable, so a record keeps only its digest.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook_operator.core.references import Ref

Body = Mapping[str, Any]
Needed = tuple[str, str, str]
"""API version, kind and name of an object that a template refers to."""
ADDED = ("pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash")
"""Labels that controllers add to the templates in the objects where they keep them."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a restart: it makes a new revision, but no new version of the application."""
ARGO = "rollout.argoproj.io"
NUMBERED_BY = ("deployment.kubernetes.io/revision", f"{ARGO}/revision")
HISTORIES = ("deployment.kubernetes.io/revision-history", f"{ARGO}/revision-history")
INJECTED = f"{ARGO}/ephemeral-metadata"
"""Labels and annotations that Argo Rollouts adds to the templates of canary or stable pods, as JSON."""


@dataclass(frozen=True)
class Revision:
    """A template that the cluster keeps: its number, `keeper` (the name of the object with it), and earlier numbers."""

    number: int
    keeper: str
    digest: str
    template: Body
    before: frozenset[int] = frozenset()

    @property
    def value(self) -> dict[str, Any]:
        """The revision as a record has it."""
        older = {"before": sorted(self.before)} if self.before else {}
        return {"digest": self.digest, "revision": self.number, "keeper": self.keeper} | older


@dataclass(frozen=True)
class Mark:
    """The identity of a revision: its number when it was recorded, and a `template` that identifies it later.

    `template` is the name of its ControllerRevision or the digest of its template. It is empty if a ReplicaSet keeps
    the template, since a ReplicaSet records its earlier numbers.
    """

    number: int
    template: str = ""

    def means(self, revision: Revision) -> bool:
        numbers = {revision.number, *revision.before}
        return self.number in numbers or (bool(self.template) and self.template in (revision.keeper, revision.digest))

    def was_left(self, left: Body) -> bool:
        """True if a rollback replaced this revision after this mark was recorded.

        `left` is the replaced revision, as a record has it.
        """
        number = int(left.get("revision", 0))
        if self.template and self.template in (left["digest"], left.get("keeper")):
            return self.number <= number
        return self.number in {number, *left.get("before", ())}


def digest(template: Body) -> str:
    """Return 16 hex digits of the SHA-256 of the template without the fields that controllers and restarts add."""
    text = json.dumps(plain(_without(template, (RESTARTED,))), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(template: Body) -> dict[str, Any]:
    """Return the template as its workload has it."""
    meta = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key not in ADDED}
    meta = {key: value for key, value in (meta | {"labels": labels}).items() if value}
    rest = {key: value for key, value in template.items() if key not in ("metadata", "$patch")}
    return {"metadata": meta, **rest}


def references(template: Body) -> tuple[Needed, ...]:
    """Return each ConfigMap and Secret without which a pod of this template does not start.

    Pull secrets are left out, since a kubelet ignores one that does not exist.
    """
    spec = template.get("spec") or {}
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    named = (*_mounted(spec), *(found for one in containers for found in _in_environment(one)))
    return tuple(
        dict.fromkeys(
            ("v1", kind, name)
            for kind, source in named
            if not source.get("optional") and (name := source.get("secretName") or source.get("name"))
        )
    )


def surroundings(template: Body) -> tuple[Needed, ...]:
    """Return the account, classes and claims without which no pod of this template is created or scheduled."""
    spec = template.get("spec") or {}
    claims = ((one.get("persistentVolumeClaim") or {}).get("claimName") for one in spec.get("volumes") or ())
    named = (
        ("v1", "ServiceAccount", spec.get("serviceAccountName") or spec.get("serviceAccount")),
        ("scheduling.k8s.io/v1", "PriorityClass", spec.get("priorityClassName")),
        ("node.k8s.io/v1", "RuntimeClass", spec.get("runtimeClassName")),
        *(("v1", "PersistentVolumeClaim", name) for name in claims),
    )
    return tuple(dict.fromkeys((api_version, kind, name) for api_version, kind, name in named if name))


def pull_secrets(template: Body) -> tuple[Needed, ...]:
    """Return the Secrets that this template names to pull its images."""
    named = (template.get("spec") or {}).get("imagePullSecrets") or ()
    return tuple(dict.fromkeys(("v1", "Secret", one["name"]) for one in named if one.get("name")))


def live(body: Body, now: str, kept: Sequence[Revision]) -> Revision | None:
    """Return the revision that is live in a workload, or None if the cluster has not stored it yet.

    `now` is the digest of the workload's template. The template of a custom resource lacks the defaults that the API
    server adds to the stored one, so its revision is identified by its number.
    """
    number = (body["metadata"].get("annotations") or {}).get(NUMBERED_BY[1])
    numbered = next((one for one in kept if str(one.number) == number), None)
    return next((one for one in kept if one.digest == now), numbered)


def keeper_kind(workload: Ref) -> tuple[str, str]:
    """Return API version and kind of the objects that keep the templates of a workload."""
    kept_by_replica_sets = workload.kind in ("Deployment", "Rollout")
    return ("apps/v1", "ReplicaSet" if kept_by_replica_sets else "ControllerRevision")


def revisions(uid: str, keepers: Iterable[Body]) -> tuple[Revision, ...]:
    """Return the revisions of the workload with that uid, newest first."""
    owned = (body for body in keepers if _is_owned(body, uid))
    return tuple(sorted(map(_revision, owned), key=lambda one: one.number, reverse=True))


def _is_owned(body: Body, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in body["metadata"].get("ownerReferences", ()))


def _revision(body: Body) -> Revision:
    annotations = body["metadata"].get("annotations") or {}
    kept = body["data"]["spec"]["template"] if "data" in body else body["spec"]["template"]
    injected = json.loads(annotations.get(INJECTED, "null")) or {}
    template = _without(kept, [key for part in injected.values() for key in part])
    history = ",".join(annotations.get(name, "") for name in HISTORIES)
    before = frozenset(int(one) for one in history.split(",") if one.isdigit())
    return Revision(_number(body, annotations), body["metadata"]["name"], digest(template), plain(template), before)


def _number(body: Body, annotations: Body) -> int:
    written = str(next((annotations[name] for name in NUMBERED_BY if name in annotations), body.get("revision", 0)))
    return int(written) if written.isdigit() else 0


def _without(template: Body, added: Collection[str]) -> Body:
    """Return the template without these labels and annotations."""
    meta = dict(template.get("metadata") or {})
    for part in ("labels", "annotations"):
        meta[part] = {key: value for key, value in (meta.get(part) or {}).items() if key not in added}
    return {**template, "metadata": meta}


def _mounted(spec: Body) -> Iterator[tuple[str, Body]]:
    for volume in spec.get("volumes") or ():
        for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
            yield "ConfigMap", source.get("configMap") or {}
            yield "Secret", source.get("secret") or {}


def _in_environment(container: Body) -> Iterator[tuple[str, Body]]:
    for source in container.get("envFrom") or ():
        yield "ConfigMap", source.get("configMapRef") or {}
        yield "Secret", source.get("secretRef") or {}
    for variable in container.get("env") or ():
        value = variable.get("valueFrom") or {}
        yield "ConfigMap", value.get("configMapKeyRef") or {}
        yield "Secret", value.get("secretKeyRef") or {}
