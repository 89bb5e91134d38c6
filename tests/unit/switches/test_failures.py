"""Writes that fail: what is tried again, when a person is asked, and what a deletion does not wait for."""

from datetime import timedelta

import pytest

from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.switches.requeue import due
from tests.builders import Simulation, condition, kill_switch, kinds, scale

DOWN = errors.UnavailableError("PATCH scale: 500 webhook down")
FORBIDDEN = errors.ForbiddenError("PATCH scale: 403")


def thrown(**entry: str) -> Simulation:
    return Simulation().with_runbook(killSwitches=[kill_switch(**entry)]).with_target(3).drive().throw()


def test_failed_write_is_retried_after_growing_pauses() -> None:
    simulation = thrown().refuse(DOWN).drive()
    assert kinds(simulation.steps).count("WriteTarget") == 1
    assert condition(simulation.status(), "Ready")[1] == "Unavailable"
    assert simulation.status().phase == "Engaging"

    simulation.after(seconds=1).drive()
    assert kinds(simulation.steps).count("WriteTarget") == 2
    simulation.refuse(None).after(seconds=2).drive()
    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")
    assert condition(simulation.status(), "Ready")[0] == "True"


def test_retry_after_of_the_api_server_is_obeyed() -> None:
    simulation = thrown().refuse(errors.UnavailableError("429", retry_after=17.0)).drive()

    pause = due(simulation.snapshot()) - simulation.now  # type: ignore[operator] # something is due
    assert timedelta(seconds=16) < pause <= timedelta(seconds=17)


@pytest.mark.parametrize("error", [FORBIDDEN, errors.RefusedError("PATCH scale: 422")])
def test_permanent_error_stalls_at_once(error: errors.ApiError) -> None:
    simulation = thrown().refuse(error).drive()

    assert simulation.status().phase == "Stalled"
    assert condition(simulation.status(), "Stalled")[1] == error.reason
    assert error.user_action in condition(simulation.status(), "Stalled")[2]
    assert "Reconciling" not in {one.type for one in simulation.status().conditions}
    assert simulation.said[-1].warning


def test_transient_error_stalls_after_the_timeout() -> None:
    slow = {"scale": {"target": "web", "replicas": 0}, "timeout": "5m"}
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("stop", slow)]).with_target(3).drive().throw()
    simulation.refuse(DOWN).drive().after(minutes=4).drive()
    assert simulation.status().phase == "Engaging"

    assert simulation.after(minutes=2).drive().status().phase == "Stalled"


def test_missing_target_stalls_after_the_timeout() -> None:
    simulation = Simulation().with_runbook().drive().throw().drive()
    assert simulation.status().phase == "Engaging"

    simulation.after(minutes=1).drive()
    assert condition(simulation.status(), "Stalled")[1] == "TargetNotFound"
    assert simulation.with_target(3).drive().replicas == 0
    assert simulation.status().phase == "Engaged"


def test_lasting_failure_is_reported_in_one_event() -> None:
    simulation = thrown().refuse(FORBIDDEN)
    for _ in range(5):
        simulation.drive().after(minutes=5)

    assert len({notice.identity for notice in simulation.said if notice.reason is Reason.FORBIDDEN}) == 1


def test_repaired_failure_recovers_after_a_restart() -> None:
    simulation = thrown().refuse(FORBIDDEN).drive().restart().refuse(None).drive()

    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")


def test_failed_switch_can_be_released() -> None:
    simulation = thrown().refuse(FORBIDDEN).drive().release().drive()

    assert (simulation.replicas, simulation.status().phase) == (3, "Released")
    assert simulation.status().history[0].outcome == "Deployment/web is 3, as before the throw"


def test_failed_release_is_reported_and_continues() -> None:
    simulation = thrown().drive().refuse(FORBIDDEN).release().drive()
    assert simulation.status().phase == "Stalled"
    assert simulation.status().record is not None

    simulation.refuse(None).after(minutes=1).drive()
    assert (simulation.replicas, simulation.status().phase) == (3, "Released")


def test_release_with_a_transient_failure_is_releasing() -> None:
    simulation = thrown().drive().refuse(DOWN).release().drive()

    assert simulation.status().phase == "Releasing"
    assert condition(simulation.status(), "Reconciling")[1] == "Releasing"
    assert condition(simulation.status(), "Ready")[1] == "Unavailable"


def test_deletion_waits_a_limited_time_for_the_restore() -> None:
    simulation = thrown().drive().refuse(FORBIDDEN).delete().drive()
    assert simulation.switch().meta.finalizers
    assert due(simulation.snapshot()) is not None

    simulation.after(seconds=61).drive()

    assert simulation.switch().meta.finalizers == ()
    assert simulation.replicas == 0
    assert simulation.said[-1].reason is Reason.NOT_RESTORED
    assert "could not be restored and is left at 0; set it to 3 by hand" in simulation.said[-1].message


def test_deletion_with_keep_leaves_the_held_value() -> None:
    simulation = thrown(onDelete="Keep").drive().delete().drive()

    assert (simulation.replicas, simulation.switch().meta.finalizers) == (0, ())
    assert simulation.said[-1].reason is Reason.KEPT
    assert "kept at 0" in simulation.said[-1].message


def test_release_restores_also_with_on_delete_keep() -> None:
    assert thrown(onDelete="Keep").drive().release().drive().replicas == 3


def test_last_action_on_a_field_wins_and_the_original_is_restored() -> None:
    entry = kill_switch("stop", scale(replicas=2), scale(replicas=1))
    simulation = Simulation().with_runbook(killSwitches=[entry]).with_target(3).drive().throw().drive()
    assert (simulation.replicas, simulation.status().phase) == (1, "Engaged")

    assert simulation.release().drive().replicas == 3
