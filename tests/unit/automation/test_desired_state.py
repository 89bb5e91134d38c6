"""A person's word, what automatic sources say, and which of them counts."""

import pytest

from runbook_operator.core.reasons import Reason
from tests.builders import Simulation, condition, kill_switch, kinds


def ready(**spec: object) -> Simulation:
    return Simulation().with_runbook(**spec).with_target(3).drive()


def test_metric_signal_engages_and_releases_a_switch() -> None:
    simulation = ready().monitor_state("Engage").drive()

    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")
    assert simulation.status().engaged_by == "Metric error-rate"
    assert [(hold.source, hold.reason) for hold in simulation.status().holds] == [("Metric", "12% > 10%")]
    assert simulation.monitor_state("Release").drive().replicas == 3
    assert simulation.status().holds == []


def test_missing_data_neither_engages_nor_releases() -> None:
    assert ready().monitor_state("Unknown").drive().replicas == 3
    assert ready().monitor_state("Engage").drive().monitor_state("Unknown").drive().replicas == 0


def test_held_switch_without_data_reports_how_to_release() -> None:
    simulation = ready().monitor_state("Engage").drive().monitor_state("Unknown").drive()
    assert condition(simulation.status(), "Automatic")[:2] == ("True", "Automatic")

    held = condition(simulation.monitor_state("Unknown", blind=True).drive().status(), "Automatic")

    assert held[:2] == ("True", "HeldWithoutData")
    assert held[2].startswith("Metric error-rate holds it engaged, and no data arrives that could release it")
    assert 'kubectl -n shop patch switch shop-stop --type merge -p \'{"spec":{"engaged":false' in held[2]
    other = simulation.monitor_state("Engage", name="latency").drive()
    assert condition(other.status(), "Automatic")[:2] == ("True", "Automatic")
    assert simulation.monitor_state("Release", name="latency").silence().drive().replicas == 3
    assert simulation.release().drive().replicas == 3


def test_recorded_hold_survives_a_restart_without_reading() -> None:
    simulation = ready().monitor_state("Engage").drive()
    simulation.store._switches.signals.clear()

    assert simulation.restart().drive().replicas == 0


def test_switch_stays_engaged_until_the_last_hold_ends() -> None:
    simulation = (
        ready().monitor_state("Engage").monitor_state("Engage", name="latency").drive().monitor_state("Release").drive()
    )

    assert simulation.replicas == 0
    assert simulation.monitor_state("Release", name="latency").drive().replicas == 3


def test_override_takes_precedence_over_automatic_holds() -> None:
    simulation = ready().monitor_state("Engage").drive().silence().drive()

    assert simulation.replicas == 3
    assert condition(simulation.status(), "Automatic")[:2] == ("False", "Silenced")
    assert "kubectl-patch holds it released" in condition(simulation.status(), "Automatic")[2]
    assert "Metric error-rate would engage it" in condition(simulation.status(), "Automatic")[2]
    assert simulation.release().drive().replicas == 0


def test_removed_override_leaves_the_switch_to_its_holds() -> None:
    simulation = ready().throw().drive().monitor_state("Engage").drive()
    assert [hold.source for hold in simulation.status().holds] == ["Person", "Metric"]

    assert simulation.release().drive().replicas == 0
    assert simulation.monitor_state("Release").drive().replicas == 3


def test_non_automatic_switch_ignores_signals() -> None:
    simulation = ready(killSwitches=[kill_switch(automatic=False)]).monitor_state("Engage").drive()

    assert simulation.replicas == 3
    assert condition(simulation.status(), "Automatic")[:2] == ("False", "Manual")
    assert simulation.throw().drive().replicas == 0


@pytest.mark.parametrize(("engaged", "before", "after"), [(True, 0, 3), (False, 3, 0)])
def test_expired_override_clears_engaged(*, engaged: bool, before: int, after: int) -> None:
    simulation = ready().monitor_state("Engage" if not engaged else "Release")
    simulation.say(engaged=engaged, reason="INC-1", expires_after="30m").drive()
    assert simulation.replicas == before

    simulation.after(minutes=29).drive()
    assert simulation.replicas == before
    simulation.after(minutes=1).drive()

    assert simulation.switch().spec.engaged is None
    assert simulation.replicas == after
    assert Reason.EXPIRED in {notice.reason for notice in simulation.said}


