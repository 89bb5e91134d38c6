"""Health endpoints and dependencies of a real app: what goes down is held, told and let go by itself."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.inside import Inside

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "09-watching"
FALLBACK = "assistant-use-fallback"


def told(cluster: Cluster, name: str) -> Body:
    """What each entry of the Runbook is told to be, by its name."""
    status = cluster.get("runbook", name).get("status", {})
    return {one["name"]: one for part in ("healthEndpoints", "dependencies") for one in status.get(part, ())}


def until_levels(cluster: Cluster, name: str, seconds: float = ROLLOUT, **levels: str) -> Body:
    """Wait until these entries are so."""

    def found() -> Body | None:
        now = told(cluster, name)
        return now if all(now.get(one, {}).get("level") == level for one, level in levels.items()) else None

    return dict(eventually(f"{name} is {levels}", found, seconds))


def apply_example(cluster: Cluster) -> None:
    """Apply the Runbook once the pods are available: a start that takes longer than `for` engages the fallback."""
    cluster.run("apply", "-f", str(EXAMPLE / "app.yaml"))
    for name in ("assistant", "model"):
        eventually(f"{name} is available", partial(is_available, cluster, name), ROLLOUT)
    cluster.run("apply", "-f", str(EXAMPLE / "runbook.yaml"))


def is_available(cluster: Cluster, name: str) -> bool:
    found = cluster.get("deployment", name)
    return bool(found.get("status", {}).get("availableReplicas", 0) == found["spec"]["replicas"])


def flag(cluster: Cluster) -> str:
    return str(cluster.get("configmap", "assistant-flags")["data"]["fallback_enabled"])


def degraded(cluster: Cluster) -> list[str]:
    (target,) = cluster.get("runbook", "assistant")["status"]["targets"]
    return list(target.get("degradedBy", ()))


def needing(*dependencies: Body) -> Body:
    return runbook(dependencies=list(dependencies), scaling=[])


def model(**rest: Any) -> Body:
    """A dependency that is asked often, and engages `stop` when it is down."""
    usual: Body = {
        "name": "model",
        "impactIfDown": "No AI responses",
        "check": {"tcp": {"service": {"name": "model"}}},
        "period": "1s",
        "for": "1s",
        "recoverAfter": "1s",
        "noDataAfter": "3s",
        "fallback": {"engage": "stop"},
    }
    return usual | rest


SERVICE: Body = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "model"},
    "spec": {"selector": {"app": "model"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
"""A Service that nobody is behind of: whoever connects is refused."""


def said(cluster: Cluster, reason: str, about: str) -> list[str]:
    """What Events of that reason say about an entry; while a busy node starts the pods there may be some already."""
    return [one["message"] for one in cluster.events(reason) if about in one["message"]]


@pytest.mark.node
def test_failed_dependency_switches_the_flag_until_it_recovers(cluster: Cluster, inside: Inside, node: str) -> None:
    apply_example(cluster)
    until_levels(cluster, "assistant", health="Ok", ready="Ok", model="Ok")
    assert (flag(cluster), degraded(cluster)) == ("false", [])
    cluster.until_reason("runbook", "assistant", "Ready")
    assert cluster.condition("runbook", "assistant", "Healthy")["status"] == "True"

    cluster.scale(0, "model")

    until_levels(cluster, "assistant", model="Critical", health="Ok")
    switch = cluster.until_phase(FALLBACK, "Engaged")
    assert (flag(cluster), degraded(cluster)) == ("true", ["model"])
    (hold,) = switch["status"]["holds"]
    assert (hold["source"], hold["name"]) == ("Dependency", "model")
    assert "No AI responses" in hold["reason"]
    healthy = cluster.condition("runbook", "assistant", "Healthy")
    assert healthy["status"] == "False"
    assert healthy["message"].startswith(
        "dependency model is Critical: no connection could be made: Service/model:8080"
    )
    assert healthy["message"].endswith("; impact if down: No AI responses")
    assert cluster.condition("runbook", "assistant")["status"] == "True"
    assert "False" in cluster.run("get", "rb", "assistant")
    assert "impact if down: No AI responses" in said(cluster, "Critical", "dependency model")[-1]

    cluster.scale(1, "model")

    until_levels(cluster, "assistant", model="Ok")
    cluster.until_phase(FALLBACK, "Released")
    assert (flag(cluster), degraded(cluster)) == ("false", [])
    assert cluster.condition("runbook", "assistant", "Healthy")["status"] == "True"
    assert said(cluster, "Recovered", "dependency model")
    assert inside.alive
    assert node


@pytest.mark.node
def test_application_without_pods_is_critical_and_its_pods_unknown(cluster: Cluster, inside: Inside, node: str) -> None:
    apply_example(cluster)
    until_levels(cluster, "assistant", health="Ok", ready="Ok", model="Ok")

    cluster.scale(0, "assistant")

    until_levels(cluster, "assistant", health="Critical", model="Ok")
    healthy = cluster.condition("runbook", "assistant", "Healthy")
    assert healthy["status"] == "False"
    assert "health endpoint health is Critical" in healthy["message"]
    assert (flag(cluster), cluster.phase(FALLBACK)) == ("false", "Released")
    assert inside.alive
    assert node


@pytest.mark.node
def test_hold_survives_a_restart_and_a_removed_entry_releases_it(cluster: Cluster, inside: Inside, node: str) -> None:
    cluster.apply(deployment(), SERVICE, needing(model()))
    before = cluster.until_phase("shop-stop", "Engaged")["status"]["record"]["engagementId"]
    assert cluster.replicas() == 0

    inside.stop()
    inside.start()
    assert told(cluster, "shop")["model"]["level"] == "Critical"
    cluster.apply(needing())

    status = cluster.until_phase("shop-stop", "Released")["status"]
    assert [one["engagementId"] for one in status["history"]] == [before]
    assert cluster.replicas() == 3
    assert len(cluster.events("Critical")) == 1
    assert node


def test_dependency_on_a_missing_service_is_stale_and_does_not_engage(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), needing(model()))

    stale = until_levels(cluster, "shop", model="Stale")

    assert stale["model"]["reason"] == "ServiceNotFound"
    assert "Service/model does not exist" in stale["model"]["message"]
    assert cluster.condition("runbook", "shop", "Healthy")["status"] == "Unknown"
    assert cluster.until_reason("runbook", "shop", "ReferenceNotFound")["status"] == "False"
    (event,) = cluster.events("NoData")
    assert "impact if down: No AI responses" in event["message"]
    assert (cluster.phase("shop-stop"), cluster.replicas()) == ("Released", 3)
    assert operator.alive
