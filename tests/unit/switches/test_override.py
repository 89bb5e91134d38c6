"""Since when a person's word holds, and by whom: as recorded, until the person changes the spec again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from runbook_operator.api.conditions import moment
from runbook_operator.api.override import Override
from runbook_operator.automation import desired_state
from tests.builders import NOW, Simulation


def ready() -> Simulation:
    return Simulation().with_runbook().with_target(3).drive()


def word(simulation: Simulation) -> Override:
    found = simulation.status().override
    assert found is not None
    return found


def ends(simulation: Simulation) -> datetime:
    at = word(simulation).expires_at
    assert at is not None
    return moment(at)


@pytest.mark.parametrize(("engaged", "before", "after"), [(True, 0, 3), (False, 3, 0)])
def test_annotation_does_not_prolong_an_override(*, engaged: bool, before: int, after: int) -> None:
    simulation = ready().monitor_state("Release" if engaged else "Engage")
    simulation.say(engaged=engaged, reason="INC-42", expires_after="30m").drive()
    first = word(simulation)

    for _ in range(2):
        simulation.after(minutes=14).annotate().drive()
        assert word(simulation) == first
        assert simulation.replicas == before

    assert simulation.after(minutes=3).drive().replicas == after


@pytest.mark.parametrize("change", [{"reason": "INC-42, still on it"}, {"renewed_at": "03:20"}])
def test_new_reason_or_renewed_at_prolongs_an_override(change: dict[str, str]) -> None:
    said = {"reason": "INC-42", "expires_after": "30m"}
    simulation = ready().say(engaged=True, **said).drive().after(minutes=20)

    simulation.say(engaged=True, **(said | change)).drive()

    assert NOW + timedelta(minutes=50) <= ends(simulation) < NOW + timedelta(minutes=51)
    assert simulation.after(minutes=20).drive().replicas == 0


def test_override_author_stays_when_managed_fields_are_stripped() -> None:
    simulation = ready().throw(expires_after="30m").drive()
    first = word(simulation)

    assert word(simulation.after(minutes=5).forget_who_said_it().drive()) == first


def test_override_recorded_without_generation_keeps_its_time() -> None:
    simulation = ready().throw(expires_after="30m").drive()
    switch, first = simulation.switch(), word(simulation)
    older = switch.status.replace(override=first.replace(generation=0))
    simulation._put(replace(switch, status=older)).after(minutes=20).annotate().drive()

    assert word(simulation) == first


def test_override_of_a_restored_switch_keeps_its_time_with_a_new_generation() -> None:
    simulation = ready().throw(expires_after="30m").drive()
    switch, first = simulation.switch(), word(simulation)
    restored = replace(switch, meta=replace(switch.meta, uid="restored", generation=1))
    simulation._put(restored).after(minutes=20).annotate().drive()

    assert word(simulation) == first.replace(generation=1)


def test_override_of_a_deleted_switch_keeps_its_time() -> None:
    simulation = ready().throw(expires_after="30m").drive()
    switch, first = simulation.switch(), word(simulation)
    going = replace(switch.meta, deleting=True, generation=switch.meta.generation + 1)
    simulation._put(replace(switch, meta=going)).after(minutes=5).annotate()

    assert desired_state.current_override(simulation.snapshot()) == first.replace(generation=going.generation)


def test_override_repeated_after_an_unobserved_release_counts_from_then() -> None:
    simulation = (
        ready().throw(expires_after="30m").drive().after(minutes=20).release().throw(expires_after="30m").drive()
    )

    assert ends(simulation) >= NOW + timedelta(minutes=50)


def test_managed_fields_time_in_the_future_counts_as_now() -> None:
    """As of an API server whose clock is ahead."""
    simulation = ready()
    simulation.throw(expires_after="30m")
    simulation._put(replace(simulation.switch(), override_time="2026-11-24T04:00:00Z")).drive()

    assert ends(simulation) < NOW + timedelta(minutes=31)


def test_removed_reason_without_managed_fields_prolongs_an_override() -> None:
    simulation = ready().throw(reason="INC-42", expires_after="30m").drive().after(minutes=20)
    noted = simulation.switch().override_time
    simulation.say(engaged=True, expires_after="30m")
    simulation._put(replace(simulation.switch(), override_time=noted)).drive()

    assert ends(simulation) >= NOW + timedelta(minutes=50)
