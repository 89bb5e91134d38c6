"""A Runbook that names something that does not exist is not Ready, and is again once it exists."""

from dataclasses import replace
from typing import Any

import pytest

from runbook_operator.core.monitors import Group, Reading
from runbook_operator.core.queries import HasAccount
from runbook_operator.core.reasons import Reason
from tests.builders import ACCOUNT, Simulation, condition
from tests.watching import ERRORS, MODEL, READY, Watching, watching

GONE = Reading(reason="ServiceNotFound", message="Service/model does not exist in namespace shop")
OPEN = Reading(ok=True, reason="Healthy", message="Service/model:8080 accepts connections")
MISSING = (
    ("Dependency", "model", GONE, "spec.dependencies[0] (model): Service/model does not exist in namespace shop"),
    (
        "HealthEndpoint",
        "ready",
        Reading(reason="SecretNotFound", message="Secret/token does not exist in namespace shop"),
        "spec.healthEndpoints[0] (ready): Secret/token does not exist in namespace shop",
    ),
    (
        "Metric",
        "error-rate",
        Reading(reason="TargetNotFound", message="ConfigMap/numbers does not exist in namespace shop"),
        "spec.metrics[0] (error-rate): ConfigMap/numbers does not exist in namespace shop",
    ),
)


def scene(**spec: Any) -> Watching:
    return Watching(watching(dependencies=[MODEL], healthEndpoints=[READY], metrics=[ERRORS], **spec))


@pytest.mark.parametrize(("group", "name", "reading", "message"), MISSING)
def test_entry_with_a_missing_reference_makes_the_runbook_not_ready(
    group: Group, name: str, reading: Reading, message: str
) -> None:
    ready = scene().read(group, name, reading).look().condition("Ready")

    assert (ready.status, ready.reason, ready.message) == ("False", Reason.REFERENCE_NOT_FOUND, message)


def test_existing_service_makes_the_runbook_ready_again() -> None:
    story = scene().read("Dependency", "model", GONE).look()

    story.read("Dependency", "model", OPEN).look()

    assert story.condition("Ready").status == "True"


def test_missing_service_is_reported_while_the_last_level_stands() -> None:
    story = scene().last("Dependency", "model", OPEN)
    assert story.condition("Ready").status == "True"

    story.read("Dependency", "model", GONE).look()

    assert story.condition("Ready").reason == Reason.REFERENCE_NOT_FOUND
    assert story.status.dependencies[0].level == "Ok"


def test_missing_service_stays_reported_after_a_restart_until_the_first_answer() -> None:
    story = scene().read("Dependency", "model", GONE).read("Metric", "error-rate", GONE).look()
    before = story.condition("Ready")
    assert before.message.endswith("; and 1 more like it")

    key = next(key for key in story.monitor_states if key.group == "Metric")
    del story.monitor_states[key]
    story.look()
    assert story.condition("Ready").message == before.message.partition("; and ")[0]
    story.monitor_states = {key: replace(one, reading=Reading()) for key, one in story.monitor_states.items()}
    story.look()
    assert story.condition("Ready").reason == Reason.REFERENCE_NOT_FOUND
    story.read("Dependency", "model", OPEN).look()
    assert story.condition("Ready").status == "True"


def test_missing_service_account_makes_its_switch_not_ready_with_the_command() -> None:
    simulation = Simulation(lacking={HasAccount(ACCOUNT)}).with_target(3)
    simulation.with_runbook(serviceAccountName=ACCOUNT.name).drive()

    status, reason, message = condition(simulation.status(), "Ready")
    assert (status, reason) == ("False", Reason.ACCOUNT_NOT_FOUND)
    assert message == (
        "spec.serviceAccountName: ServiceAccount shop/deployer does not exist. To create it: kubectl -n shop "
        "create serviceaccount deployer"
    )
    simulation.lacking.clear()
    assert condition(simulation.drive().status(), "Ready")[0] == "True"


def test_throw_does_not_look_up_a_missing_service_account() -> None:
    simulation = Simulation(lacking={HasAccount(ACCOUNT)}).with_target(3)
    simulation.with_runbook(serviceAccountName=ACCOUNT.name).drive()

    assert simulation.throw().drive().replicas == 0
