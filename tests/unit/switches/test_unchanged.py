"""A release reports a restore only of what the engagement has written."""

import pytest

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from tests.builders import NAMESPACE, Simulation, condition, kill_switch, workload_body

REFUSED = errors.RefusedError("PATCH configmaps/flags: 422 Invalid")
FLAGS = Ref("v1", "ConfigMap", NAMESPACE, "flags")


def flag(value: str = "off") -> Simulation:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"ai": "on"}}
    simulation = Simulation().with_object(body)
    entry = kill_switch("stop", {"setFlag": {"target": "web", "flag": "ai", "value": value}})
    target = {"name": "web", "flags": {"configMap": "flags"}}
    return simulation.with_runbook(targets=[target], killSwitches=[entry])


def outcome(simulation: Simulation) -> str:
    return simulation.status().history[0].outcome


def test_release_of_a_refused_write_reports_no_restore() -> None:
    simulation = flag().refuse(REFUSED).throw().drive()

    simulation.release().drive()

    text = "ConfigMap/flags data.ai is on, as before the throw"
    assert outcome(simulation) == text
    assert condition(simulation.status(), "Restored") == ("True", "Released", text)
    assert Reason.RESTORED not in {one.reason for one in simulation.said}


@pytest.mark.parametrize("action", [{"restart": {"target": "web"}}, {"runJob": {"fromCronJob": "backup"}}])
def test_release_of_a_refused_restart_or_job_does_not_report_it_as_running(action: dict[str, object]) -> None:
    cron_job = {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "job"}]}}}}}}
    named = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup"}}
    simulation = Simulation().with_object(named | cron_job).with_object(workload_body(3, template={}))
    simulation.with_runbook(killSwitches=[kill_switch("stop", action)])

    simulation.refuse(REFUSED).throw().drive().release().drive()

    assert outcome(simulation).endswith("is absent, as before the throw")


def test_release_reports_a_restore_of_an_unrecorded_write() -> None:
    simulation = flag().throw()
    simulation.drive(at_most=3).restart()
    assert simulation.objects[FLAGS]["data"] == {"ai": "off"}

    simulation.release().drive()

    assert outcome(simulation) == "ConfigMap/flags data.ai back to on"


def test_switch_with_a_refused_write_is_prepared_again_after_release() -> None:
    simulation = flag().refuse(REFUSED).throw().drive()

    simulation.release().drive()

    assert simulation.status().prepared is not None
