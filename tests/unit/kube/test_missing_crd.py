"""Which failed creations mean that the CRD is missing; tests/e2e/test_crds.py has the answers of a real API server."""

import pytest

from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.kube.missing_crd import unserved

POST = "POST /apis/runbooks.dev/v1alpha1/namespaces/shop/switches"


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFoundError(f"{POST}: 404 404 page not found"),
        errors.NotFoundError(f"{POST}: 404 the server could not find the requested resource"),
        errors.RefusedError(f"{POST}: 405 create not allowed while custom resource definition is terminating"),
    ],
)
def test_kind_that_is_not_served_names_the_crd_and_the_command(error: errors.ApiError) -> None:
    found = unserved("switches", error)

    assert found is not None
    assert str(found) == "the CRD switches.runbooks.dev is being deleted, or is not installed"
    assert found.reason == Reason.KIND_NOT_FOUND
    assert "runbook-operator crds | kubectl apply" in found.user_action
    assert found.retry_after


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFoundError(f'{POST}: 404 namespaces "shop" not found'),
        errors.RefusedError(f"{POST}: 422 spec.runbook: Required value"),
    ],
)
def test_other_failures_of_a_creation_are_left_as_they_are(error: errors.ApiError) -> None:
    assert unserved("switches", error) is None
