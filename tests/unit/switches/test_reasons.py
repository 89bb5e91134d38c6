"""The reason of a throw is the one that was set with it, never the text that an earlier one left in the spec."""

import pytest

from tests.builders import Simulation, kill_switch, scale


def ready(**spec: object) -> Simulation:
    return Simulation().with_runbook(**spec).with_target(3).drive()


def recorded(simulation: Simulation) -> str:
    record = simulation.status().record
    assert record is not None
    return record.reason


def given(simulation: Simulation) -> str:
    word = simulation.status().override
    assert word is not None
    return word.reason


def left_behind(reason: str = "INC-42") -> Simulation:
    """A switch that was thrown for a reason, and released by a patch of engaged alone."""
    return ready().throw(reason=reason).drive().say(engaged=None, reason=reason).drive()


def test_reason_left_by_a_release_is_not_reported_for_the_next_throw() -> None:
    simulation = left_behind().say(engaged=True, reason="INC-42").drive()

    assert (recorded(simulation), given(simulation), simulation.status().holds[0].reason) == ("", "", "")
    simulation.say(engaged=None, reason="INC-42").drive()
    assert [one.reason for one in simulation.status().history] == ["", "INC-42"]
    engaged = [one.message for one in simulation.said if one.reason == "Engaged" and one.about.kind == "Switch"]
    assert ["(INC-42)" in one for one in engaged] == [True, False]


def test_reason_set_with_the_throw_is_reported() -> None:
    assert recorded(left_behind().throw(reason="INC-43").drive()) == "INC-43"


def test_reason_removed_by_the_release_may_be_set_again() -> None:
    simulation = ready().throw(reason="INC-42").drive().say(engaged=None).drive()

    assert recorded(simulation.throw(reason="INC-42").drive()) == "INC-42"


def test_reason_set_without_a_throw_is_not_reported() -> None:
    simulation = ready().say(engaged=None, reason="looked at 3f2a").drive()

    assert recorded(simulation.say(engaged=True, reason="looked at 3f2a").drive()) == ""


def test_reason_left_by_a_release_is_not_reported_after_a_restart() -> None:
    assert recorded(left_behind().restart().say(engaged=True, reason="INC-42").restart().drive()) == ""


def test_reason_of_a_throw_is_not_reported_for_a_later_silence() -> None:
    simulation = ready().throw(reason="INC-42").drive().say(engaged=False, reason="INC-42").drive()

    assert given(simulation) == ""
    assert given(simulation.say(engaged=False, reason="the fallback is worse").drive()) == "the fallback is worse"


@pytest.mark.parametrize("change", [{"renewed_at": "03:20"}, {"expires_after": "1h"}])
def test_reason_stays_when_the_throw_is_renewed(change: dict[str, str]) -> None:
    simulation = ready().throw(reason="INC-42").drive().say(engaged=True, reason="INC-42", **change).drive()

    assert (given(simulation), recorded(simulation)) == ("INC-42", "INC-42")


def test_left_reason_stays_unreported_when_the_throw_is_renewed() -> None:
    simulation = left_behind().say(engaged=True, reason="INC-42").drive()

    assert given(simulation.say(engaged=True, reason="INC-42", renewed_at="03:20").drive()) == ""
    assert given(simulation.say(engaged=True, reason="INC-44", renewed_at="03:20").drive()) == "INC-44"


def test_throw_after_an_unobserved_release_has_no_earlier_reason() -> None:
    simulation = ready().throw(reason="INC-42").drive()

    simulation.say(engaged=None, reason="INC-42").say(engaged=True, reason="INC-42").drive()

    assert given(simulation) == ""


def test_reason_of_a_momentary_switch_is_removed_after_it_acted() -> None:
    simulation = ready(killSwitches=[kill_switch("stop", scale(by=2), momentary=True)]).throw(reason="more").drive()

    assert simulation.switch().spec.reason == ""
    simulation.say(engaged=True).drive().throw(reason="more").drive()
    assert [one.reason for one in simulation.status().history] == ["more", "", "more"]
