"""A Switch that was kept by an uninstall comes back to an operator: its record is there and its finalizer is not."""

from dataclasses import replace

from runbook_operator.api.switch import FINALIZER
from runbook_operator.plan.steps import SetFinalizers
from tests.builders import Simulation


def kept(*, momentary: bool = False) -> Simulation:
    simulation = Simulation().with_runbook().with_target(3)
    simulation.drive().throw().drive()
    switch = simulation.switch()
    simulation.store.switches[switch.meta.ref] = replace(switch, meta=replace(switch.meta, finalizers=()))
    if momentary:
        record = switch.status.record
        assert record is not None
        status = switch.status.model_copy(update={"record": record.model_copy(update={"momentary": True})})
        held = simulation.store.switches[switch.meta.ref]
        simulation.store.switches[switch.meta.ref] = replace(held, status=status)
    simulation.steps.clear()
    return simulation


def test_a_record_without_its_finalizer_gets_it_back_before_anything_else_is_done() -> None:
    simulation = kept().someone_sets(5)

    step = simulation.next_step()

    assert isinstance(step, SetFinalizers)
    assert step.finalizers == (FINALIZER,)
    assert simulation.drive().replicas == 0


def test_one_that_is_going_away_gets_none_since_the_api_server_takes_none_then() -> None:
    assert not isinstance(kept().delete().next_step(), SetFinalizers)


def test_a_momentary_switch_never_has_one() -> None:
    assert not isinstance(kept(momentary=True).next_step(), SetFinalizers)
