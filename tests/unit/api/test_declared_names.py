"""A Runbook that names something it does not declare is rejected with the field, the name and what to do."""

from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.api.runbook import RunbookSpec
from tests.builders import kill_switch

DECLARED: dict[str, Any] = {
    "title": "Shop",
    "targets": [{"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}],
    "metrics": [{"name": "errors", "query": "errors", "critical": "> 1"}],
    "healthEndpoints": [{"name": "ready", "target": "web"}],
    "dependencies": [{"name": "payments", "check": {"tcp": {"service": {"name": "pay"}}}}],
    "alerts": [{"name": "slow", "alert": "TooSlow"}],
    "killSwitches": [kill_switch("stop")],
    "scaling": [{"name": "more", "target": "web", "replicas": 5}],
}


def spec(**fields: Any) -> RunbookSpec:
    return RunbookSpec.model_validate(DECLARED | fields)


def issue(**fields: Any) -> dict[str, Any]:
    return {"issues": [{"name": "known", "symptoms": [{"metric": "errors"}]} | fields]}


def message(**fields: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        spec(**fields)
    return str(raised.value)


@pytest.mark.parametrize(
    "symptom", [{"metric": "errors"}, {"healthEndpoint": "ready"}, {"dependency": "payments"}, {"alert": "slow"}]
)
def test_symptom_of_a_declared_entry_is_accepted(symptom: dict[str, str]) -> None:
    assert spec(**issue(symptoms=[symptom])).issues


@pytest.mark.parametrize("field", ["metric", "healthEndpoint", "dependency", "alert"])
def test_symptom_of_an_undeclared_entry_is_rejected(field: str) -> None:
    said = message(**issue(symptoms=[{field: "gone"}]))

    assert f"issues.symptoms.{field} names gone, which the Runbook does not declare; declare it or correct" in said


def test_symptom_that_names_an_entry_of_another_section_is_rejected() -> None:
    assert "issues.symptoms.metric names payments" in message(**issue(symptoms=[{"metric": "payments"}]))


@pytest.mark.parametrize("switch", ["stop", "more"])
def test_resolution_by_a_kill_switch_or_a_scaling_command_is_accepted(switch: str) -> None:
    assert spec(**issue(resolution=[{"text": "Stop it.", "engage": switch}])).issues


def test_resolution_by_an_undeclared_switch_is_rejected() -> None:
    said = message(**issue(resolution=[{"text": "Stop it.", "engage": "gone"}, {"text": "Call somebody."}]))

    assert "issues.resolution.engage names gone, which spec.killSwitches and spec.scaling do not declare" in said


@pytest.mark.parametrize("switch", ["stop", "more"])
def test_first_action_of_an_alert_by_a_declared_switch_is_accepted(switch: str) -> None:
    assert spec(alerts=[{"name": "slow", "alert": "TooSlow", "firstAction": {"engage": switch}}]).alerts


def test_first_action_of_an_alert_by_an_undeclared_switch_is_rejected() -> None:
    said = message(alerts=[{"name": "slow", "alert": "TooSlow", "firstAction": {"engage": "gone"}}])

    assert "alerts.firstAction.engage names gone, which spec.killSwitches and spec.scaling do not declare" in said


def test_kill_switch_and_scaling_command_of_one_name_are_rejected() -> None:
    said = message(scaling=[{"name": "stop", "target": "web", "replicas": 5}])

    assert "killSwitches, scaling: two switches have the same name; rename one of them" in said
