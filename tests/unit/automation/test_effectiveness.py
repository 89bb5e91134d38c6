"""Whether what a metric has engaged by itself helped, when that is told, and what follows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.switch import Engagement
from runbook_operator.automation.effectiveness import verdict
from runbook_operator.automation.gates import is_blocked_by_gate
from runbook_operator.core.reasons import Reason
from runbook_operator.core.signals import Signal
from runbook_operator.kube import errors
from runbook_operator.switches.requeue import due
from tests.builders import Body, Simulation, condition, kill_switch, scale

METRIC: Body = {"name": "error-rate", "query": "rate(errors[2m])", "critical": "> 10%", "period": "15s"}
TIME = timedelta(minutes=5, seconds=30)
"""Two minutes of looking back, one and two of lasting, and two readings."""


def engaged(**spec: Any) -> Simulation:
    return (
        Simulation().with_runbook(**{"metrics": [METRIC]} | spec).with_target(3).drive().monitor_state("Engage").drive()
    )


def last(simulation: Simulation) -> Engagement:
    return simulation.status().history[0]


def helped(simulation: Simulation) -> bool | None:
    record = simulation.status().record
    assert record is not None
    return record.helped


def test_metric_recovered_after_engagement_counts_as_helped() -> None:
    simulation = engaged().after(minutes=5).drive().monitor_state("Release").drive()

    assert (last(simulation).source, last(simulation).helped) == ("Metric", True)


def test_metric_still_bad_at_the_deadline_counts_as_not_helped_and_is_reported_once() -> None:
    simulation = engaged()
    moment = due(simulation.snapshot())
    assert moment is not None
    assert timedelta(0) <= moment - simulation.now <= TIME

    simulation.now = moment
    simulation.drive().after(minutes=9).drive()

    assert helped(simulation) is False
    assert simulation.replicas == 0
    about_switch = [one for one in simulation.said if one.about == simulation.switch().meta.ref]
    said = [one for one in about_switch if one.reason is Reason.INEFFECTIVE]
    assert [one.warning for one in said] == [True]
    assert "held for 5m30s, and Metric error-rate did not recover" in said[0].message
    assert due(simulation.snapshot()) is None
    assert last(simulation.monitor_state("Release").drive()).helped is False


def test_missing_data_leaves_effectiveness_open_until_the_next_reading() -> None:
    simulation = engaged().monitor_state("Unknown").after(hours=1).drive()
    assert helped(simulation) is None

    assert helped(simulation.monitor_state("Engage").drive()) is False


def test_release_by_a_person_leaves_effectiveness_open() -> None:
    assert last(engaged().silence().drive()).helped is None


def test_engagement_without_writes_has_no_effectiveness() -> None:
    simulation = engaged().monitor_state("Release")
    record = simulation.status().record
    assert record

    assert verdict(simulation.snapshot(), record) is True
    assert verdict(simulation.snapshot(), record.replace(actions=[])) is None


def test_person_and_dependency_engagements_are_not_judged() -> None:
    simulation = Simulation().with_runbook(metrics=[METRIC]).with_target(3).drive().throw().drive()
    assert (last(simulation.after(hours=1).drive().release().drive()).source, last(simulation).helped) == (
        "Person",
        None,
    )

    simulation = Simulation().with_runbook().with_target(3).drive()
    ref = simulation.switch().meta.ref
    simulation.store.set_signals(ref, (Signal("Dependency", "model-api", "Engage"),))
    assert simulation.drive().after(hours=1).drive().replicas == 0
    simulation.store.set_signals(ref, (Signal("Dependency", "model-api", "Release"),))
    assert (last(simulation.drive()).source, last(simulation).helped) == ("Dependency", None)


def test_removed_metric_judges_no_engagement() -> None:
    assert helped(engaged().with_runbook(metrics=[]).after(hours=1).drive()) is None


def test_missing_runbook_judges_no_engagement() -> None:
    simulation = engaged()
    simulation.store.runbooks.clear()

    assert helped(simulation.after(hours=1).drive()) is None


def test_effectiveness_deadline_starts_after_the_write_succeeds() -> None:
    simulation = Simulation().with_runbook(metrics=[METRIC]).with_target(3).drive()
    simulation.refuse(errors.ForbiddenError("403")).monitor_state("Engage").drive().after(hours=1).drive()
    assert helped(simulation) is None
    assert last(simulation.monitor_state("Release").drive()).helped is None

    simulation = engaged().monitor_state("Release").drive().after(hours=1)
    simulation.refuse(errors.UnavailableError("500")).monitor_state("Engage").drive().after(minutes=9)
    simulation.refuse(None).drive().after(minutes=5).drive()
    assert helped(simulation) is None
    assert helped(simulation.after(minutes=1).drive()) is False


def test_effectiveness_deadline_starts_after_the_rollout_completes() -> None:
    simulation = engaged(killSwitches=[kill_switch("stop", scale(replicas=1))])
    target = simulation.target
    counts = {"replicas": 3, "readyReplicas": 1}
    simulation.store.put_target(replace(target, body={**target.body, "status": counts}))
    simulation.after(seconds=3).drive()
    record = simulation.status().record
    assert record is not None
    assert record.actions[0].progress

    assert helped(simulation.after(hours=1).drive()) is None
    simulation.store.put_target(replace(target, body={**target.body, "status": {"replicas": 1, "readyReplicas": 1}}))
    assert helped(simulation.drive().after(minutes=5).drive()) is None
    assert helped(simulation.after(minutes=1).drive()) is False


def test_metric_bad_again_soon_after_release_counts_as_not_helped() -> None:
    simulation = engaged().monitor_state("Release").drive()
    assert last(simulation).helped is True

    simulation.after(minutes=4).monitor_state("Engage").drive()
    assert (simulation.replicas, last(simulation).helped) == (3, False)
    assert condition(simulation.status(), "Automatic")[1] == "CoolDown"


@pytest.mark.parametrize(
    ("name", "minutes", "cool_down"), [("error-rate", 5, "5m"), ("latency", 4, "5m"), ("error-rate", 4, "4m")]
)
def test_another_metric_or_a_later_breach_keeps_helped(name: str, minutes: int, cool_down: str) -> None:
    simulation = engaged(automation={"coolDown": cool_down}).monitor_state("Release").drive()

    simulation.after(minutes=minutes).monitor_state("Engage", name=name).drive()

    assert simulation.status().history[0].helped is True


def test_hold_silenced_by_a_person_is_not_judged() -> None:
    simulation = engaged().silence().drive().after(minutes=3).release().drive()

    assert (simulation.replicas, last(simulation).helped) == (0, None)


def test_two_ineffective_engagements_block_automation_until_a_person_acts() -> None:
    simulation = engaged()
    for _ in range(2):
        simulation.monitor_state("Release").drive().after(minutes=1).monitor_state("Engage").drive().after(
            minutes=6
        ).drive()

    assert [one.helped for one in simulation.status().history] == [False, False]
    assert simulation.replicas == 3
    assert condition(simulation.status(), "Automatic")[1] == "Ineffective"
    assert is_blocked_by_gate(simulation.status())
    assert simulation.after(hours=9).drive().replicas == 3

    assert simulation.say(engaged=None, reason="provider has mended it").drive().replicas == 0


def test_momentary_engagement_is_not_judged() -> None:
    up = {"name": "stop", "target": "web", "by": 2, "max": 9}
    simulation = engaged(killSwitches=[], scaling=[up])

    assert helped(simulation.after(hours=1).drive()) is None


def test_history_keeps_entries_that_budgets_count() -> None:
    simulation = engaged().monitor_state("Release").drive()
    for _ in range(12):
        simulation.throw().drive().release().drive()
    assert [one.source for one in simulation.status().history] == ["Person"] * 10 + ["Metric"]

    simulation.after(hours=1).throw().drive().release().drive()
    assert [one.source for one in simulation.status().history] == ["Person"] * 10


def test_unparsable_runbook_leaves_the_history_unchanged() -> None:
    simulation = engaged().monitor_state("Release").drive()
    history = simulation.status().history
    ref, runbook = next(iter(simulation.store.runbooks.items()))
    simulation.store.runbooks[ref] = replace(runbook, spec=None, error="spec.title: Field required")

    assert simulation.after(minutes=1).monitor_state("Engage").drive().status().history == history
