"""A person's word, what automatic sources say, and which of them counts."""

import pytest

from runbook_operator.core.reasons import Reason
from tests.builders import Simulation, condition, kill_switch, kinds


def ready(**spec: object) -> Simulation:
    return Simulation().with_runbook(**spec).with_target(3).drive()


def test_a_metric_engages_a_switch_and_releases_it_again() -> None:
    simulation = ready().monitor_state("Engage").drive()

    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")
    assert simulation.status().engaged_by == "Metric error-rate"
    assert [(hold.source, hold.reason) for hold in simulation.status().holds] == [("Metric", "12% > 10%")]
    assert simulation.monitor_state("Release").drive().replicas == 3
    assert simulation.status().holds == []


def test_no_data_neither_engages_nor_releases() -> None:
    assert ready().monitor_state("Unknown").drive().replicas == 3
    assert ready().monitor_state("Engage").drive().monitor_state("Unknown").drive().replicas == 0


def test_switch_that_is_held_without_data_says_so_and_how_to_release_it() -> None:
    simulation = ready().monitor_state("Engage").drive().monitor_state("Unknown").drive()
    assert condition(simulation.status(), "Automatic")[:2] == ("True", "Automatic")

    held = condition(simulation.monitor_state("Unknown", blind=True).drive().status(), "Automatic")

    assert held[:2] == ("True", "HeldWithoutData")
    assert held[2].startswith("Metric error-rate holds it engaged, and there is no data that would release it")
    assert 'kubectl patch sw shop-stop -n shop --type merge -p \'{"spec":{"engaged":false' in held[2]
    other = simulation.monitor_state("Engage", name="latency").drive()
    assert condition(other.status(), "Automatic")[:2] == ("True", "Automatic")
    assert simulation.monitor_state("Release", name="latency").silence().drive().replicas == 3
    assert simulation.release().drive().replicas == 3


def test_a_hold_that_is_noted_survives_a_restart_without_a_reading() -> None:
    simulation = ready().monitor_state("Engage").drive()
    simulation.store._signals.clear()

    assert simulation.restart().drive().replicas == 0


def test_it_stays_engaged_while_at_least_one_hold_lasts() -> None:
    simulation = (
        ready().monitor_state("Engage").monitor_state("Engage", name="latency").drive().monitor_state("Release").drive()
    )

    assert simulation.replicas == 0
    assert simulation.monitor_state("Release", name="latency").drive().replicas == 3


def test_a_persons_word_goes_before_what_is_automatic() -> None:
    simulation = ready().monitor_state("Engage").drive().silence().drive()

    assert simulation.replicas == 3
    assert condition(simulation.status(), "Automatic")[:2] == ("False", "Silenced")
    assert "kubectl-patch holds it released" in condition(simulation.status(), "Automatic")[2]
    assert "Metric error-rate would engage it" in condition(simulation.status(), "Automatic")[2]
    assert simulation.release().drive().replicas == 0


def test_a_person_who_lets_go_leaves_it_to_the_holds() -> None:
    simulation = ready().throw().drive().monitor_state("Engage").drive()
    assert [hold.source for hold in simulation.status().holds] == ["Person", "Metric"]

    assert simulation.release().drive().replicas == 0
    assert simulation.monitor_state("Release").drive().replicas == 3


def test_an_entry_that_is_not_automatic_is_left_to_people() -> None:
    simulation = ready(killSwitches=[kill_switch(automatic=False)]).monitor_state("Engage").drive()

    assert simulation.replicas == 3
    assert condition(simulation.status(), "Automatic")[:2] == ("False", "Manual")
    assert simulation.throw().drive().replicas == 0


@pytest.mark.parametrize(("engaged", "before", "after"), [(True, 0, 3), (False, 3, 0)])
def test_either_word_ends_by_itself(*, engaged: bool, before: int, after: int) -> None:
    simulation = ready().monitor_state("Engage" if not engaged else "Release")
    simulation.say(engaged=engaged, reason="INC-1", expires_after="30m").drive()
    assert simulation.replicas == before

    simulation.after(minutes=29).drive()
    assert simulation.replicas == before
    simulation.after(minutes=1).drive()

    assert simulation.switch().spec.engaged is None
    assert simulation.replicas == after
    assert Reason.EXPIRED in {notice.reason for notice in simulation.said}


