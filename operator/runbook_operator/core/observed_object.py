"""Objects as they were last read. A cluster has many, so only a few fields are kept of objects that are not held."""

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
"""The fields of a workload's status about its pods and its rollout."""
OVERDUE = "ProgressDeadlineExceeded"
STRATEGIES: Mapping[str, Body] = {
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
}
"""The default update strategies, as the API server fills them in; only others are kept in memory."""
POD_LABELS = "spec.template.metadata.labels"
ALWAYS_WATCHED = frozenset({("apps/v1", "Deployment"), ("apps/v1", "StatefulSet")})
"""Kinds that every replica lists and watches: an object of these kinds that is not in the store does not exist."""


@dataclass(frozen=True)
class ObservedObject:
    """An object that exists.

    `body` has no resourceVersion and no managedFields. If it is not `whole`, it has only `spec.replicas`, the labels of
    its pods, the update strategy, the rollout fields of the status, and the marks of GitOps tools. `scalable` is True
    if it has a scale subresource.
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
        """Return the value of `place`; None also if the path cannot be followed, as in a text that is no document."""
        try:
            return field_paths.get(self.body, place)
        except field_paths.FieldError:
            return None

    def manager(self, place: str) -> str:
        """Return the field manager that last wrote `place` (see core/field_paths), empty if none is recorded.

        A scale up from 0 through the scale subresource records none (seen with Kubernetes 1.37).
        """
        return field_paths.owner({"managedFields": self.managed}, place)[0]

    def is_readable(self, place: str) -> bool:
        """True if `body` has `place`; a custom kind may have its replicas elsewhere than spec.replicas."""
        return field_paths.get(self.body, REPLICAS) is not None if place == REPLICAS else self.whole


@dataclass(frozen=True)
class Missing:
    """A target that does not exist or cannot be read, with the reason and a message for people."""

    ref: Ref
    reason: Reason
    message: str


def is_hidden(found: "ObservedObject | Missing | None") -> bool:
    """True if the object cannot be read, so that its state is unknown."""
    return isinstance(found, Missing) and found.reason in (Reason.FORBIDDEN, Reason.UNAVAILABLE)


def absent(ref: Ref) -> Missing:
    return Missing(ref, Reason.TARGET_NOT_FOUND, f"{ref} does not exist in namespace {ref.namespace}")


def observed_from(body: Body, *, whole: bool = False, scalable: bool = True) -> ObservedObject:
    """Parse an object from the API server."""
    meta = meta_of(body)
    kept = _whole(body) if whole else _thin(body)
    managed = body["metadata"].get("managedFields", ()) if whole else _writer(body)
    return ObservedObject(meta.ref, meta.uid, meta.resource_version, kept, whole, scalable, managed)


def scaled(observed: ObservedObject | None, ref: Ref, scale: Body, manager: str = "") -> ObservedObject:
    """Return the state of `ref` after its scale subresource was read, or written by `manager`.

    The subresource leaves out 0 replicas, so no field manager is recorded for it (seen with Kubernetes 1.37).
    """
    meta, replicas = scale["metadata"], (scale.get("spec") or {}).get("replicas", 0)
    if observed is None or observed.uid != meta["uid"]:
        observed = ObservedObject(ref, meta["uid"], "", {"spec": {}, "metadata": {}})
    body = field_paths.with_value(observed.body, REPLICAS, replicas)
    return replace(
        observed,
        resource_version=meta["resourceVersion"],
        body=body,
        scalable=True,
        managed=_by(manager if replicas else "", ""),
    )


def alike(one: ObservedObject | Missing, other: ObservedObject | Missing) -> bool:
    """True if the two do not differ in anything that decisions read."""
    return _essence(one) == _essence(other)


def is_only_progress(one: ObservedObject | Missing, other: ObservedObject | Missing) -> bool:
    """True if only the status has changed."""
    if isinstance(one, Missing) or isinstance(other, Missing):
        return False
    return one.uid == other.uid and _without_status(one.body) == _without_status(other.body)


def _essence(observed: ObservedObject | Missing) -> tuple[object, ...]:
    return (observed.uid, observed.body) if isinstance(observed, ObservedObject) else (observed.reason,)


def _without_status(body: Body) -> Body:
    return {key: value for key, value in body.items() if key != "status"}


def _whole(body: Body) -> Body:
    """Return the body to keep; of a Secret only its name and uid, since decisions only need to know if it exists."""
    if body["kind"] == "Secret":
        return {"metadata": {key: body["metadata"][key] for key in ("namespace", "name", "uid")}}
    dropped = ("resourceVersion", "managedFields")
    meta = {key: value for key, value in body["metadata"].items() if key not in dropped}
    return {**body, "metadata": meta}


def _writer(body: Body) -> Sequence[Body]:
    """Return only the managedFields of the replicas, since those of a pod template are large."""
    manager, time = field_paths.owner(body["metadata"], REPLICAS)
    return _by(manager, time)


def _by(manager: str, time: str) -> Sequence[Body]:
    return ({"manager": manager, "time": time, "fieldsV1": {"f:spec": {"f:replicas": {}}}},) if manager else ()


def _thin(body: Body) -> Body:
    """Return the fields to keep. Absent replicas become 1, the default that the API server writes."""
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
        "spec": field_paths.with_value(spec, "template.metadata.labels", labels) if labels else spec,
        "status": {key: value for key, value in status.items() if key in COUNTS}
        | ({"conditions": overdue} if overdue else {}),
    }
