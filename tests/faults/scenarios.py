"""The stories of the crash campaign: how each begins, what a person then does, and how many writes that takes."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, deployment, eventually, runbook

HALF: Body = {"name": "half", "actions": [{"scale": {"target": "web", "replicas": 1}}]}
STOP: Body = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}


FLAGS: Body = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "flags"},
    "data": {"app.yaml": "ai: true\n"},
}
SERVICE: Body = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
TARGET: Body = {
    "name": "web",
    "workload": {"name": "web"},
    "service": {"name": "web"},
    "flags": {"configMap": "flags", "key": "app.yaml"},
}
MANY: Body = {
    "name": "stop",
    "actions": [
        {"setFlag": {"target": "web", "flag": "ai", "value": "false"}},
        {"blockTraffic": {"target": "web"}},
        {"notify": {"contact": "primary", "message": "Traffic is off."}},
    ],
}


@dataclass(frozen=True)
class Scenario:
    """`writes` is how many writes the operator needs from `act` to the end: the campaign crashes after each of them."""

    name: str
    begin: Callable[[Cluster], None]
    act: Callable[[Cluster], object]
    over: Callable[[Cluster], bool]
    writes: int
    replicas: int = 1
    """How many operators run; with more than one the crash is a failover, else it is a restart."""
    beside: str = ""
    """A Switch that nobody throws: its status may report in one write what it reports in two in another run."""


def settled(cluster: Cluster, *switches: Body) -> None:
    entries = list(switches) or [STOP]
    cluster.create(deployment(), runbook(killSwitches=entries, scaling=[]))
    for entry in entries:
        cluster.until_reason("switch", f"shop-{entry['name']}", "Ready")
    until_quiet(cluster)


def engaged(cluster: Cluster, *switches: Body) -> None:
    settled(cluster, *switches)
    for count, entry in enumerate(switches or (STOP,), 1):
        cluster.throw(f"shop-{entry['name']}")
        cluster.until_phase(f"shop-{entry['name']}", "Engaged")
        until_counted(cluster, count)
    until_quiet(cluster)


def both(cluster: Cluster) -> None:
    engaged(cluster, HALF, STOP)


def half_engaged(cluster: Cluster) -> None:
    settled(cluster, HALF, STOP)
    cluster.throw("shop-half")
    cluster.until_phase("shop-half", "Engaged")
    until_counted(cluster, 1)
    until_quiet(cluster)


def many_kinds(cluster: Cluster) -> None:
    """A switch that changes two objects that nobody watches otherwise, and makes one."""
    contact = {"name": "primary", "role": "Primary On-Call"}
    book = runbook(targets=[TARGET], contacts=[contact], killSwitches=[MANY], scaling=[])
    cluster.create(deployment(), FLAGS, SERVICE, book)
    cluster.until_reason("switch", "shop-stop", "Ready")
    until_quiet(cluster)


def many_kinds_engaged(cluster: Cluster) -> None:
    many_kinds(cluster)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    until_counted(cluster, 1)
    until_quiet(cluster)


def until_quiet(cluster: Cluster) -> None:
    """The cluster's own controllers are done with the target: one that moves in a throw is saved once more."""
    cluster.until_reason("runbook", "shop", "Ready")
    eventually("the Deployment is at rest", lambda: _is_quiet(cluster.get("deployment", "web")))


def _is_quiet(deployment: Body) -> bool:
    status = deployment.get("status", {})
    if status.get("observedGeneration") != deployment["metadata"]["generation"]:
        return False
    counts = {status.get("updatedReplicas", 0), status.get("replicas", 0), deployment["spec"]["replicas"]}
    return len(counts) == 1


def until_counted(cluster: Cluster, engaged: int) -> None:
    eventually("it is counted", lambda: cluster.get("runbook", "shop")["status"]["engaged"] == engaged)


def is_engaged(cluster: Cluster) -> bool:
    return cluster.phase("shop-stop") == "Engaged"


def is_released(cluster: Cluster) -> bool:
    return cluster.phase("shop-stop") == "Released"


def expire(cluster: Cluster) -> None:
    """The word that holds it is given an end that is near."""
    api.patch(api.path("switch", cluster.namespace, "shop-stop"), {"spec": {"expiresAfter": "3s"}})


def drop(cluster: Cluster) -> None:
    """The entry falls out of the Runbook."""
    declare(cluster, HALF)


def edit(cluster: Cluster) -> None:
    """The entry's actions change, and it asks for them at once."""
    actions = [{"scale": {"target": "web", "replicas": 2}}]
    declare(cluster, {"name": "stop", "actions": actions, "reapplyOnChange": True})


def declare(cluster: Cluster, switch: Body) -> None:
    """The Runbook has this kill switch and no other."""
    api.patch(api.path("runbook", cluster.namespace, "shop"), {"spec": {"killSwitches": [switch]}})


def throw_up(cluster: Cluster) -> None:
    cluster.throw("shop-up")


def momentary(cluster: Cluster) -> None:
    cluster.create(deployment(), runbook(killSwitches=[]))
    cluster.until_reason("switch", "shop-up", "Ready")
    until_quiet(cluster)


def sprang_back(cluster: Cluster) -> bool:
    switch = cluster.get("switch", "shop-up")
    return "engaged" not in switch["spec"] and bool(switch["status"].get("history"))


def edited(cluster: Cluster) -> bool:
    return is_engaged(cluster) and cluster.replicas() == 2


def gone(cluster: Cluster) -> bool:
    return not any(api.items(kind, cluster.namespace) for kind in ("runbook", "switch"))


def dropped(cluster: Cluster) -> bool:
    return [one["metadata"]["name"] for one in api.items("switch", cluster.namespace)] == ["shop-half"]


SCENARIOS = (
    Scenario("engage", settled, lambda c: c.throw("shop-stop"), is_engaged, 7),
    Scenario("release", engaged, lambda c: c.release("shop-stop"), is_released, 7),
    Scenario("expire", engaged, expire, is_released, 11),
    Scenario("second engages", half_engaged, lambda c: c.throw("shop-stop"), is_engaged, 8),
    Scenario("first releases", both, lambda c: c.release("shop-half"), lambda c: c.phase("shop-half") == "Released", 6),
    Scenario("second releases", both, lambda c: c.release("shop-stop"), is_released, 7),
    Scenario("momentary", momentary, throw_up, sprang_back, 8),
    Scenario("edit and reapply", engaged, edit, edited, 7),
    Scenario("entry dropped", engaged, drop, dropped, 12, beside="shop-half"),
    Scenario("runbook deleted", engaged, lambda c: api.delete(api.path("runbook", c.namespace, "shop")), gone, 5),
    Scenario("contested", engaged, lambda c: c.scale(5), lambda c: is_engaged(c) and c.replicas() == 0, 6),
    Scenario("many kinds engage", many_kinds, lambda c: c.throw("shop-stop"), is_engaged, 13),
    Scenario("many kinds release", many_kinds_engaged, lambda c: c.release("shop-stop"), is_released, 9),
    Scenario("failover while engaging", settled, lambda c: c.throw("shop-stop"), is_engaged, 7, replicas=2),
    Scenario("failover while releasing", engaged, lambda c: c.release("shop-stop"), is_released, 7, replicas=2),
)
