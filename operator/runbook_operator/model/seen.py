"""What was last seen of a target. Only what decisions need is kept: a cluster has many Deployments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import Ref, meta_of


@dataclass(frozen=True)
class Seen:
    """A target that exists: its identity, its desired replicas, and who last set them.

    `manager` is the field manager that owns `spec.replicas`, empty where nobody is recorded: a scale up from 0 through
    the scale subresource leaves no owner behind (seen with Kubernetes 1.37).
    """

    ref: Ref
    uid: str
    resource_version: str
    replicas: int
    manager: str = ""


@dataclass(frozen=True)
class Missing:
    """A target that cannot be acted on, with the reason and a sentence for the person who reads it."""

    ref: Ref
    reason: Reason
    message: str


def absent(ref: Ref) -> Missing:
    return Missing(ref, Reason.TARGET_NOT_FOUND, f"{ref} does not exist in namespace {ref.namespace}")


def seen_of(body: Mapping[str, Any], ref: Ref | None = None) -> Seen:
    """Read a workload or its Scale (then `ref` names the workload); replicas absent means the default, 1.

    A Scale leaves out a zero, a workload never does: the API server defaults it.
    """
    meta = meta_of(body)
    default = 0 if body["kind"] == "Scale" else 1
    replicas = (body.get("spec") or {}).get("replicas", default)
    return Seen(ref or meta.ref, meta.uid, meta.resource_version, replicas, _owner(body["metadata"]))


def _owner(metadata: Mapping[str, Any]) -> str:
    entries = [e for e in metadata.get("managedFields", ()) if "f:replicas" in _spec_fields(e)]
    newest = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return str(newest.get("manager", "")) if newest else ""


def _spec_fields(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = entry.get("fieldsV1", {}).get("f:spec", {})
    return fields if isinstance(fields, Mapping) else {}
