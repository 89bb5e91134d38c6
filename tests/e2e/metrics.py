"""Metrics of a Runbook, and the steps that declare them and wait for their levels."""

from typing import Any

from tests.e2e.harness import Body, Cluster, deployment, eventually, runbook


def errors(**spec: Any) -> Body:
    """The share of requests that fail, which engages `stop` from 10 % on."""
    usual: Body = {
        "name": "error-rate",
        "query": "error_ratio",
        "unit": "ratio",
        "normal": "< 1%",
        "warning": "> 5%",
        "critical": "> 10%",
        "period": "1s",
        "for": "1s",
        "clearFor": "1s",
        "noDataAfter": "3s",
        "response": {"likelyCause": "Deployment", "firstAction": {"engage": "stop"}},
    }
    return usual | spec


def declare(cluster: Cluster, *metrics: Body) -> None:
    cluster.apply(deployment(), runbook(metrics=list(metrics)))
    cluster.until_reason("switch", "shop-stop", "Ready")


def metric(cluster: Cluster, name: str = "error-rate") -> Body:
    told = cluster.get("runbook", "shop").get("status", {}).get("metrics", [])
    return next((one for one in told if one["name"] == name), {})


def until_level(cluster: Cluster, level: str, name: str = "error-rate") -> Body:
    found: Body = eventually(
        f"{name} is {level}", lambda: one if (one := metric(cluster, name)).get("level") == level else None
    )
    return found
