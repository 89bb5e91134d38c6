"""A momentary switch is not thrown while a delivery tool tracks its Switch: a sync could throw it again."""

from dataclasses import replace

import pytest

from runbook_operator.api.parsing import parse_switch
from runbook_operator.automation.desired_state import begins_automatically
from runbook_operator.core.labels import FLUX_KUSTOMIZATION
from runbook_operator.core.reasons import Reason
from tests.builders import Simulation, condition, kill_switch, scale, switch_body

TOOL = "the Flux Kustomization apps"


def ready(*, momentary: bool = True) -> Simulation:
    entry = kill_switch("stop", scale(by=2, max=9), momentary=momentary)
    return Simulation().with_runbook(killSwitches=[entry]).with_target(3)


def track(simulation: Simulation, tool: str = TOOL) -> Simulation:
    return simulation._put(replace(simulation.switch(), tracked_by=tool))


def test_switch_with_a_gitops_label_is_tracked() -> None:
    body = switch_body()
    body["metadata"]["labels"] = {FLUX_KUSTOMIZATION: "apps"}

    assert parse_switch(body).tracked_by == TOOL


def test_tracked_momentary_switch_is_not_ready_before_the_throw() -> None:
    status, reason, message = condition(track(ready()).drive().status(), "Ready")

    assert (status, reason) == ("False", "SwitchTracked")
    assert message.startswith(f"Switch shop-stop is tracked by {TOOL}, whose next sync could throw it again")


def test_throw_of_a_tracked_momentary_switch_is_refused_with_the_reason() -> None:
    simulation = track(ready()).throw().drive()

    assert simulation.replicas == 3
    assert simulation.status().record is None
    assert condition(simulation.status(), "Engaged")[:2] == ("False", "SwitchTracked")
    assert Reason.SWITCH_TRACKED in {one.reason for one in simulation.said}


def test_throw_waiting_for_the_end_of_tracking_acts_once() -> None:
    simulation = track(ready()).throw().drive()

    track(simulation, "").drive()

    assert simulation.replicas == 5
    assert simulation.switch().spec.engaged is None


def test_automatic_hold_does_not_engage_a_tracked_momentary_switch() -> None:
    simulation = track(ready()).monitor_state("Engage")

    assert not begins_automatically(simulation.looked())
    assert simulation.drive().replicas == 3


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_throw_tracked_midway_is_finished_once(steps: int) -> None:
    simulation = ready().throw().drive(at_most=steps)
    assert simulation.status().record is not None

    track(simulation).drive()

    assert simulation.replicas == 5
    assert simulation.switch().spec.engaged is None


def test_tracked_holding_switch_is_engaged() -> None:
    assert track(ready(momentary=False)).throw().drive().status().phase == "Engaged"
