"""OpenAPI documents as an API server publishes them, made from the CRDs of the models."""

from copy import deepcopy
from typing import Any

from runbook_operator.api.crd_generation import crd
from runbook_operator.api.registered_kinds import RESOURCE_KINDS

Body = dict[str, Any]


def served(*kinds: str) -> Body:
    """The document of an API server that has the CRDs of this version."""
    schemas: Body = {}
    for kind in RESOURCE_KINDS.values():
        if kind.kind in kinds:
            schema = deepcopy(crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
            about = [{"group": "runbooks.dev", "kind": kind.kind, "version": "v1alpha1"}]
            schemas[f"dev.runbooks.v1alpha1.{kind.kind}"] = schema | {"x-kubernetes-group-version-kind": about}
    return {"components": {"schemas": schemas | {"io.k8s.Status": {"type": "object"}}}}


def schema_of(document: Body, kind: str, part: str) -> Body:
    found: Body = document["components"]["schemas"][f"dev.runbooks.v1alpha1.{kind}"]["properties"][part]["properties"]
    return found
