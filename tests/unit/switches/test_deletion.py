"""Deletion: from every state it ends with the finalizer removed, whatever else is gone, and restores what it can."""

from itertools import product

import pytest

from runbook_operator.api.switch import FINALIZER
from runbook_operator.cache.snapshot_builder import reader
from runbook_operator.core.observed_object import Missing
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.reconcile.freshness import to_confirm
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.reconcile.steps import SetFinalizers
from runbook_operator.switches.engine import next_step
from tests.builders import ACCOUNT, NAMESPACE, WEB, Body, Simulation, kill_switch, kinds, scale

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")
FLAGS: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"ai": "true"}}
OFF: Body = {"setFlag": {"target": "web", "flag": "ai", "value": "false"}}
TARGET: Body = {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}


def idle(**spec: object) -> Simulation:
    return Simulation().with_object(FLAGS).with_runbook(**({"targets": [TARGET]} | spec)).with_target(3).drive()


def thrown(simulation: Simulation) -> Simulation:
    """Thrown and marked by admission; no operator has seen it."""
    return simulation.throw().mark()


def acted(simulation: Simulation) -> Simulation:
    """Ended after the first write to the target, without a record."""
    return simulation.throw().mark().drive(at_most=2).restart()


def engaged(simulation: Simulation) -> Simulation:
    return simulation.throw().drive()


def unprepared(simulation: Simulation) -> Simulation:
    return simulation.unprepared().throw().mark()


def recorded(simulation: Simulation) -> Simulation:
    """Ended after its record, before anything was written to the target."""
    return simulation.unprepared().throw().mark().drive(at_most=1).restart()


def marked(simulation: Simulation) -> Simulation:
    """Ended right after the finalizer was written, where no policy writes it."""
    return simulation.throw().drive(at_most=1).restart()


STATES = {one.__name__: one for one in (thrown, acted, engaged, unprepared, recorded, marked)}
TARGETS = {
    "there": lambda s: s,
    "gone": lambda s: s.remove(WEB),
    "never seen": lambda s: s.without_target(),
    "another uid": lambda s: s.with_target(2, uid="web-2"),
    "another uid, same value": lambda s: s.with_target(0, uid="web-2", manager="runbook-operator"),
}
RUNBOOKS = {
    "there": lambda s: s,
    "gone": lambda s: s.without_runbook(),
    "deleting": lambda s: s.deleting_runbook(),
    "without the entry": lambda s: s.with_runbook(killSwitches=[]),
    "barred": lambda s: s.with_policy(Policy(requires_account=True)),
    "observing": lambda s: s.with_runbook(mode="Observe"),
}


@pytest.mark.parametrize(("state", "target", "runbook"), [*product(STATES, TARGETS, RUNBOOKS)])
@pytest.mark.parametrize(
    "actions", [[scale(replicas=0)], [OFF], [scale(replicas=0), OFF]], ids=["scale", "flag", "both"]
)
def test_deleted_switch_loses_its_finalizer_and_settles(
    state: str, target: str, runbook: str, actions: list[Body]
) -> None:
    simulation = STATES[state](idle(killSwitches=[kill_switch("stop", *actions)]))
    RUNBOOKS[runbook](TARGETS[target](simulation)).steps.clear()

    simulation.delete().drive()

    assert FINALIZER not in simulation.switch().meta.finalizers
    assert simulation.next_step() is None
    assert len(simulation.steps) <= 6, kinds(simulation.steps)
    if target == "there":
        assert simulation.replicas == 3
    assert simulation.live("ConfigMap", "flags")["data"] == {"ai": "true"}


def test_deleted_switch_without_runbook_reads_the_prepared_target() -> None:
    """The world of a switch in doubt has every target that its throw may have written."""
    simulation = thrown(idle()).without_runbook().remove(WEB).delete()

    snapshot = simulation.looked()
    step = next_step(snapshot)

    assert isinstance(step, SetFinalizers)
    assert {ref for ref in to_confirm(snapshot, step) if ref not in snapshot.observed} == set()
    assert isinstance(snapshot.observed[WEB], Missing)


def test_deleted_switch_without_runbook_reads_as_the_prepared_account() -> None:
    simulation = idle(serviceAccountName=ACCOUNT.name)
    ref = thrown(simulation).switch().meta.ref

    simulation.without_runbook().delete()

    assert reader(simulation.store, ref, required=True) == ACCOUNT


def test_unconfirmed_switch_without_required_account_is_read_for_its_restore() -> None:
    simulation = acted(idle())

    assert reader(simulation.store, simulation.switch().meta.ref, required=True) is None
