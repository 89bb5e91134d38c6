"""Writes that are stored while the cluster refuses to make the pods: told at once, and stalled after the timeout."""

from typing import Any

import pytest

from runbook_operator.switches.requeue import due
from tests.builders import WEB, Body, Simulation, condition, kill_switch
from tests.revisions import kept, knows, roll_out, workload

REFUSED = 'pods "web-1-" is forbidden: error looking up service account shop/old: serviceaccount "old" not found'
FAILURE = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": REFUSED}
BACK: Body = {"rollback": {"target": "web"}}
UP: Body = {"scale": {"target": "web", "replicas": 5}}
RESTART: Body = {"restart": {"target": "web"}}
ACTIONS = {
    "rollback": (BACK, "0 of 3 updated"),
    "scale": (UP, "0 of 5 ready"),
    "restart": (RESTART, "0 of 3 restarted"),
}


def thrown(action: Body, **entry: Any) -> Simulation:
    simulation = Simulation().with_object(workload("bad", 2))
    for body in (kept("good", 1), kept("bad", 2)):
        simulation.with_object(body)
    simulation.with_runbook(killSwitches=[kill_switch("stop", action, **entry)])
    simulation = knows(simulation.drive(), 1).throw().drive()
    return roll_out(simulation) if "rollback" in action else simulation


def counts(simulation: Simulation, **status: Any) -> Simulation:
    body = {"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "replicas": 3} | status}
    return simulation.change(WEB, body, "kube-controller-manager").after(seconds=3).drive()


@pytest.mark.parametrize("name", ACTIONS)
def test_refused_pods_make_an_engaged_switch_unready_and_then_stalled(name: str) -> None:
    action, words = ACTIONS[name]
    simulation = counts(thrown(action), conditions=[FAILURE])

    ready = condition(simulation.status(), "Ready")
    assert ready[:2] == ("False", "PodsNotCreated")
    assert ready[2].startswith(
        f"{words}; Deployment/web: its controller cannot create pods: {REFUSED}. Create the object that the pod"
    )
    assert condition(simulation.status(), "Engaged")[0] == "True"
    assert simulation.status().phase == "Engaged"

    simulation.after(minutes=1).drive()
    assert simulation.status().phase == "Stalled"
    assert condition(simulation.status(), "Engaged")[0] == "True"
    assert condition(simulation.status(), "Stalled")[1] == "PodsNotCreated"

    counts(simulation, conditions=[], replicas=5, updatedReplicas=3, readyReplicas=5, availableReplicas=5)
    assert simulation.status().phase == "Engaged"
    assert condition(simulation.status(), "Ready")[0] == "True"


def test_unknown_refusal_message_is_shown_unchanged() -> None:
    simulation = counts(thrown(UP), conditions=[FAILURE | {"message": "no"}])

    assert (
        condition(simulation.status(), "Ready")[2]
        == "0 of 5 ready; Deployment/web: its controller cannot create pods: no"
    )


def test_scale_down_with_an_old_refusal_is_no_failure() -> None:
    simulation = counts(thrown({"scale": {"target": "web", "replicas": 1}}), conditions=[FAILURE])

    assert condition(simulation.status(), "Ready")[0] == "True"


def test_stalled_switch_is_due_when_its_timeout_ends() -> None:
    simulation = counts(thrown(BACK), conditions=[FAILURE])

    assert due(simulation.snapshot()) is not None


def test_deletion_with_refused_pods_restores_the_saved_value() -> None:
    simulation = counts(thrown(UP), conditions=[FAILURE]).after(minutes=5).drive()
    assert simulation.status().phase == "Stalled"

    simulation.delete().drive()

    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3


def test_release_of_a_stalled_switch_reports_no_pods() -> None:
    simulation = counts(thrown(UP), conditions=[FAILURE]).after(minutes=5).drive()

    simulation.release().drive()

    assert (simulation.status().phase, simulation.status().record) == ("Released", None)
    assert condition(simulation.status(), "Ready")[0] == "True"
