"""Acts of a momentary switch on fields that another switch holds."""

from dataclasses import replace

import pytest

from runbook_operator.core.reasons import Reason
from tests.builders import WEB, Simulation, condition, kill_switch, observed, scale

UP = {"name": "up", "target": "web", "by": 1}
FIVE = {"name": "five", "target": "web", "replicas": 5}
SAYS = "shop-stop holds Deployment/web at 0 since 03:00 (charges twice); release it first"


def held(**spec: object) -> Simulation:
    """The kill switch `stop` holds web at 0, and nothing was said since."""
    simulation = Simulation().with_runbook(**({"scaling": [UP, FIVE]} | spec)).with_target(3).drive()
    simulation.throw(reason="charges twice").drive()
    assert simulation.replicas == 0
    simulation.steps.clear()
    simulation.said.clear()
    return simulation


def acts(simulation: Simulation) -> list[str]:
    return [type(step).__name__ for step in simulation.steps if type(step).__name__ == "WriteTarget"]


@pytest.mark.parametrize("entry", ["up", "five"])
def test_scaling_command_against_held_replicas_writes_nothing_and_names_the_holder(entry: str) -> None:
    simulation = held().throw(entry).drive(entry, "stop")

    assert (acts(simulation), simulation.replicas) == ([], 0)
    status = simulation.status(entry)
    assert (status.phase, status.record, simulation.switch(entry).spec.engaged) == ("Released", None, None)
    assert condition(status, "Acted") == ("False", "HeldByAnother", f"did nothing: {SAYS}")
    assert not [one for one in status.conditions if one.type == "Restored"]
    events = {(one.reason, one.warning, one.message.partition(" [")[0]) for one in simulation.said}
    assert events == {(Reason.HELD_BY_ANOTHER, True, f"shop-{entry} did nothing: {SAYS}")}


def test_scaling_command_of_another_runbook_against_held_replicas_writes_nothing() -> None:
    simulation = held().with_runbook(name="other", killSwitches=[], scaling=[UP])

    simulation.throw("other/up").drive("other/up", "stop")

    assert (acts(simulation), simulation.replicas) == ([], 0)
    assert condition(simulation.status("other/up"), "Acted")[1] == "HeldByAnother"


def test_holder_of_another_day_is_named_with_the_day() -> None:
    simulation = held().after(days=1).throw("up").drive("up")

    assert "at 0 since 2026-11-24 03:00 (charges twice)" in condition(simulation.status("up"), "Acted")[2]


def test_release_after_a_skipped_command_restores_the_saved_value() -> None:
    simulation = held().throw("up").drive("up", "stop").release().drive()

    assert simulation.replicas == 3
    assert condition(simulation.status(), "Restored")[0] == "True"


def test_command_after_the_release_acts_on_the_restored_value() -> None:
    simulation = held().release().drive().throw("up").drive("up")

    assert simulation.replicas == 4
    assert condition(simulation.status("up"), "Acted") == ("True", "Done", "Deployment/web from 3 to 4")


def test_command_after_an_unreported_restore_acts_on_the_restored_value() -> None:
    simulation = held().release().drive(at_most=1)
    assert (simulation.replicas, simulation.status().record is not None) == (3, True)

    simulation.throw("up").drive("up", "stop")

    assert simulation.replicas == 4
    assert condition(simulation.status("up"), "Acted")[2] == "Deployment/web from 3 to 4"


def test_command_before_the_restore_of_a_released_switch_is_skipped() -> None:
    simulation = held().release().throw("up").drive("up", "stop")

    assert simulation.replicas == 3
    text = "shop-stop is being released and has not restored Deployment/web yet; throw this switch again after that"
    assert condition(simulation.status("up"), "Acted")[2] == f"did nothing: {text}"


def test_command_against_a_deleted_switch_before_its_restore_is_skipped() -> None:
    simulation = held().delete().throw("up").drive("up")

    assert simulation.replicas == 0
    assert "is being released" in condition(simulation.status("up"), "Acted")[2]


