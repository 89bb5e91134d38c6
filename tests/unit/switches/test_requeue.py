"""When to look again although nothing happens."""

from datetime import UTC, datetime, timedelta

from runbook_operator.kube import errors
from runbook_operator.switches.requeue import due
from tests.builders import Simulation


def ready(**spec: object) -> Simulation:
    return Simulation().with_runbook(**spec).with_target(3).drive()


def wait(simulation: Simulation) -> timedelta:
    moment = due(simulation.snapshot())
    assert moment is not None
    return moment - simulation.now


def test_a_switch_at_rest_waits_for_nothing() -> None:
    assert due(ready().snapshot()) is None
    assert due(ready().throw().drive().snapshot()) is None


def test_a_word_is_looked_at_when_it_ends() -> None:
    assert timedelta(minutes=29) < wait(ready().throw(expires_after="30m").drive()) <= timedelta(minutes=30)


def test_a_suspension_is_looked_at_when_it_ends() -> None:
    simulation = ready(suspend={"until": "2026-11-24T04:00:00Z"})

    assert due(simulation.snapshot()) == datetime(2026, 11, 24, 4, tzinfo=UTC)


def test_a_switch_whose_runbook_is_gone_is_looked_at_all_the_same() -> None:
    simulation = ready().throw(expires_after="30m").drive()
    simulation.store.runbooks.clear()

    assert wait(simulation) > timedelta(minutes=29)


def test_a_failure_is_looked_at_when_it_is_due_and_when_its_timeout_ends() -> None:
    simulation = ready().throw().refuse(errors.UnavailableError("500")).drive()
    assert wait(simulation) < timedelta(seconds=1)

    simulation.restart()
    assert timedelta(seconds=59) < wait(simulation) <= timedelta(minutes=1)


def test_a_contest_is_looked_at_when_it_has_calmed_down() -> None:
    simulation = ready().throw().drive().someone_sets(2).drive()

    assert timedelta(minutes=9) < wait(simulation) <= timedelta(minutes=10)


def test_what_cannot_be_planned_is_planned_again_since_nobody_may_watch_what_it_lacks() -> None:
    simulation = ready().without_target().throw().drive()

    assert simulation.status().phase == "Engaging"
    assert wait(simulation) == timedelta(seconds=10)
