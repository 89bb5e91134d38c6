"""Flags in a ConfigMap, and the steps that throw, release and read them."""

from functools import partial

from tests.e2e.harness import Body, Cluster, eventually, runbook


def config_map(**data: str) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": data}


def set_flag(flag: str, value: str, **rest: object) -> Body:
    return {"setFlag": {"target": "web", "flag": flag, "value": value} | rest}


def declare(cluster: Cluster, *objects: Body, flags: Body | None = None, **switches: Body) -> None:
    """A Runbook with a kill switch of one action for each name."""
    target = {"name": "web", "workload": {"name": "web"}, "flags": flags or {"configMap": "flags"}}
    entries = [{"name": name, "actions": [action]} for name, action in switches.items()]
    cluster.apply(*objects, runbook(targets=[target], killSwitches=entries, scaling=[]))
    for name in switches:
        eventually(f"{name} is told of", partial(cluster.condition, "switch", f"shop-{name}"))


def engage(cluster: Cluster, name: str = "shop-a") -> Body:
    cluster.until_reason("switch", name, "Ready")
    cluster.throw(name)
    return cluster.until_phase(name, "Engaged")


def release(cluster: Cluster, name: str = "shop-a") -> None:
    cluster.release(name)
    cluster.until_phase(name, "Released")


def data(cluster: Cluster) -> dict[str, str]:
    found: dict[str, str] = cluster.get("configmap", "flags")["data"]
    return found


def template(cluster: Cluster, name: str = "web") -> Body:
    found: Body = cluster.get("deployment", name)["spec"]["template"]
    return found


def remarks(cluster: Cluster, name: str = "shop-a") -> list[str]:
    return [one["reason"] for one in cluster.get("switch", name)["status"]["record"].get("remarks", [])]
