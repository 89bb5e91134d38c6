"""The condition Healthy while a switch of the operator's own keeps a target from answering."""

from runbook_operator.core.monitors import Reading
from tests.unit.monitoring.downtime import held, zero
from tests.watching import READY, Watching, watching

DOWN = Reading(ok=False, reason="Refused", message="Service/web:80 refuses connections")


def down() -> Watching:
    return Watching(watching(healthEndpoints=[READY])).last("HealthEndpoint", "ready", DOWN)


def message(scene: Watching) -> str:
    healthy = scene.condition("Healthy")
    assert (healthy.status, healthy.reason) == ("False", "Unhealthy")
    return healthy.message


def test_critical_endpoint_of_a_target_held_at_zero_names_the_switch() -> None:
    scene = down()
    before = message(scene)

    scene.switches["shop-stop"] = zero()

    assert message(scene.look()) == f"{before}, since switch shop-stop holds Deployment/web at 0"


def test_critical_endpoint_of_a_blocked_target_names_the_switch() -> None:
    scene = down()

    scene.switches["shop-stop"] = held("blockTraffic")

    assert message(scene.look()).endswith(", since switch shop-stop blocks the traffic of target web")


def test_critical_endpoint_of_a_target_with_a_held_flag_names_no_switch() -> None:
    scene = down()
    before = message(scene)

    scene.switches["shop-stop"] = held("setFlag")

    assert message(scene.look()) == before
