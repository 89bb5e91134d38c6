"""What was last seen of an object. Of those that nobody holds only what decisions need is kept: a cluster has many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runbook_operator.core import field_paths
from runbook_operator.core.labels import MARKS
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref, meta_of

Body = Mapping[str, Any]
REPLICAS = "spec.replicas"
COUNTS = frozenset(
    {
        *("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas"),
        *("terminatingReplicas", "currentRevision", "updateRevision"),
    }
)
"""What a workload's status says about its pods and about a rollout."""
OVERDUE = "ProgressDeadlineExceeded"
STRATEGIES: Mapping[str, Body] = {
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
}
"""How pods are replaced, as the API server fills it in; only what differs is kept."""
POD_LABELS = "spec.template.metadata.labels"
ALWAYS_WATCHED = frozenset({("apps/v1", "Deployment"), ("apps/v1", "StatefulSet")})
"""Kinds that every replica watches: one of them that was not seen does not exist."""


@dataclass(frozen=True)
class Seen:
    """An object that exists.

    `body` is without resourceVersion and managedFields; where it is not `whole` it has `spec.replicas`, the labels of
    its pods, how they are replaced, what the status says of a rollout, and what tells of a GitOps tool. `scalable`
    where it has a scale subresource.
    """

    ref: Ref
    uid: str
    resource_version: str
    body: Body
    whole: bool = False
    scalable: bool = True
    managed: Sequence[Body] = field(default=(), compare=False)

    @property
    def replicas(self) -> int:
        return int(field_paths.get(self.body, REPLICAS) or 0)

    def value(self, place: str) -> Any:
        """What `place` is now; None also where it cannot be made out, as in a document that is none any more."""
        try:
            return field_paths.get(self.body, place)
        except field_paths.FieldError:
            return None

    def manager(self, place: str) -> str:
        """The field manager that last wrote `place` (see core/field_paths), empty where nobody is recorded.

        A scale up from 0 through the scale subresource leaves none behind (seen with Kubernetes 1.37).
        """
        return field_paths.owner({"managedFields": self.managed}, place)[0]

    def is_readable(self, place: str) -> bool:
        """Whether `place` is in what was kept; a kind of its own may have its replicas elsewhere than its scale has."""
        return field_paths.get(self.body, REPLICAS) is not None if place == REPLICAS else self.whole


@dataclass(frozen=True)
class Missing:
    """A target that cannot be acted on, with the reason and a sentence for the person who reads it."""

    ref: Ref
    reason: Reason
    message: str


def is_hidden(found: "Seen | Missing | None") -> bool:
    """True if nobody can tell what became of it, since it cannot be read."""
    return isinstance(found, Missing) and found.reason in (Reason.FORBIDDEN, Reason.UNAVAILABLE)


def absent(ref: Ref) -> Missing:
    return Missing(ref, Reason.TARGET_NOT_FOUND, f"{ref} does not exist in namespace {ref.namespace}")


def seen_of(body: Body, *, whole: bool = False, scalable: bool = True) -> Seen:
    """Read an object as the API server gives it."""
    meta = meta_of(body)
    kept = _whole(body) if whole else _thin(body)
    managed = body["metadata"].get("managedFields", ()) if whole else _writer(body)
    return Seen(meta.ref, meta.uid, meta.resource_version, kept, whole, scalable, managed)


def scaled(seen: Seen | None, ref: Ref, scale: Body, manager: str = "") -> Seen:
    """What is known of `ref` after its scale subresource was read, or written by `manager`.

    It leaves out a zero, which therefore nobody is noted for (seen with Kubernetes 1.37).
    """
    meta, replicas = scale["metadata"], (scale.get("spec") or {}).get("replicas", 0)
    if seen is None or seen.uid != meta["uid"]:
        seen = Seen(ref, meta["uid"], "", {"spec": {}, "metadata": {}})
    body = field_paths.put(seen.body, REPLICAS, replicas)
    return replace(
        seen,
        resource_version=meta["resourceVersion"],
        body=body,
        scalable=True,
        managed=_by(manager if replicas else "", ""),
    )


def alike(one: Seen | Missing, other: Seen | Missing) -> bool:
    """Whether decisions would see no difference."""
    return _essence(one) == _essence(other)


def is_only_progress(one: Seen | Missing, other: Seen | Missing) -> bool:
    """Whether nothing but the status has changed."""
    if isinstance(one, Missing) or isinstance(other, Missing):
        return False
    return one.uid == other.uid and _without_status(one.body) == _without_status(other.body)


def _essence(seen: Seen | Missing) -> tuple[object, ...]:
    return (seen.uid, seen.body) if isinstance(seen, Seen) else (seen.reason,)


def _without_status(body: Body) -> Body:
    return {key: value for key, value in body.items() if key != "status"}


def _whole(body: Body) -> Body:
    """Of a Secret nothing but its name stays in memory: that it is there is all that anybody asks of one."""
    if body["kind"] == "Secret":
        return {"metadata": {key: body["metadata"][key] for key in ("namespace", "name", "uid")}}
    dropped = ("resourceVersion", "managedFields")
    meta = {key: value for key, value in body["metadata"].items() if key not in dropped}
    return {**body, "metadata": meta}


def _writer(body: Body) -> Sequence[Body]:
    """Who wrote the replicas, alone of all managed fields: those of a pod template are larger than the rest."""
    manager, time = field_paths.owner(body["metadata"], REPLICAS)
    return _by(manager, time)


def _by(manager: str, time: str) -> Sequence[Body]:
    return ({"manager": manager, "time": time, "fieldsV1": {"f:spec": {"f:replicas": {}}}},) if manager else ()


def _thin(body: Body) -> Body:
    """Replicas absent from a workload mean the default, 1; the API server writes it out, a manifest may not."""
    meta, status = body["metadata"], body.get("status") or {}
    labels = field_paths.get(body, POD_LABELS)
    marks = {
        part: {key: value for key, value in held.items() if key in MARKS}
        for part in ("annotations", "labels")
        if (held := meta.get(part))
    }
    declared = body.get("spec") or {}
    spec = {"replicas": declared.get("replicas", 1)}
    spec |= {key: declared[key] for key, usual in STRATEGIES.items() if declared.get(key, usual) != usual}
    overdue = [{"reason": OVERDUE} for one in status.get("conditions") or () if one.get("reason") == OVERDUE]
    return {
        "metadata": {"generation": meta.get("generation", 0), **marks},
        "spec": field_paths.put(spec, "template.metadata.labels", labels) if labels else spec,
        "status": {key: value for key, value in status.items() if key in COUNTS}
        | ({"conditions": overdue} if overdue else {}),
    }
