"""How many switches are so, as a scrape of the whole operator says it."""

from typing import Any

import pytest

from runbook_operator.cli import run
from runbook_operator.settings import Settings
from tests.builders import runbook_body, switch_body
from tests.fakes.list_kube import ListKube

NOW = "2026-11-24T03:00:00Z"
HELD = [{"source": "Metric", "name": "errors", "since": NOW}]


def says(kind: str, reason: str) -> list[dict[str, Any]]:
    return [{"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": NOW}]


@pytest.mark.parametrize(
    ("status", "gauges"),
    [
        ({}, set()),
        ({"record": {"engagementId": "id-1", "engagedAt": NOW}}, {"engaged"}),
        ({"conditions": says("Automatic", "Silenced")}, {"silenced"}),
        ({"conditions": says("Automatic", "CoolDown"), "holds": HELD}, {"held_back"}),
        ({"conditions": says("Contested", "Contested")}, {"contested"}),
        ({"conditions": says("Stalled", "RestoreFailed")}, {"stalled"}),
    ],
)
async def test_switch_is_counted_by_its_status_until_the_status_changes(
    status: dict[str, Any], gauges: set[str]
) -> None:
    operator = run.Operator(Settings(), ListKube(), ListKube(), ListKube())
    operator.handle_event("ADDED", runbook_body())
    body = switch_body()
    operator.handle_event("ADDED", body | {"status": status})
    assert counted(operator) == gauges

    operator.handle_event("MODIFIED", body | {"metadata": body["metadata"] | {"resourceVersion": "2"}})
    assert counted(operator) == set()


def counted(operator: run.Operator) -> set[str]:
    """The gauges that count a switch."""
    text, _ = operator.metrics.render()
    prefix = "runbook_operator_switches_"
    found = (line.split() for line in text.decode().splitlines() if line.startswith(prefix))
    return {name.removeprefix(prefix) for name, value in found if float(value) == 1}
