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


def test_settled_switch_has_no_due_time() -> None:
    assert due(ready().snapshot()) is None
    assert due(ready().throw().drive().snapshot()) is None


def test_override_is_due_when_it_expires() -> None:
    assert timedelta(minutes=29) < wait(ready().throw(expires_after="30m").drive()) <= timedelta(minutes=30)


def test_suspension_is_due_when_it_ends() -> None:
    simulation = ready(suspend={"until": "2026-11-24T04:00:00Z"})

    assert due(simulation.snapshot()) == datetime(2026, 11, 24, 4, tzinfo=UTC)


def test_override_without_runbook_is_due_when_it_expires() -> None:
    simulation = ready().throw(expires_after="30m").drive()
    simulation.store.runbooks.clear()

    assert wait(simulation) > timedelta(minutes=29)


def test_failure_is_due_for_its_retry_and_its_timeout() -> None:
    simulation = ready().throw().refuse(errors.UnavailableError("500")).drive()
    assert wait(simulation) < timedelta(seconds=1)

    simulation.restart()
    assert timedelta(seconds=59) < wait(simulation) <= timedelta(minutes=1)


def test_contest_is_due_when_it_ends() -> None:
    simulation = ready().throw().drive().someone_sets(2).drive()

    assert timedelta(minutes=9) < wait(simulation) <= timedelta(minutes=10)


def test_unplannable_action_is_due_every_ten_seconds() -> None:
    simulation = ready().without_target().throw().drive()

    assert simulation.status().phase == "Engaging"
    assert wait(simulation) == timedelta(seconds=10)
