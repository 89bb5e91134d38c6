"""Argo CD's and kstatus' view of Incidents, and Argo CD's buttons, by the tools' own code. No API server is needed."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import gitops
from tests.e2e.gitops import asked
from tests.e2e.harness import Body

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gitops.md"
FLUX = PAGE.parents[1] / "examples" / "gitops" / "flux" / "sync.yaml"


@pytest.fixture
def customizations(tmp_path: Path) -> Path:
    return gitops.customizations(tmp_path)


def incident(spec: Body | None = None, *, ready: bool = True, notified: bool = True, **status: Any) -> Body:
    """An Incident that the operator has seen in this version."""
    refused, silent = "" if ready else "argocd tracks it", "" if notified else "nobody answered"
    conditions = [
        {"type": "Ready", "status": str(ready), "reason": "Ready", "message": refused},
        {"type": "Notified", "status": str(notified), "reason": "Notified", "message": silent},
    ]
    return {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "shop-1", "namespace": "shop", "generation": 2},
        "spec": {"runbook": "shop", "title": "Checkout fails", "severity": "SEV3"} | (spec or {}),
        "status": {"observedGeneration": 2, "severity": "SEV2", "conditions": conditions} | status,
    }


STATES = {
    "an Incident that the operator has not seen yet": incident(observedGeneration=1),
    "an Incident that is open": incident(phase="Open"),
    "an Incident that is acknowledged": incident(phase="Acknowledged", acknowledgedBy="alice"),
    "an Incident that is resolved": incident(phase="Resolved", resolvedBy="bob"),
    "an Incident that notified nobody": incident(phase="Open", notified=False),
    "an Incident that is refused": incident(ready=False),
}
MESSAGES = {
    "an Incident that is open": "SEV2 Open: Checkout fails",
    "an Incident that is acknowledged": "SEV2 Acknowledged by alice: Checkout fails",
    "an Incident that is resolved": "SEV2 Resolved by bob: Checkout fails",
    "an Incident that notified nobody": "SEV2 Open: Checkout fails; nobody answered",
    "an Incident that is refused": "argocd tracks it",
}


def test_every_state_of_an_incident_has_the_documented_health(customizations: Path) -> None:
    ways = (["kstatus"], ["kstatus", "--checks", str(FLUX)], ["health", "--customizations", str(customizations)])

    answers = [asked(*way, manifests=list(STATES.values())) for way in ways]

    rows = re.findall(r"^\| (an Incident [^|]+) \| (\w+) \| (\w+) \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    observed = {name: [one["status"] for one in found] for name, *found in zip(STATES, *answers, strict=True)}
    assert observed == {name: health for name, *health in rows}
    messages = {name: one["message"] for name, one in zip(STATES, answers[-1], strict=True)}
    assert messages | MESSAGES == messages


def pressed(customizations: Path, button: str, body: Body, *parameters: str) -> Body:
    """Run the action's Lua as Argo CD does, and return the difference as a patch."""
    arguments = ["--customizations", str(customizations), "--name", button]
    arguments += [part for one in parameters for part in ("--param", one)]
    patch: Body = asked("action", *arguments, manifests=[body])[0]["patch"]
    return patch


def offered(customizations: Path, body: Body) -> list[str]:
    (answer,) = asked("actions", "--customizations", str(customizations), manifests=[body])
    return [one["name"] for one in answer["actions"] if not one["disabled"]]


def test_buttons_acknowledge_and_resolve(customizations: Path) -> None:
    fixed = incident({"resolution": "Rolled back"})

    acknowledged = pressed(customizations, "acknowledge", incident(), "acknowledgedFor=30m")
    resolved = pressed(customizations, "resolve", incident(), "resolution=Rolled back")

    assert acknowledged == {"spec": {"acknowledged": True, "acknowledgedFor": "30m"}}
    assert resolved == {"spec": {"resolved": True, "resolution": "Rolled back"}}
    assert pressed(customizations, "acknowledge", incident()) == {"spec": {"acknowledged": True}}
    assert pressed(customizations, "resolve", incident())["spec"]["resolution"] == "resolved in Argo CD"
    assert pressed(customizations, "resolve", fixed) == {"spec": {"resolved": True}}


def test_buttons_are_offered_while_they_change_something(customizations: Path) -> None:
    assert offered(customizations, incident()) == ["acknowledge", "resolve"]
    assert offered(customizations, incident({"acknowledged": True})) == ["resolve"]
    assert offered(customizations, incident({"resolved": True})) == []
