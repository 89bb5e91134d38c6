"""What a real Prometheus gives for a division by 0 and for series that have ended, and what a switch makes of it."""

from typing import Any

from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.prometheus import Prometheus

SECONDS = 60
QUICK = {"period": "1s", "for": "0s", "clearFor": "0s", "noDataAfter": "2s"}
ENGAGES = {"response": {"firstAction": {"engage": "more"}}}
MORE = {"name": "more", "actions": [{"scale": {"target": "web", "replicas": 5}}]}
ERRORS = 'sum(errors_total{code="500"}) / sum(errors_total)'


def declare(cluster: Cluster, query: str, critical: str, **rest: Any) -> None:
    metric = {"name": "rate", "query": query, "critical": critical, **QUICK, **ENGAGES, **rest}
    automation = {"coolDown": "0s"}
    cluster.apply(deployment(), runbook(killSwitches=[MORE], scaling=[], metrics=[metric], automation=automation))


def told(cluster: Cluster) -> Body:
    found = cluster.get("runbook", "shop").get("status", {}).get("metrics", [])
    return dict(found[0]) if found else {}


def until_level(cluster: Cluster, level: str) -> Body:
    eventually(f"the metric is {level}", lambda: told(cluster).get("level") == level, SECONDS)
    return told(cluster)


def test_division_by_zero_engages_and_is_reported_as_infinite(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    source.target.values |= {"queue": 12, "workers": 4}
    declare(cluster, "sum(queue) / sum(workers)", "> 10")
    until_level(cluster, "Ok")

    source.target.values["workers"] = 0

    found = until_level(cluster, "Critical")
    assert (found["value"], found["message"]) == ("+Inf", "+Inf > 10; infinite, as from a division by 0")
    cluster.until_phase("shop-more", "Engaged")
    source.target.values["workers"] = 4
    until_level(cluster, "Ok")
    cluster.until_phase("shop-more", "Released")
    assert watching.alive


def test_switch_held_by_ended_series_reports_the_release_command(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    source.target.values |= {'errors_total{code="500"}': 5, 'errors_total{code="200"}': 5}
    declare(cluster, ERRORS, "> 10%")
    cluster.until_phase("shop-more", "Engaged")

    del source.target.values['errors_total{code="500"}']

    until_level(cluster, "Stale")

    def automatic() -> Body:
        return cluster.condition("switch", "shop-more", "Automatic")

    eventually("it says so", lambda: automatic().get("reason") == "HeldWithoutData", SECONDS)
    message = automatic()["message"]
    command = message.partition("To release it by hand: kubectl ")[2]
    assert "absent: Zero" in message
    cluster.run("patch", "sw", "shop-more", "--type", "merge", "-p", command.split("-p ")[1].strip("'"))
    cluster.until_phase("shop-more", "Released")
    assert watching.alive


def test_metric_with_absent_series_as_zero_releases_its_switch(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    source.target.values |= {'errors_total{code="500"}': 5, 'errors_total{code="200"}': 5}
    declare(cluster, f"{ERRORS} > 0", "> 10%", absent="Zero")
    cluster.until_phase("shop-more", "Engaged")

    del source.target.values['errors_total{code="500"}']

    found = until_level(cluster, "Ok")
    assert "the query returns no series, which counts as 0" in found["message"]
    cluster.until_phase("shop-more", "Released")
    declare(cluster, f"{ERRORS} > 0", "> 10%")
    eventually("the comparison is remarked on", lambda: told(cluster).get("remark"), SECONDS)
    assert watching.alive
