"""Who is taken to have thrown a Switch."""

from typing import Any

import pytest

from runbook_operator.api.parsing import parse_switch
from tests.builders import switch_body

WRITES = [{"manager": "kubectl-patch", "time": "2026-11-24T03:00:00Z", "fieldsV1": {"f:spec": {"f:engaged": {}}}}]


def override_author(annotation: str | None, generation: int = 7) -> str:
    body: dict[str, Any] = switch_body(engaged=True)
    body["metadata"] |= {"generation": generation, "managedFields": WRITES}
    if annotation is not None:
        body["metadata"]["annotations"] = {"runbooks.dev/engaged-by": annotation}
    return parse_switch(body).override_author


@pytest.mark.parametrize(
    "user", ["alice@example.com", "system:serviceaccount:argocd:argocd-server", "CN=Alice Doe,O=ops"]
)
def test_it_is_the_user_that_admission_has_stamped(user: str) -> None:
    assert override_author(f"7 {user}") == user


@pytest.mark.parametrize("annotation", [None, "", "alice", "7", "7 ", "6 alice", "8 alice", "07 alice"])
def test_without_a_stamp_of_what_is_said_now_it_is_the_field_manager(annotation: str | None) -> None:
    assert override_author(annotation) == "kubectl-patch"


def test_stamp_of_admission_has_the_user_and_the_time_of_the_word() -> None:
    body = switch_body(engaged=True)
    stamp = {"runbooks.dev/engaged-by": "1 2026-11-24T02:00:00Z CN=Alice Doe,O=ops"}
    body["metadata"] |= {"managedFields": WRITES, "annotations": stamp}

    parsed = parse_switch(body)

    assert (parsed.override_author, parsed.override_time) == ("CN=Alice Doe,O=ops", "2026-11-24T02:00:00Z")


@pytest.mark.parametrize("field", ["reason", "expiresAfter", "renewedAt"])
def test_whoever_renewed_a_word_is_its_author(field: str) -> None:
    body = switch_body(engaged=True)
    later = {"manager": "kubectl-edit", "time": "2026-11-24T03:20:00Z", "fieldsV1": {"f:spec": {f"f:{field}": {}}}}
    body["metadata"] |= {"managedFields": [*WRITES, later]}

    parsed = parse_switch(body)

    assert (parsed.override_author, parsed.override_time) == ("kubectl-edit", "2026-11-24T03:20:00Z")


def test_when_it_was_said_is_what_the_api_server_noted() -> None:
    body = switch_body(engaged=True)
    body["metadata"] |= {"managedFields": WRITES, "annotations": {"runbooks.dev/engaged-by": "1 alice"}}

    assert parse_switch(body).override_time == "2026-11-24T03:00:00Z"