def test_override_expired_during_downtime_writes_nothing() -> None:
    simulation = ready().throw(expires_after="30m").after(hours=2)
    simulation.steps.clear()

    simulation.drive()

    assert kinds(simulation.steps)[0] == "ClearOverride"
    assert "WriteTarget" not in kinds(simulation.steps)


def test_override_without_managed_fields_time_counts_from_the_first_visit() -> None:
    simulation = ready()
    simulation.throw(expires_after="30m").forget_who_said_it().drive().after(minutes=20).drive()
    assert simulation.replicas == 0

    assert simulation.after(minutes=11).drive().replicas == 3


def test_silence_expires_after_silence_for() -> None:
    simulation = ready(silenceFor="2h").monitor_state("Engage").silence().drive()
    assert "until" in condition(simulation.status(), "Automatic")[2]

    simulation.after(hours=1).drive()
    assert simulation.replicas == 3
    assert simulation.after(hours=1).drive().replicas == 0


def test_silence_on_a_switch_without_automation_never_expires() -> None:
    simulation = ready().silence().drive().after(days=30).drive()

    assert simulation.switch().spec.engaged is False
    assert simulation.status().override is not None
    assert simulation.status().override.expires_at is None  # type: ignore[union-attr] # as asserted above


def test_suspended_runbook_blocks_automatic_throws_and_obeys_overrides() -> None:
    simulation = ready(suspend={"reason": "migration"}).monitor_state("Engage").drive()
    assert simulation.replicas == 3
    assert condition(simulation.status(), "Automatic")[1:] == ("Suspended", "the Runbook is suspended: migration")

    assert simulation.throw().drive().replicas == 0
    assert simulation.monitor_state("Release").release().drive().replicas == 3


def test_suspended_runbook_still_releases() -> None:
    simulation = ready().monitor_state("Engage").drive().with_runbook(suspend={}).drive()
    assert simulation.replicas == 0
    assert condition(simulation.status(), "Automatic")[2] == "the Runbook is suspended"

    assert simulation.monitor_state("Release").drive().replicas == 3


def test_suspension_ends_at_its_until_time() -> None:
    simulation = ready(suspend={"until": "2026-11-24T04:00:00Z"}).monitor_state("Engage").drive()
    assert simulation.replicas == 3

    assert simulation.after(hours=1).drive().replicas == 0


def test_momentary_switch_acts_once_per_lasting_hold() -> None:
    simulation = ready(killSwitches=[], scaling=[{"name": "stop", "target": "web", "by": 2, "max": 9}])

    simulation.monitor_state("Engage").drive().drive()
    assert simulation.replicas == 5
    simulation.monitor_state("Release").drive()
    assert (simulation.replicas, simulation.status().phase) == (5, "Released")
    assert simulation.after(minutes=5).monitor_state("Engage").drive().replicas == 7


def test_momentary_switch_thrown_twice_before_a_record_keeps_two_history_entries() -> None:
    simulation = ready(killSwitches=[], scaling=[{"name": "stop", "target": "web", "by": 2, "max": 9}])
    simulation.throw(reason="first").drive(at_most=4)
    assert simulation.status().record is not None
    assert simulation.status().record.done  # type: ignore[union-attr] # as asserted above

    simulation.release().throw(reason="second").drive()

    assert simulation.replicas == 7
    assert [over.reason for over in simulation.status().history] == ["second", "first"]


def test_history_entry_has_reason_author_and_duration() -> None:
    simulation = ready().throw(reason="INC-7").drive().after(minutes=90).release().drive()

    over = simulation.status().history[0]
    assert (over.reason, over.engaged_by, over.duration) == ("INC-7", "kubectl-patch", "1h30m")
