"""The fields that installed CRDs lack."""

from copy import deepcopy
from typing import Any

from runbook_operator.api.crd_compatibility import missing_fields
from runbook_operator.api.crd_generation import KINDS, crd

Body = dict[str, Any]


def served(*kinds: str) -> Body:
    """The document of an API server that has the CRDs of this version."""
    schemas: Body = {}
    for kind in KINDS:
        if kind.kind in kinds:
            schema = deepcopy(crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
            about = [{"group": "runbooks.dev", "kind": kind.kind, "version": "v1alpha1"}]
            schemas[f"dev.runbooks.v1alpha1.{kind.kind}"] = schema | {"x-kubernetes-group-version-kind": about}
    return {"components": {"schemas": schemas | {"io.k8s.Status": {"type": "object"}}}}


def schema_of(document: Body, kind: str, part: str) -> Body:
    found: Body = document["components"]["schemas"][f"dev.runbooks.v1alpha1.{kind}"]["properties"][part]["properties"]
    return found


def test_current_crds_lack_no_fields() -> None:
    assert missing_fields(served("Runbook", "Switch")) == {}


def test_older_crd_lacks_the_fields_that_came_later_at_any_depth() -> None:
    document = served("Runbook", "Switch")
    del schema_of(document, "Switch", "status")["title"]
    del schema_of(document, "Runbook", "spec")["killSwitches"]["items"]["properties"]["description"]

    assert missing_fields(document) == {
        "runbooks.runbooks.dev": ["spec.killSwitches[].description"],
        "switches.runbooks.dev": ["status.title"],
    }


def test_open_object_has_every_field() -> None:
    document = served("Switch")
    status = schema_of(document, "Switch", "status")
    status["record"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

    assert missing_fields(document) == {}


def test_unserved_kind_and_empty_document_lack_no_fields() -> None:
    assert missing_fields(served("Switch")) == {}
    assert missing_fields({}) == {}
