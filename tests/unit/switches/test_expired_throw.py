"""A momentary throw acts soon or not at all: one that waited for too long is refused, and never acts later."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runbook_operator.api.conditions import moment
from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.reconcile.steps import ClearOverride, WriteTarget
from runbook_operator.switches.requeue import due
from tests.builders import NOW, Simulation, condition, kill_switch, scale

AGAIN = """kubectl -n shop patch switch shop-stop --type merge -p '{"spec":{"engaged":true}}'"""


def ready(*actions: dict[str, object], **entry: object) -> Simulation:
    switch = kill_switch("stop", *(actions or (scale(by=2, max=9),)), momentary=True, **entry)
    return Simulation().with_runbook(killSwitches=[switch]).with_target(3)


def acts(simulation: Simulation) -> int:
    return sum(isinstance(step, WriteTarget) for step in simulation.steps)


def test_throw_without_target_expires_and_never_acts() -> None:
    simulation = ready().drive()
    simulation.remove(simulation.target.ref).throw().drive().after(minutes=9).drive()
    assert simulation.switch().spec.engaged
    simulation.after(minutes=2).drive()

    status = simulation.status()
    assert (simulation.switch().spec.engaged, status.record, status.phase) == (None, None, "Released")
    acted, reason, message = condition(status, "Acted")
    assert (acted, reason) == ("False", "Expired")
    assert message.startswith("did nothing: scale of Deployment/web: ")
    assert "The throw of 2026-11-24T03:00:00Z by kubectl-patch" in message
    assert message.endswith(f"within 10m, or not at all. To throw it again: {AGAIN}")
    assert status.columns.message.endswith(message)
    assert {(one.reason, one.warning) for one in simulation.said if "has expired" in one.message} == {
        (Reason.EXPIRED, True)
    }
    assert simulation.with_target(3).drive().replicas == 3


def test_throw_after_an_expired_one_acts() -> None:
    simulation = ready().drive()
    simulation.remove(simulation.target.ref).throw().drive().after(minutes=11).drive()

    simulation.with_target(3).throw().drive()

    assert simulation.replicas == 5
    assert condition(simulation.status(), "Acted")[:2] == ("True", "Done")


def test_throw_first_visited_a_week_later_is_refused() -> None:
    simulation = ready().drive().throw().after(days=7).restart().drive()

    assert (acts(simulation), simulation.replicas, simulation.switch().spec.engaged) == (0, 3, None)
    assert condition(simulation.status(), "Acted")[2].startswith("did nothing. The throw of ")


def test_expires_after_replaces_the_limit_of_ten_minutes() -> None:
    simulation = ready().drive().throw(expires_after="2d").after(days=1).drive()
    assert simulation.replicas == 5

    simulation.throw(expires_after="1m").after(minutes=2).drive()
    assert simulation.replicas == 5
    assert "acts within 1m, or not at all" in condition(simulation.status(), "Acted")[2]


@pytest.mark.parametrize("crash", range(7))
def test_throw_after_any_crash_and_a_week_acts_once_or_never(crash: int) -> None:
    simulation = ready().drive().throw().drive(at_most=crash).restart().after(days=7).drive()

    assert simulation.replicas == (5 if acts(simulation) else 3)
    assert acts(simulation) <= 1
    done = "Done" if simulation.replicas == 5 else "Expired"
    assert (condition(simulation.status(), "Acted")[1], simulation.switch().spec.engaged) == (done, None)


def test_throw_that_expires_while_reported_leaves_no_record() -> None:
    simulation = ready().drive()
    simulation.remove(simulation.target.ref).throw().drive().after(minutes=11)
    while not isinstance(step := simulation.next_step(), ClearOverride):
        assert step is not None
        simulation.restart().drive(at_most=1)

    assert simulation.status().record is None
    assert simulation.drive().with_target(3).drive().replicas == 3


def test_throw_without_required_account_expires() -> None:
    simulation = ready().with_policy(Policy(requires_account=True)).throw().drive().after(minutes=11).drive()

    assert simulation.switch().spec.engaged is None
    assert simulation.with_policy(Policy()).drive().replicas == 3


def test_undeclared_throw_expires_once_declared() -> None:
    simulation = ready().drive()
    entry = kill_switch("stop", scale(by=2, max=9), momentary=True)
    simulation.with_runbook(killSwitches=[kill_switch("other")]).throw().drive().after(days=1).drive()
    assert simulation.switch().spec.engaged

    assert simulation.with_runbook(killSwitches=[entry]).drive().replicas == 3
    assert simulation.switch().spec.engaged is None


def test_refused_action_after_a_done_one_expires_ten_minutes_later() -> None:
    simulation = ready(scale(by=2, max=9), scale(target="db", by=1)).with_runbook(
        targets=[{"name": "web", "workload": {"name": "web"}}, {"name": "db", "workload": {"name": "db"}}],
        killSwitches=[kill_switch("stop", scale(by=2, max=9), scale(target="db", by=1), momentary=True)],
    )
    simulation.throw().drive()
    assert (simulation.replicas, simulation.switch().spec.engaged) == (5, True)
    assert due(simulation.after(minutes=9).looked()) is not None

    simulation.after(minutes=2).drive()

    message = condition(simulation.status(), "Acted")[2]
    assert message.startswith("Deployment/web from 3 to 5; not done: scale of Deployment/db: ")
    assert simulation.switch().spec.engaged is None


def test_refused_write_expires_and_is_not_retried() -> None:
    simulation = ready().drive().refuse(errors.ForbiddenError("403")).throw().drive()

    simulation.after(minutes=11).drive().refuse(None).drive()

    assert (simulation.replicas, condition(simulation.status(), "Acted")[1]) == (3, "Expired")


def test_throw_of_a_gitops_tracked_switch_stays_and_expires_once_untracked() -> None:
    simulation = ready().drive()
    simulation._put(replace(simulation.switch(), tracked_by="the Flux Kustomization apps")).throw().drive()
    simulation.after(hours=1).drive()
    assert condition(simulation.status(), "Engaged")[:2] == ("False", "SwitchTracked")
    assert simulation.switch().spec.engaged

    simulation._put(replace(simulation.switch(), tracked_by="")).drive()

    assert (simulation.replicas, simulation.switch().spec.engaged) == (3, None)


def test_late_throw_in_observe_mode_is_a_rehearsal() -> None:
    entry = kill_switch("stop", scale(by=2, max=9), momentary=True)
    simulation = Simulation().with_runbook(mode="Observe", killSwitches=[entry]).with_target(3).throw()

    simulation.after(hours=1).drive()

    assert condition(simulation.status(), "Engaged")[1] == "Observing"
    assert not [one for one in simulation.status().conditions if one.type == "Acted"]


def test_holding_switch_engages_however_late() -> None:
    simulation = Simulation().with_runbook().with_target(3).throw().after(days=7).drive()

    assert simulation.replicas == 0


def test_engaged_false_on_a_momentary_switch_is_reported_as_without_effect() -> None:
    simulation = ready().drive().say(engaged=False).drive()

    text = condition(simulation.status(), "Automatic")[2]
    assert text.startswith("engaged: false has no effect on a momentary switch")
    assert text.endswith(
        "To remove it: kubectl -n shop patch switch "
        """shop-stop --type merge -p '{"spec":{"engaged":null,"reason":null}}'"""
    )
    assert simulation.status().columns.message == text
    assert not [one for one in simulation.said if one.reason == Reason.SILENCED]
    assert simulation.throw().drive().replicas == 5


def test_waiting_throw_is_visited_when_it_expires() -> None:
    simulation = ready()
    simulation.remove(simulation.target.ref).throw().drive()

    word = simulation.status().override
    assert word is not None
    assert moment(word.expires_at or "") - NOW < timedelta(minutes=10, seconds=1)