def test_command_against_an_automatic_hold_is_skipped() -> None:
    simulation = Simulation().with_runbook(scaling=[UP]).with_target(3).drive().monitor_state("Engage").drive()

    simulation.throw("up").drive("up")

    assert simulation.replicas == 0
    assert (
        "shop-stop holds Deployment/web at 0 since 03:00 (12% > 10%)" in condition(simulation.status("up"), "Acted")[2]
    )


def test_holder_engaged_after_the_record_of_a_command_skips_the_command() -> None:
    """The command was decided first, and the holder has written before it."""
    simulation = Simulation().with_runbook(scaling=[UP]).with_target(3).drive().throw("up").drive("up", at_most=1)
    assert simulation.status("up").record is not None

    simulation.throw(reason="charges twice").drive().drive("up", "stop")

    assert simulation.replicas == 0
    assert condition(simulation.status("up"), "Acted") == ("False", "HeldByAnother", f"did nothing: {SAYS}")
    assert simulation.release().drive().replicas == 3


def test_holder_engaged_after_a_command_acted_saves_the_new_value() -> None:
    simulation = Simulation().with_runbook(scaling=[UP]).with_target(3).drive().throw("up").drive("up", at_most=2)
    assert (simulation.replicas, simulation.status("up").record is not None) == (4, True)

    simulation.drive().throw().drive().drive("up", "stop")

    assert simulation.replicas == 0
    assert condition(simulation.status("up"), "Acted") == ("True", "Done", "Deployment/web from 3 to 4")
    assert simulation.release().drive().replicas == 4


@pytest.mark.parametrize("crash", range(6))
def test_command_against_a_held_field_never_writes_despite_a_crash(crash: int) -> None:
    simulation = held().throw("up").drive("up", at_most=crash).restart().drive("up", "stop")

    assert (acts(simulation), simulation.replicas) == ([], 0)
    assert simulation.switch("up").spec.engaged is None


@pytest.mark.parametrize(("goes_on", "expected"), [(False, 3), (True, 2)])
def test_actions_after_a_skipped_one_run_only_with_continue_on_failure(*, goes_on: bool, expected: int) -> None:
    other = replace(WEB, name="api")
    actions = [scale(replicas=5), {"scale": {"target": "api", "replicas": 2}}]
    both = kill_switch("both", *actions, momentary=True, continueOnFailure=goes_on)
    targets = [{"name": name, "workload": {"name": name}} for name in ("web", "api")]
    simulation = held(targets=targets, killSwitches=[kill_switch(), both])
    simulation.store.put_target(observed(3, uid="api-1", ref=other))

    simulation.throw("both").drive("both", "stop")

    found = simulation.store.targets[other]
    assert (simulation.replicas, getattr(found, "replicas", None)) == (0, expected)
    message = condition(simulation.status("both"), "Acted")[2]
    assert message == (f"not done: {SAYS}; Deployment/api from 3 to 2" if goes_on else f"did nothing: {SAYS}")


def test_unplannable_action_after_a_held_one_is_skipped() -> None:
    actions = [scale(replicas=5), {"scale": {"target": "ghost", "replicas": 2}}]
    targets = [{"name": name, "workload": {"name": name}} for name in ("web", "ghost")]
    both = kill_switch("both", *actions, momentary=True)
    simulation = held(targets=targets, killSwitches=[kill_switch(), both]).throw("both").drive("both")

    assert simulation.status("both").phase == "Released"
    assert condition(simulation.status("both"), "Acted")[2] == f"did nothing: {SAYS}"


def test_command_without_change_reports_the_kept_value() -> None:
    simulation = Simulation().with_runbook(scaling=[UP | {"max": 4}]).with_target(4).drive("up").throw("up").drive("up")

    assert condition(simulation.status("up"), "Acted")[2] == "Deployment/web was at 4 already, and stays there"