def test_a_word_that_expired_while_no_operator_was_there_does_nothing_any_more() -> None:
    simulation = ready().throw(expires_after="30m").after(hours=2)
    simulation.steps.clear()

    simulation.drive()

    assert kinds(simulation.steps)[0] == "ClearOverride"
    assert "WriteTarget" not in kinds(simulation.steps)


def test_without_the_api_servers_note_a_word_counts_from_when_it_was_first_seen() -> None:
    simulation = ready()
    simulation.throw(expires_after="30m").forget_who_said_it().drive().after(minutes=20).drive()
    assert simulation.replicas == 0

    assert simulation.after(minutes=11).drive().replicas == 3


def test_a_silence_ends_after_the_runbooks_time_where_something_automatic_is_silenced() -> None:
    simulation = ready(silenceFor="2h").monitor_state("Engage").silence().drive()
    assert "until" in condition(simulation.status(), "Automatic")[2]

    simulation.after(hours=1).drive()
    assert simulation.replicas == 3
    assert simulation.after(hours=1).drive().replicas == 0


def test_a_switch_without_anything_automatic_stays_released_as_long_as_the_person_says() -> None:
    simulation = ready().silence().drive().after(days=30).drive()

    assert simulation.switch().spec.engaged is False
    assert simulation.status().override is not None
    assert simulation.status().override.expires_at is None  # type: ignore[union-attr] # as asserted above


def test_a_suspended_runbook_throws_nothing_by_itself_and_obeys_people() -> None:
    simulation = ready(suspend={"reason": "migration"}).monitor_state("Engage").drive()
    assert simulation.replicas == 3
    assert condition(simulation.status(), "Automatic")[1:] == ("Suspended", "the Runbook is suspended: migration")

    assert simulation.throw().drive().replicas == 0
    assert simulation.monitor_state("Release").release().drive().replicas == 3


def test_a_suspension_freezes_no_release() -> None:
    simulation = ready().monitor_state("Engage").drive().with_runbook(suspend={}).drive()
    assert simulation.replicas == 0
    assert condition(simulation.status(), "Automatic")[2] == "the Runbook is suspended"

    assert simulation.monitor_state("Release").drive().replicas == 3


def test_a_suspension_ends_at_its_time() -> None:
    simulation = ready(suspend={"until": "2026-11-24T04:00:00Z"}).monitor_state("Engage").drive()
    assert simulation.replicas == 3

    assert simulation.after(hours=1).drive().replicas == 0


def test_a_momentary_switch_acts_once_for_a_hold_that_lasts() -> None:
    simulation = ready(killSwitches=[], scaling=[{"name": "stop", "target": "web", "by": 2, "max": 9}])

    simulation.monitor_state("Engage").drive().drive()
    assert simulation.replicas == 5
    simulation.monitor_state("Release").drive()
    assert (simulation.replicas, simulation.status().phase) == (5, "Released")
    assert simulation.after(minutes=5).monitor_state("Engage").drive().replicas == 7


def test_a_momentary_switch_thrown_again_before_it_was_written_down_keeps_both_in_its_history() -> None:
    simulation = ready(killSwitches=[], scaling=[{"name": "stop", "target": "web", "by": 2, "max": 9}])
    simulation.throw(reason="first").drive(at_most=4)
    assert simulation.status().record is not None
    assert simulation.status().record.done  # type: ignore[union-attr] # as asserted above

    simulation.release().throw(reason="second").drive()

    assert simulation.replicas == 7
    assert [over.reason for over in simulation.status().history] == ["second", "first"]


def test_the_history_says_who_why_and_how_long() -> None:
    simulation = ready().throw(reason="INC-7").drive().after(minutes=90).release().drive()

    over = simulation.status().history[0]
    assert (over.reason, over.engaged_by, over.duration) == ("INC-7", "kubectl-patch", "1h30m")
