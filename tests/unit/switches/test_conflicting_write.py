"""The record after a write that the API server refused, since the target had changed."""

from typing import Any

import pytest

from runbook_operator.api.switch import SwitchStatus
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.switches.conflicting_write import save_again
from tests.builders import WEB, Simulation, kill_switch, observed, scale


def about_to_write() -> Simulation:
    """A thrown switch whose record saves 4 replicas, before the first write to the target."""
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("stop", scale(replicas=0))])
    return simulation.with_target(4).throw().drive(at_most=2)


def test_changed_target_is_saved_again() -> None:
    simulation, answers = about_to_write(), dict[Query, Any]()
    changed = observed(6, version="9", manager="kubectl")
    with pytest.raises(NeedsRead) as raised:
        save_again(simulation.snapshot(), WEB, changed)
    answers |= {query: simulation.answer(query) for query in raised.value.queries}

    status = save_again(simulation.snapshot(answers=answers), WEB, changed)

    assert status is not None
    assert isinstance(status.status, SwitchStatus)
    assert status.status.record is not None
    assert status.status.record.actions[0].saved == 6


def test_unchanged_target_is_not_saved_again() -> None:
    simulation = about_to_write()

    assert save_again(simulation.looked(), WEB, simulation.store.targets[WEB]) is None


def test_target_of_a_released_switch_is_not_saved_again() -> None:
    simulation = about_to_write().release()
    changed = observed(6, version="9", manager="kubectl")

    assert save_again(simulation.looked(), WEB, changed) is None
    assert save_again(simulation.drive().looked(), WEB, changed) is None
