"""The installed CRDs beside those of this version, as the real API server describes them."""

import asyncio
from copy import deepcopy
from uuid import uuid4

import pytest

from runbook_operator.api.crd_compatibility import missing_fields
from runbook_operator.kube import errors
from runbook_operator.kube.client import connect
from runbook_operator.kube.crd_check import DOCUMENT
from runbook_operator.kube.missing_crd import unserved
from tests.e2e import api
from tests.e2e.harness import Body, Operator, eventually, kubectl
from tests.e2e.optional import DEFINITIONS, _definition


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


async def creation_failure(where: str, body: Body) -> errors.ApiError | None:
    """The error of the operator's client when it creates the object; None if it was created."""
    kube = await connect(5.0)
    try:
        await kube.create(where, body)
    except errors.ApiError as error:
        return error
    finally:
        await kube.close()
    return None


def test_creation_while_the_crd_is_terminating_and_after_it_is_gone_names_the_crd(namespace: str) -> None:
    """A CRD of the test's own: every other test needs those of the operator."""
    group = f"{uuid4().hex[:8]}.example.com"
    definition, where = f"{DEFINITIONS}/things.{group}", f"/apis/{group}/v1/namespaces/{namespace}/things"
    api.create(DEFINITIONS, _definition(group, "v1", "Thing"))
    kubectl("wait", "--for=condition=Established", f"crd/things.{group}", "--timeout=180s")
    first = {"name": "first", "finalizers": ["example.com/held"]}
    thing: Body = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": first}
    eventually("the kind is served", lambda: api.create(where, thing))

    def failure() -> errors.ApiError | None:
        return asyncio.run(creation_failure(where, thing | {"metadata": {"generateName": "later-"}}))

    api.delete(definition)
    terminating = eventually("the CRD is terminating", failure)
    api.patch(f"{where}/first", {"metadata": {"finalizers": None}})
    eventually("the CRD is gone", lambda: isinstance(failure(), errors.NotFoundError))
    gone = failure()

    assert isinstance(terminating, errors.RefusedError)
    for error in (terminating, gone):
        assert error is not None
        assert str(unserved("switches", error)).startswith("the CRD switches.runbooks.dev is being deleted")


def test_creation_in_a_namespace_that_does_not_exist_says_nothing_about_the_crd() -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}}

    error = asyncio.run(creation_failure("/api/v1/namespaces/no-such-namespace/configmaps", body))

    assert isinstance(error, errors.NotFoundError)
    assert unserved("configmaps", error) is None
