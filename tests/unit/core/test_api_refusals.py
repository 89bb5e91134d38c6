"""Which check of the API server refused a request, told by the Status that it answered."""

import pytest

from runbook_operator.core.api_refusals import refusal
from runbook_operator.core.reasons import Reason
from tests.refusals import DENIED, REFUSED, Refused


@pytest.mark.parametrize("case", [*REFUSED.values(), *DENIED], ids=lambda case: f"{case.code} {case.message[:60]}")
def test_each_refusal_has_its_reason_and_a_command(case: Refused) -> None:
    found = refusal(case.code, case.status, "shop")

    assert found is not None
    assert found.reason is case.reason
    assert case.command in found.user_action
    assert "Grant" not in found.user_action


def test_missing_right_has_no_special_refusal() -> None:
    message = (
        'jobs.batch is forbidden: User "system:serviceaccount:ops:operator" cannot create resource "jobs" in API group '
        '"batch" in the namespace "shop"'
    )

    assert refusal(403, {"message": message}) is None
    assert refusal(403, {"message": 'deployments "x" is forbidden: cannot set blockOwnerDeletion if an own'}) is None


def test_unknown_admission_plugin_is_not_a_missing_right() -> None:
    found = refusal(403, {"message": 'pods "it" is forbidden: the moon is full'})

    assert found is not None
    assert found.reason is Reason.REFUSED
    assert found.user_action.startswith("No right is missing")


@pytest.mark.parametrize("status", [{}, {"message": None}, {"message": "no", "details": {"causes": ["odd"]}}])
def test_status_without_known_message_has_no_special_refusal(status: dict[str, object]) -> None:
    assert refusal(403, status) is None
    assert refusal(422, {"message": 'Service "it" is invalid: spec.ports: Required value'}) is None


def test_refusal_without_namespace_gives_a_command_without_namespace() -> None:
    found = refusal(403, REFUSED["quota"].status)

    assert found is not None
    assert "--namespace" not in found.user_action
