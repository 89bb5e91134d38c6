"""Which error an answer of the API server means."""

import json
from typing import Any

import pytest

from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.kube.error_mapping import error, taken
from tests.refusals import DENIED, REFUSED

WHERE = "POST /apis/batch/v1/namespaces/shop/jobs"


def told(code: int, status: Any, what: str = WHERE, **headers: str) -> errors.ApiError:
    return error(code, headers, json.dumps(status).encode(), what)


@pytest.mark.parametrize("case", [*REFUSED.values(), *DENIED], ids=lambda case: f"{case.code} {case.message[:60]}")
def test_admission_refusal_is_no_missing_right(case: Any) -> None:
    found = told(case.code, case.status)

    assert not isinstance(found, errors.ForbiddenError)
    assert isinstance(found, errors.UnavailableError) == (case.reason is Reason.WEBHOOK_FAILED)
    assert (found.reason, case.command in found.user_action) == (case.reason, True)
    assert case.message in str(found)


def test_status_code_maps_to_its_error() -> None:
    assert type(told(403, {"message": 'User "op" cannot create resource'})) is errors.ForbiddenError
    assert type(told(422, {"message": "spec.ports: Required value"})) is errors.RefusedError
    assert type(told(503, {})) is errors.UnavailableError
    assert told(429, {}, **{"Retry-After": "3"}).retry_after == 3.0
    assert "no JSON" in str(error(502, {}, b"no JSON", WHERE))
    assert "[]" in str(error(502, {}, b"[]", "GET /version"))


def test_creation_refused_by_a_count_quota_is_retried() -> None:
    message = 'Operation cannot be fulfilled on resourcequotas "jobs": the object has been modified'
    counted, there = told(409, {"reason": "Conflict", "message": message}), told(409, {"reason": "AlreadyExists"})

    assert isinstance(counted, errors.ConflictError)
    assert isinstance(there, errors.ConflictError)
    assert isinstance(taken(counted), errors.UnavailableError)
    assert isinstance(taken(there), errors.AlreadyExistsError)
