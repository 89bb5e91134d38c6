"""Switches that lose their Runbook, and the steps that restore a backup."""

from typing import Any

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, deployment, runbook


def ready(cluster: Cluster) -> None:
    cluster.apply(deployment(), runbook(scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")


def engaged(cluster: Cluster) -> Body:
    cluster.throw("shop-stop")
    return cluster.until_phase("shop-stop", "Engaged")


def owners(cluster: Cluster) -> list[str]:
    meta = cluster.get("switch", "shop-stop")["metadata"]
    return [one["uid"] for one in meta.get("ownerReferences", ())]


def restored(cluster: Cluster, switch: Body, *, status: bool) -> None:
    """What a backup tool makes of a Switch that was deleted: without owner, with another uid and generation 1."""
    kept = {key: value for key, value in switch["metadata"].items() if key in ("name", "labels", "finalizers")}
    parts: dict[str, Any] = {key: switch[key] for key in ("apiVersion", "kind", "spec")}
    api.create(api.path("switch", cluster.namespace), parts | {"metadata": kept})
    if status:
        api.patch(api.path("switch", cluster.namespace, "shop-stop") + "/status", {"status": switch["status"]})
