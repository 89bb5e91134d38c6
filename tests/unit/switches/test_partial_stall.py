"""What the conditions and Events of a stalled switch say of the action that failed and of those behind it."""

from runbook_operator.core.reasons import Reason
from tests.builders import Body, Simulation, condition, kill_switch

SCALE: Body = {"scale": {"target": "gone", "replicas": 0}}
OFF: Body = {"setFlag": {"target": "web", "flag": "ai_enabled", "value": "false"}}
FLAGS: Body = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "web-flags"},
    "data": {"ai_enabled": "true"},
}
TARGETS = [{"name": "web", "flags": {"configMap": "web-flags"}}, {"name": "gone", "workload": {"name": "gone"}}]


def thrown(*actions: Body, **rest: bool) -> Simulation:
    simulation = Simulation().with_object(FLAGS)
    simulation.with_runbook(targets=TARGETS, killSwitches=[kill_switch("stop", *actions, **rest)])
    return simulation.drive().throw().drive().after(minutes=2).drive()


def test_action_after_a_failed_one_is_reported_as_waiting() -> None:
    simulation = thrown(SCALE, OFF)

    message = condition(simulation.status(), "Engaged")[2]
    assert "scale waits: Deployment/gone does not exist" in message
    assert "ConfigMap/web-flags data.ai_enabled waits for scale of Deployment/gone: from true to false" in message
    assert "is being changed" not in message


def test_action_independent_of_the_failed_one_is_applied() -> None:
    simulation = thrown(SCALE, OFF, continueOnFailure=True)

    message = condition(simulation.status(), "Engaged")[2]
    assert "ConfigMap/web-flags data.ai_enabled from true to false" in message


def test_action_before_the_failed_one_is_applied() -> None:
    message = condition(thrown(OFF, SCALE).status(), "Engaged")[2]

    assert message.startswith("ConfigMap/web-flags data.ai_enabled from true to false; scale waits:")


def test_event_of_a_stall_names_switch_action_target_and_engagement() -> None:
    simulation = thrown(SCALE, OFF)
    record = simulation.status().record
    assert record is not None

    found = {(one.about.kind, one.message) for one in simulation.said if one.reason is Reason.TARGET_NOT_FOUND}

    text = f"shop-stop: scale of target gone: Deployment/gone does not exist in namespace shop [{record.engagement_id}]"
    assert found == {("Switch", text), ("Runbook", text)}


def test_event_of_a_stalled_action_without_a_target_names_the_action() -> None:
    job: Body = {"runJob": {"fromCronJob": "backup"}}

    simulation = thrown(job)

    found = [one.message for one in simulation.said if one.reason is Reason.TARGET_NOT_FOUND]
    assert found[0].startswith("shop-stop: runJob: CronJob/backup does not exist in namespace shop [")
