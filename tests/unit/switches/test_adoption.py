"""A finalizer that the operator did not set, or that is missing.

A Switch that was kept by an uninstall comes back with its record and without its finalizer; one that admission has
marked in the write of the throw has its finalizer and no record yet.
"""

from dataclasses import replace

from runbook_operator.api.switch import FINALIZER
from runbook_operator.reconcile.steps import SetFinalizers
from tests.builders import Simulation, kill_switch, kinds


def kept(*, momentary: bool = False) -> Simulation:
    simulation = Simulation().with_runbook().with_target(3)
    simulation.drive().throw().drive()
    switch = simulation.switch()
    simulation.store.switches[switch.meta.ref] = replace(switch, meta=replace(switch.meta, finalizers=()))
    if momentary:
        record = switch.status.record
        assert record is not None
        status = switch.status.replace(record=record.replace(momentary=True))
        held = simulation.store.switches[switch.meta.ref]
        simulation.store.switches[switch.meta.ref] = replace(held, status=status)
    simulation.steps.clear()
    return simulation


def test_record_without_finalizer_gets_one_before_any_write() -> None:
    simulation = kept().someone_sets(5)

    step = simulation.next_step()

    assert isinstance(step, SetFinalizers)
    assert step.finalizers == (FINALIZER,)
    assert simulation.drive().replicas == 0


def test_deleted_switch_gets_no_finalizer() -> None:
    assert not isinstance(kept().delete().next_step(), SetFinalizers)


def test_momentary_switch_gets_no_finalizer() -> None:
    assert not isinstance(kept(momentary=True).next_step(), SetFinalizers)


def test_throw_with_finalizer_takes_one_write_before_the_effect() -> None:
    simulation = Simulation().with_runbook().with_target(3).drive()
    simulation.steps.clear()

    simulation.unprepared().throw().mark().drive()

    assert kinds(simulation.steps) == ["WriteStatus", "WriteTarget", "WriteStatus"]
    assert simulation.switch().meta.finalizers == (FINALIZER,)
    assert simulation.release().drive().switch().meta.finalizers == ()


def test_finalizer_is_removed_where_no_field_is_held() -> None:
    simulation = Simulation().with_runbook(mode="Observe").with_target(3).drive()

    simulation.throw().mark().drive()

    assert simulation.switch().meta.finalizers == ()
    assert simulation.replicas == 3


def test_finalizer_of_a_momentary_switch_is_removed_after_it_acted() -> None:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("once", momentary=True)]).with_target(3)

    simulation.drive("once").throw("once").mark("once").drive("once")

    assert simulation.replicas == 0
    assert simulation.switch("once").meta.finalizers == ()


def test_marked_momentary_switch_that_waits_can_be_deleted() -> None:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("once", momentary=True)])

    simulation.drive("once").throw("once").mark("once").drive("once").delete("once").drive("once")

    assert simulation.switch("once").meta.finalizers == ()
