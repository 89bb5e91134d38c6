"""An Incident as it is parsed: the authors of the fields that people write."""

from typing import Any

import pytest

from runbook_operator.api.incident_kind import Author, parse_incident
from runbook_operator.core import labels

FIELDS: dict[str, Any] = {"f:spec": {"f:acknowledged": {}, "f:note": {}, "f:runbook": {}}}
ALICE, BOB = "2026-11-30T03:12:00Z alice@corp.io", "2026-11-30T03:40:00Z CN=Bob B, O=Shop"


def incident(**annotations: str) -> dict[str, Any]:
    entry = {"manager": "kubectl-patch", "time": "2026-11-30T04:00:00Z", "fieldsV1": FIELDS}
    meta = {"name": "shop-1", "namespace": "shop", "uid": "1", "resourceVersion": "1", "managedFields": [entry]}
    spec = {"runbook": "shop", "title": "Errors", "acknowledged": True, "note": "Looking."}
    return {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Incident",
        "metadata": meta | ({"annotations": annotations} if annotations else {}),
        "spec": spec,
    }


def test_author_is_the_user_and_time_of_the_annotation() -> None:
    marks = {labels.ACKNOWLEDGED_BY: ALICE, labels.RESOLVED_BY: BOB, labels.NOTED_BY: BOB, labels.OPENED_BY: ALICE}

    found = parse_incident(incident(**marks))

    alice, bob = Author("alice@corp.io", "2026-11-30T03:12:00Z"), Author("CN=Bob B, O=Shop", "2026-11-30T03:40:00Z")
    assert (found.acknowledged, found.resolved, found.note, found.opened) == (alice, bob, bob, alice)


def test_author_without_annotation_is_the_field_manager() -> None:
    found = parse_incident(incident())

    client = Author("kubectl-patch", "2026-11-30T04:00:00Z")
    assert (found.acknowledged, found.resolved, found.note, found.opened) == (client, Author(), client, client)


@pytest.mark.parametrize("at", ["never", "7", "2026-11-30T03:12:00", "2026-99-99T03:12:00Z"])
def test_annotation_with_a_time_that_does_not_parse_is_ignored(at: str) -> None:
    assert parse_incident(incident(**{labels.NOTED_BY: f"{at} mallory"})).note.by == "kubectl-patch"


def test_author_without_time_has_none() -> None:
    assert parse_incident(incident(**{labels.NOTED_BY: " alice"})).note == Author("alice")


def test_annotation_without_separator_is_ignored() -> None:
    assert parse_incident(incident(**{labels.NOTED_BY: "mallory"})).note.by == "kubectl-patch"
