"""Switches that hold one field: what is left there, and what is said of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.core.reasons import Reason
from tests.builders import Simulation, kill_switch, scale

HELD = {"half": 1, "stop": 0}
NAMES = st.sampled_from(sorted(HELD))


def two_switches() -> Simulation:
    """Both on one field, and nobody has thrown any."""
    entries = [kill_switch(name, scale(replicas=to)) for name, to in HELD.items()]
    return Simulation().with_runbook(killSwitches=entries).with_target(3).drive(*HELD)


def both_engaged() -> Simulation:
    """`half` first and `stop` after it, so that `stop` has the field."""
    simulation = two_switches()
    for name in HELD:
        simulation.throw(name).drive(*HELD)
    simulation.said.clear()
    return simulation


def test_release_of_the_later_switch_gives_the_field_to_the_engaged_one() -> None:
    simulation = both_engaged().release("stop").drive(*HELD)

    assert simulation.replicas == 1
    assert {notice.reason for notice in simulation.said} == {Reason.RESTORED}
    assert simulation.status("stop").history[0].outcome == "Deployment/web set to 1, which shop-half holds"


def test_release_of_the_earlier_switch_leaves_the_field_to_the_holder() -> None:
    simulation = both_engaged().release("half").drive(*HELD)

    assert simulation.replicas == 0
    assert {notice.reason for notice in simulation.said} == {Reason.RESTORED}
    assert simulation.status("half").history[0].outcome == "Deployment/web left to shop-stop, which holds it at 0"


def test_field_changed_at_the_release_of_the_later_switch_is_reported() -> None:
    simulation = both_engaged().release("stop").with_target(5, version="9").drive("stop")

    assert simulation.said[-1].reason is Reason.RESTORE_SKIPPED


@pytest.mark.parametrize("first", HELD)
def test_both_released_after_a_crash_restore_the_original(
    first: str,
) -> None:
    simulation = both_engaged().release("stop").drive("stop", at_most=1).restart().release("half")

    simulation.drive(first).drive(*HELD)

    assert simulation.replicas == 3
    assert {notice.reason for notice in simulation.said} == {Reason.RESTORED}


@settings(max_examples=150)
@given(
    moves=st.lists(st.tuples(st.sampled_from(["throw", "release"]), NAMES, NAMES, st.integers(0, 5)), max_size=8),
    last=st.permutations(sorted(HELD)),
)
def test_random_throws_of_two_switches_with_crashes_end_with_the_original(
    moves: list[tuple[str, str, str, int]], last: list[str]
) -> None:
    simulation = two_switches()
    for act, name, visited, crash_after in moves:
        getattr(simulation, act)(name)
        simulation.drive(visited, at_most=crash_after).restart()
    for name in HELD:
        simulation.release(name)

    simulation.drive(*last, *HELD)

    assert simulation.replicas == 3
    assert Reason.RESTORE_SKIPPED not in {notice.reason for notice in simulation.said}
