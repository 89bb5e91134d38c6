"""The installed CRDs beside those of this version, as the real API server describes them."""

from copy import deepcopy

import pytest

from runbook_operator.api.crd_compatibility import missing_fields
from runbook_operator.kube.crd_check import DOCUMENT
from tests.e2e import api
from tests.e2e.harness import Body, Operator, eventually


def served_switch(document: Body) -> Body:
    """The properties of a Switch's status in the document."""
    for schema in document["components"]["schemas"].values():
        if any(one["kind"] == "Switch" for one in schema.get("x-kubernetes-group-version-kind", ())):
            found: Body = schema["properties"]["status"]["properties"]
            return found
    raise AssertionError("the API server describes no Switch")


def test_operator_finds_no_missing_fields_in_its_own_crds(operator: Operator) -> None:
    """It reads the document by the rights that the chart gives."""
    found = eventually("the metric is there", lambda: operator.http("/metrics")[1])

    assert "runbook_operator_crd_missing_fields 0.0" in found
    eventually("it is ready without a warning", lambda: operator.http("/readyz") == (200, "ok"))
    assert missing_fields(api.get(DOCUMENT)) == {}


@pytest.mark.usefixtures("_crds")
def test_document_of_the_api_server_shows_a_field_that_an_older_crd_lacks() -> None:
    document = deepcopy(api.get(DOCUMENT))
    del served_switch(document)["title"]

    assert missing_fields(document) == {"switches.runbooks.dev": ["status.title"]}
