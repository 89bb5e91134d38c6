"""The fields that installed CRDs lack."""

from runbook_operator.api.crd_compatibility import missing_fields
from tests.crd_documents import schema_of, served


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
