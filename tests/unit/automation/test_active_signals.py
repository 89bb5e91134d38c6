"""What a switch makes of the deployment guard's word while somebody deploys another revision."""

from dataclasses import replace
from typing import Any

import pytest

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.deployment_guard_spec import JudgedRevision, WatchedRevision
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.automation.active_signals import active_signals
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.references import Ref
from runbook_operator.core.signals import Signal
from tests.builders import NOW, WEB, Body, Simulation, kill_switch, scale
from tests.revisions import kept, knows, roll_out, template, version, workload

BACK = kill_switch("stop", {"rollback": {"target": "web"}})
GUARD = {"firstAction": {"engage": "stop"}}


def guarded(*objects: Body, ref: Ref = WEB, **spec: Any) -> Simulation:
    """The switch `stop` is idle, and a bad revision is to engage it."""
    simulation = Simulation()
    for body in objects:
        simulation.with_object(body)
    target = {"name": "web", "workload": {"apiVersion": ref.api_version, "kind": ref.kind, "name": "web"}}
    rest = {"targets": [target], "killSwitches": [BACK], "deployments": GUARD}
    return simulation.with_runbook(**rest | spec).drive()


def judged(simulation: Simulation, verdict: str = "Bad", **status: Any) -> Simulation:
    """The guard has judged revision 2, and it says so."""
    knows(simulation, 1)
    (ref,) = simulation.store.runbooks
    at = timestamp(NOW)
    entry = JudgedRevision.model_validate({"revision": 2, "verdict": verdict, "since": at})
    watch = WatchedRevision(revision=2, since=at, until=at)
    known = simulation.store.runbooks[ref].status.targets[0]
    target = TargetStatus.model_validate(dict(known.replace(watch=watch, verdicts=[entry])) | status)
    body = replace(simulation.store.runbooks[ref], status=RunbookStatus(targets=[target]))
    simulation.store.runbooks[ref] = body
    return says(simulation, Signal("Deployment", "web", "Engage", "revision 2 is bad"))


def says(simulation: Simulation, *signals: Signal) -> Simulation:
    simulation.store.set_signals(simulation.switch().meta.ref, signals)
    return simulation


def bad(**spec: Any) -> Simulation:
    return judged(guarded(workload("bad", 2), kept("good", 1), kept("bad", 2), **spec))


def deploy(simulation: Simulation, name: str) -> Simulation:
    return simulation.change(WEB, {"spec": {"template": template(name)}})


def test_bad_revision_is_rolled_back() -> None:
    simulation = bad().drive()

    assert (version(simulation), simulation.status().phase) == ("good", "Engaged")
    assert [(hold.source, hold.reason) for hold in simulation.status().holds] == [("Deployment", "revision 2 is bad")]


def test_redeployed_bad_revision_is_rolled_back_again() -> None:
    simulation = roll_out(bad().drive())

    assert version(deploy(simulation, "bad").drive()) == "good"
    assert simulation.status().phase == "Engaged"


def test_deploy_of_another_revision_ends_the_hold_and_is_kept() -> None:
    simulation = roll_out(bad().drive())

    deploy(simulation, "fixed").drive()

    assert (version(simulation), simulation.status().phase, simulation.status().holds) == ("fixed", "Released", [])
    roll_out(simulation).drive()
    assert (version(simulation), simulation.status().phase) == ("fixed", "Released")


def test_deploy_after_a_restart_without_signals_ends_the_hold() -> None:
    simulation = roll_out(bad().drive())
    simulation.store.clear_signals()
    assert simulation.restart().drive().status().phase == "Engaged"

    assert version(deploy(simulation, "fixed").drive()) == "fixed"
    assert simulation.status().holds == []


def test_flag_set_by_another_switch_is_no_deployment() -> None:
    env = {"target": "web", "flag": "FLAG", "value": "off", "env": {"container": "app"}, "flagMustExist": False}
    simulation = roll_out(bad(killSwitches=[BACK, kill_switch("flag", {"setFlag": env})]).drive())

    simulation.drive("flag").throw("flag").drive("flag", "stop")

    assert simulation.status("flag").phase == "Engaged"
    assert simulation.status().phase == "Engaged"


def test_guard_hold_without_template_write_ends_at_another_revision() -> None:
    simulation = bad(killSwitches=[kill_switch("stop", scale(replicas=0))]).drive()
    assert simulation.status().phase == "Engaged"
    roll_out(deploy(simulation, "fixed"))

    assert simulation.drive().status().phase == "Released"


def idle(simulation: Simulation) -> bool:
    return simulation.drive().status().record is None


def test_revision_already_rolled_back_is_not_rolled_back_again() -> None:
    assert idle(judged(guarded(workload("good", 3), kept("good", 3, 1), kept("bad", 2))))


@pytest.mark.parametrize("verdict", ["Watching", "Good", "Unproven"])
def test_bad_signal_about_a_revision_judged_otherwise_is_ignored(verdict: str) -> None:
    assert idle(judged(guarded(workload("bad", 2), kept("good", 1), kept("bad", 2)), verdict))


@pytest.mark.parametrize(
    "spec",
    [
        {"deployments": {}},
        {"killSwitches": [BACK, kill_switch("other")], "deployments": {"firstAction": {"engage": "other"}}},
    ],
)
def test_signal_to_a_switch_no_longer_configured_is_ignored(spec: Body) -> None:
    assert idle(bad(**spec))


def test_signal_about_a_recreated_workload_is_ignored() -> None:
    assert idle(judged(guarded(workload("bad", 2), kept("good", 1), kept("bad", 2)), uid="web-0"))


def test_signal_about_an_unwatched_or_undeclared_workload_is_ignored() -> None:
    assert idle(says(bad(), Signal("Deployment", "web", "Release"), Signal("Deployment", "gone", "Engage")))
    assert idle(judged(guarded(workload("bad", 2)), watch=None))


def test_signals_of_other_sources_are_unchanged() -> None:
    simulation = bad(deployments={}).monitor_state("Engage")

    verdicts = {one.source: one.verdict for one in active_signals(simulation.snapshot())}
    assert verdicts == {"Metric": "Engage", "Deployment": "Release"}


def held(simulation: Simulation) -> bool:
    return any(one.verdict == "Engage" for one in active_signals(simulation.snapshot()))


def test_signal_stands_while_runbook_or_workload_is_unreadable() -> None:
    simulation = bad()
    simulation.store.targets.clear()
    assert held(simulation)
    (ref,) = simulation.store.runbooks
    simulation.store.runbooks[ref] = replace(simulation.store.runbooks[ref], spec=None, error="spec: wrong")
    assert held(simulation)
    simulation.store.runbooks.clear()

    assert held(simulation)


def test_signal_stands_until_the_template_is_read() -> None:
    simulation = bad().drive()
    simulation.store.put_target(observed_from(deploy(simulation, "fixed").objects[WEB]))

    assert held(simulation)


def test_workload_without_revision_counts_as_the_bad_revision() -> None:
    simulation = bad()
    simulation.store.put_target(observed_from(workload("bad")))

    assert held(simulation)
