"""Incidents as the API server answers them."""

from typing import Any

from runbook_operator.core.references import API_VERSION, incident_ref
from tests.builders import NAMESPACE, Body

INCIDENT = incident_ref(NAMESPACE, "shop-1")
INCIDENTS = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/incidents"
PATH = f"{INCIDENTS}/shop-1"
CONTACTS = [
    {"name": "primary", "role": "Primary", "notify": "chat"},
    {"name": "second", "role": "Secondary", "notify": "pager", "escalateAfter": "15m"},
]


def incident_body(name: str = "shop-1", *, status: Body | None = None, **spec: Any) -> Body:
    """An Incident that a person has opened."""
    meta: Body = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "resourceVersion": "1", "generation": 1}
    usual = {"runbook": "shop", "title": "The shop is slow", "severity": "SEV2"}
    made = {"apiVersion": API_VERSION, "kind": "Incident", "metadata": meta, "spec": usual | spec}
    return made | {"status": status} if status else made
