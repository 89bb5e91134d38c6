"""A rehearsal in mode: Observe on a real API server: what was thrown there acts neither then nor later."""

from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook


def engaged(cluster: Cluster, name: str) -> Body:
    return cluster.condition("switch", name, "Engaged")


def lever(cluster: Cluster, name: str) -> object:
    return cluster.get("switch", name)["spec"].get("engaged")


def until_reason(cluster: Cluster, name: str, reason: str) -> str:
    eventually(f"{name} is {reason}", lambda: engaged(cluster, name).get("reason") == reason)
    return str(engaged(cluster, name)["message"])


def test_switch_thrown_in_observe_mode_does_not_engage_after_a_change_to_enforce(
    cluster: Cluster, operator: Operator
) -> None:
    cluster.apply(deployment(), runbook(mode="Observe"))
    cluster.until_reason("switch", "shop-stop", "Ready")
    before = cluster.get("deployment", "web")["metadata"]["generation"]

    cluster.throw("shop-stop")
    cluster.throw_when_there("shop-up")

    assert "which changed nothing. In mode Enforce the operator would scale web to 0" in until_reason(
        cluster, "shop-stop", "Observing"
    )
    eventually("shop-up springs back", lambda: lever(cluster, "shop-up") is None)
    assert "In mode Enforce the operator would scale web by +2" in until_reason(cluster, "shop-up", "Observing")
    cluster.apply(runbook())
    assert "throw it again to engage it" in until_reason(cluster, "shop-stop", "Rehearsed")
    until_reason(cluster, "shop-up", "Released")
    assert cluster.get("deployment", "web")["metadata"]["generation"] == before
    eventually("the Event warns", lambda: cluster.events("Rehearsed"))
    assert operator.alive


def test_rehearsed_switch_engages_when_thrown_again(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook(mode="Observe"))
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    until_reason(cluster, "shop-stop", "Observing")
    cluster.apply(runbook())
    until_reason(cluster, "shop-stop", "Rehearsed")

    cluster.throw("shop-stop", reason="INC-43")

    cluster.until_phase("shop-stop", "Engaged")
    cluster.until_replicas(0)
    assert operator.alive
