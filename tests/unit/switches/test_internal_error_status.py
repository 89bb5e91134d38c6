"""The operator's own failure at one object: what it tells, and what goes on without the field that fails."""

from dataclasses import replace

import pytest

from runbook_operator.api.conditions import find
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.engine import hold_or_restore_one
from runbook_operator.switches.internal_error_status import shown
from tests.builders import NAMESPACE, NOW, WEB, Simulation, condition, kill_switch, runbook, scale, workload_body

CONFIG = Ref("v1", "ConfigMap", NAMESPACE, "flags")


def thrown(**rest: object) -> Simulation:
    """Two fields are held: a flag, and the replicas."""
    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"ai": "true"}}
    simulation = Simulation().with_object(flags).with_object(workload_body(3))
    target = {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}
    actions = ({"setFlag": {"target": "web", "flag": "ai", "value": "false"}}, scale(replicas=0))
    return simulation.with_runbook(targets=[target], killSwitches=[kill_switch("stop", *actions, **rest)]).throw()


def held(simulation: Simulation, index: int) -> WriteTarget | None:
    return hold_or_restore_one(simulation.snapshot(), index)


def test_internal_error_is_reported_once_with_its_id_and_keeps_other_conditions() -> None:
    switch = thrown().drive().switch()

    step = shown(switch, "KeyError", "0badcafe", NOW)

    assert step is not None
    assert isinstance(step.status, SwitchStatus)
    assert step.status.phase == "Stalled"
    for kind, status in (("Ready", "False"), ("Stalled", "True")):
        assert condition(step.status, kind)[:2] == (status, "InternalError")
    message = condition(step.status, "Ready")[2]
    assert "(KeyError, error id 0badcafe)" in message
    assert "kubectl logs -n NAMESPACE deploy/runbook-operator | grep 0badcafe" in message
    assert condition(step.status, "Engaged")[0] == "True"
    assert [(one.reason, one.about) for one in step.notices] == [(Reason.INTERNAL_ERROR, switch.meta.ref)]
    assert shown(replace(switch, status=step.status), "KeyError", "0badcafe", NOW) is None


def test_internal_error_makes_a_runbook_not_ready() -> None:
    step = shown(runbook(), "KeyError", "0badcafe", NOW)

    assert step is not None
    assert isinstance(step.status, RunbookStatus)
    ready = find(step.status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "InternalError")
    assert "other fields" not in ready.message
    assert find(step.status.conditions, "Stalled") is None


def test_next_successful_visit_clears_the_internal_error() -> None:
    simulation = thrown().drive()
    step = shown(simulation.switch(), "KeyError", "0badcafe", NOW)
    assert step is not None
    assert isinstance(step.status, SwitchStatus)
    simulation.store.switches[simulation.switch().meta.ref] = replace(simulation.switch(), status=step.status)

    simulation.drive()

    assert simulation.status().phase == "Engaged"
    assert condition(simulation.status(), "Ready")[0] == "True"
    assert find(simulation.status().conditions, "Stalled") is None


def test_single_field_is_held_without_reading_the_others() -> None:
    simulation = thrown().drive()
    simulation.change(CONFIG, {"data": {"ai": "maybe"}}).someone_sets(2)

    flag, replicas = held(simulation, 0), held(simulation, 1)

    assert flag is not None
    assert replicas is not None
    assert (flag.changes[0].field_key, flag.corrects_drift) == ((CONFIG, "data.ai"), True)
    assert (replicas.changes[0].field_key, replicas.corrects_drift) == ((WEB, "spec.replicas"), True)


def test_single_field_is_restored_without_reading_the_others() -> None:
    simulation = thrown().drive().release()

    assert [act.changes[0].after for index in (0, 1) if (act := held(simulation, index))] == ["true", 3]
    assert held(simulation.drive(), 0) is None


def test_correct_or_unwritten_field_needs_no_write() -> None:
    simulation = thrown()
    assert held(simulation, 0) is None
    simulation.drive()
    assert [held(simulation, index) for index in (0, 1)] == [None, None]


def test_field_of_a_momentary_switch_is_left() -> None:
    simulation = thrown(momentary=True)
    step = simulation.next_step()
    assert step is not None
    simulation._carry_out("stop", step)

    assert held(simulation, 0) is None


@pytest.mark.parametrize("text", ["flags: {", "flags: {ai: [1]}"])
def test_field_with_an_obstacle_is_left(text: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"a": "flags: {ai: on}"}}
    target = {"name": "web", "flags": {"configMap": "flags", "key": "a"}}
    action = {"setFlag": {"target": "web", "flag": "flags.ai", "value": "off"}}
    simulation = (
        Simulation().with_object(body).with_runbook(targets=[target], killSwitches=[kill_switch("stop", action)])
    )
    simulation.throw().drive().change(CONFIG, {"data": {"a": text}})

    assert held(simulation, 0) is None
