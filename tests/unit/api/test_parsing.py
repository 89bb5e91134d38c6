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
def test_admission_stamp_of_the_current_override_names_the_user(user: str) -> None:
    assert override_author(f"7 {user}") == user


@pytest.mark.parametrize("annotation", [None, "", "alice", "7", "7 ", "6 alice", "8 alice", "07 alice"])
def test_missing_or_outdated_stamp_names_the_field_manager(annotation: str | None) -> None:
    assert override_author(annotation) == "kubectl-patch"


def test_admission_stamp_carries_user_and_override_time() -> None:
    body = switch_body(engaged=True)
    stamp = {"runbooks.dev/engaged-by": "1 2026-11-24T02:00:00Z CN=Alice Doe,O=ops"}
    body["metadata"] |= {"managedFields": WRITES, "annotations": stamp}

    parsed = parse_switch(body)

    assert (parsed.override_author, parsed.override_time) == ("CN=Alice Doe,O=ops", "2026-11-24T02:00:00Z")


@pytest.mark.parametrize("field", ["reason", "expiresAfter", "renewedAt"])
def test_renewed_override_names_the_renewing_manager(field: str) -> None:
    body = switch_body(engaged=True)
    later = {"manager": "kubectl-edit", "time": "2026-11-24T03:20:00Z", "fieldsV1": {"f:spec": {f"f:{field}": {}}}}
    body["metadata"] |= {"managedFields": [*WRITES, later]}

    parsed = parse_switch(body)

    assert (parsed.override_author, parsed.override_time) == ("kubectl-edit", "2026-11-24T03:20:00Z")


def test_override_time_comes_from_managed_fields() -> None:
    body = switch_body(engaged=True)
    body["metadata"] |= {"managedFields": WRITES, "annotations": {"runbooks.dev/engaged-by": "1 alice"}}

    assert parse_switch(body).override_time == "2026-11-24T03:00:00Z"
