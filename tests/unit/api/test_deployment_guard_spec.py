"""What a Runbook may say about new revisions."""

from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.api.runbook import RunbookSpec
from tests.builders import Body, kill_switch, runbook_body

BACK = {"rollback": {"target": "web"}}
FORTH = {"rollback": {"target": "web", "rollForwardOnRelease": True}}
SWITCHES = [kill_switch("back", BACK), kill_switch("press", BACK, momentary=True), kill_switch("forth", BACK, FORTH)]
WATCHED: Body = {
    "metrics": [{"name": "error-rate", "query": "errors", "critical": "> 10"}],
    "healthEndpoints": [{"name": "ready", "target": "web"}],
}


def spec(**deployments: Any) -> RunbookSpec:
    body: Body = runbook_body(killSwitches=SWITCHES, deployments=deployments, **WATCHED)["spec"]
    return RunbookSpec.model_validate(body)


@pytest.mark.parametrize(
    ("deployments", "says"),
    [
        ({"firstAction": {"engage": "ghost"}}, "deployments names ghost, which "),
        (
            {"firstAction": {"engage": "press"}},
            "names press, which is not declared in spec.killSwitches, or is momentary there and",
        ),
        ({"firstAction": {"engage": "forth"}}, "restores the bad revision once"),
        ({"metrics": ["ghost"]}, "deployments.metrics names ghost, which "),
        ({"healthEndpoints": ["ghost"]}, "deployments.healthEndpoints names ghost, which "),
    ],
)
def test_invalid_guard_spec_is_refused_with_its_field(deployments: Body, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        spec(**deployments)


def test_declared_guard_is_accepted() -> None:
    said = spec(firstAction={"engage": "back"}, metrics=["error-rate"], healthEndpoints=["ready"], monitorFor="1h")

    assert said.deployments.guards
    assert (said.deployments.metrics, said.deployments.health_endpoints) == (["error-rate"], ["ready"])


def test_default_guard_watches_every_revision_without_acting() -> None:
    said = spec().deployments

    assert (said.monitor_for, said.metrics, said.health_endpoints, said.guards) == ("30m", None, None, False)


def test_disabled_guard_does_not_guard() -> None:
    assert not spec(firstAction={"engage": "back"}, monitorFor="0s").deployments.guards
