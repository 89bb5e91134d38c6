"""A throw in mode: Observe is a rehearsal: it changes nothing, then or after the mode has changed."""

from dataclasses import replace

import pytest

from runbook_operator.core.reasons import Reason
from tests.builders import NOW, Simulation, condition, kill_switch, kinds, scale

MOMENTARY = kill_switch("stop", scale(by=2), momentary=True)
REHEARSED = "thrown in mode Observe at 2026-11-24T03:00:00Z by kubectl-patch: a rehearsal, which changed nothing"


def observing(**spec: object) -> Simulation:
    return Simulation().with_runbook(mode="Observe", **spec).with_target(3).drive()


def reasons(simulation: Simulation) -> list[Reason]:
    return [one.reason for one in simulation.said if one.about.kind == "Switch"]


def test_throw_in_observe_mode_does_not_engage_after_a_change_to_enforce() -> None:
    simulation = observing().throw().drive().with_runbook().drive()

    assert (simulation.replicas, simulation.status().phase) == (3, "Released")
    assert condition(simulation.status(), "Engaged") == (
        "False",
        "Rehearsed",
        f"{REHEARSED}. This throw stays a rehearsal in mode Enforce: release it and throw it again to engage it",
    )
    assert reasons(simulation) == [Reason.OBSERVING, Reason.REHEARSED]
    assert simulation.said[-1].warning


def test_throw_in_observe_mode_is_reported_once_with_its_enforce_effect() -> None:
    simulation = observing().throw().drive().annotate().drive().with_target(5, version="9").drive()

    (reported,) = [one.message for one in simulation.said if one.about.kind == "Switch"]
    assert reported == (
        f"shop-stop: {REHEARSED}. In mode Enforce the operator would scale web to 0. "
        "This throw stays a rehearsal in mode Enforce: release it and throw it again to engage it"
    )


@pytest.mark.parametrize("change", [{"reason": "INC-43"}, {"renewed_at": "03:20"}, {"expires_after": "1h"}])
def test_new_throw_in_enforce_mode_engages_after_a_rehearsal(change: dict[str, str]) -> None:
    simulation = observing().throw().drive().with_runbook().drive()

    assert simulation.say(engaged=True, **({"reason": "INC-42"} | change)).drive().replicas == 0


def test_release_and_throw_in_enforce_mode_engage_after_a_rehearsal() -> None:
    simulation = observing().throw().drive().with_runbook().drive().release().drive()

    assert simulation.throw().drive().replicas == 0
    assert condition(simulation.status(), "Engaged")[1] == "Engaged"


def test_rehearsal_survives_a_restart_before_the_mode_change() -> None:
    simulation = observing().throw().drive().with_runbook()

    assert simulation.restart().drive().replicas == 3


def test_throw_in_observe_mode_expires() -> None:
    simulation = observing().throw(expires_after="30m").drive().after(minutes=31).drive()

    assert simulation.switch().spec.engaged is None
    assert condition(simulation.status(), "Engaged")[1] == "Released"


def test_momentary_switch_is_released_in_observe_mode_and_does_not_act_in_enforce() -> None:
    simulation = observing(killSwitches=[MOMENTARY]).throw().drive()

    assert simulation.switch().spec.engaged is None
    assert condition(simulation.status(), "Engaged")[1:] == (
        "Observing",
        f"{REHEARSED}. In mode Enforce the operator would scale web by +2. Once the mode is Enforce, throw it again",
    )
    simulation.with_runbook(killSwitches=[MOMENTARY]).drive()
    assert (simulation.replicas, condition(simulation.status(), "Engaged")[1]) == (3, "Released")
    assert simulation.throw().drive().replicas == 5


def test_lasting_automatic_hold_engages_after_a_change_to_enforce() -> None:
    simulation = observing().monitor_state("Engage").drive()
    assert simulation.replicas == 3

    assert simulation.with_runbook().drive().replicas == 0
    assert simulation.status().engaged_by == "Metric error-rate"


def test_ended_automatic_hold_does_not_engage_after_a_change_to_enforce() -> None:
    simulation = observing().monitor_state("Engage").drive().monitor_state("Release").drive()

    assert simulation.with_runbook().drive().replicas == 3


def test_rehearsed_throw_leaves_the_switch_to_automatic_holds() -> None:
    simulation = observing().throw().drive().with_runbook().monitor_state("Engage").drive()

    assert (simulation.replicas, simulation.status().engaged_by) == (0, "Metric error-rate")
    assert simulation.monitor_state("Release").drive().replicas == 3


def test_throw_that_prolongs_an_engagement_is_no_rehearsal() -> None:
    simulation = Simulation().with_runbook().with_target(3).drive().throw().drive().with_runbook(mode="Observe")

    simulation.throw(reason="INC-43").drive().with_runbook().with_target(2, version="9").drive()

    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")


def test_throw_in_observe_mode_of_a_metric_held_switch_is_no_rehearsal() -> None:
    simulation = Simulation().with_runbook().with_target(3).drive().monitor_state("Engage").drive()

    simulation.with_runbook(mode="Observe").throw().drive().monitor_state("Release").drive()

    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")


def test_throw_in_observe_mode_during_a_stalled_release_is_a_rehearsal() -> None:
    simulation = Simulation().with_runbook().with_target(3).drive().throw().drive()
    release = simulation.release().drive(at_most=0).with_runbook(mode="Observe")
    release._put(replace(release.switch(), status=release.status().replace(override=None)))

    assert release.throw().drive().replicas == 3
    assert condition(release.status(), "Engaged")[1] == "Observing"


def test_change_to_observe_between_two_throws_makes_the_second_a_rehearsal() -> None:
    """The status still has what the throw before would have saved."""
    simulation = Simulation().with_runbook().with_target(3).drive().with_runbook(mode="Observe")

    assert simulation.throw().drive().with_runbook().drive().replicas == 3


def test_throw_without_author_is_a_rehearsal() -> None:
    simulation = observing().throw().forget_who_said_it().drive()

    assert "thrown in mode Observe at 2026-11-24T03:00:00Z: a rehearsal" in condition(simulation.status(), "Engaged")[2]
    assert kinds(simulation.steps)[-1] == "WriteStatus"
    assert simulation.now > NOW
