"""Thresholds on the numbers of a real Prometheus: what they engage, what they release, and what no data does."""

from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook
from tests.e2e.metrics import declare, errors, metric, until_level
from tests.e2e.prometheus import Prometheus


def healthy(cluster: Cluster) -> str:
    return str(cluster.condition("runbook", "shop", "Healthy").get("status"))


def test_rising_errors_engage_the_switch_and_falling_errors_release_it(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster, errors())
    until_level(cluster, "Ok")
    assert cluster.replicas() == 3
    assert healthy(cluster) == "True"

    source.target.values["error_ratio"] = 0.31
    switch = cluster.until_phase("shop-stop", "Engaged")

    told = until_level(cluster, "Critical")
    assert "31" in told["value"]
    assert switch["status"]["holds"][0]["source"] == "Metric"
    assert switch["status"]["holds"][0]["name"] == "error-rate"
    assert cluster.replicas() == 0
    assert healthy(cluster) == "False"
    (event,) = cluster.events("Critical")
    assert "10%" in event["message"]
    assert "Deployment" in event["message"]

    source.target.values["error_ratio"] = 0.002
    cluster.until_phase("shop-stop", "Released")
    assert until_level(cluster, "Ok")
    assert cluster.replicas() == 3
    assert watching.alive


def test_warning_is_reported_and_does_not_engage(cluster: Cluster, source: Prometheus, watching: Operator) -> None:
    declare(cluster, errors())
    until_level(cluster, "Ok")

    source.target.values["error_ratio"] = 0.07
    until_level(cluster, "Warning")

    assert cluster.phase("shop-stop") == "Released"
    assert cluster.replicas() == 3
    assert watching.alive


def test_unavailable_prometheus_neither_engages_nor_releases(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster, errors(), errors(name="quiet", query="quiet_ratio", response={"likelyCause": "none"}))
    until_level(cluster, "Ok")
    source.target.values["error_ratio"] = 0.5
    cluster.until_phase("shop-stop", "Engaged")

    source.stop()
    stale = until_level(cluster, "Stale")

    assert stale["known"] == "Critical"
    assert healthy(cluster) == "Unknown"
    assert cluster.phase("shop-stop") == "Engaged"
    assert cluster.replicas() == 0

    source.target.values["error_ratio"] = 0.001
    source.start()
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 3
    assert watching.alive


def test_source_unavailable_from_the_start_is_unknown_until_it_appears(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    source.target.values["error_ratio"] = 0.9
    source.until_value("error_ratio", 0.9)
    source.stop()

    declare(cluster, errors(noDataAfter="1h"))
    eventually("it was asked", lambda: metric(cluster).get("reason"))
    assert metric(cluster)["level"] == "Unknown"
    assert healthy(cluster) == "Unknown"
    assert cluster.phase("shop-stop") == "Released"

    source.start()
    cluster.until_phase("shop-stop", "Engaged")
    assert watching.alive


def test_critical_metric_stays_held_through_a_restart_of_the_operator(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster, errors())
    source.target.values["error_ratio"] = 0.5
    cluster.until_phase("shop-stop", "Engaged")
    before = cluster.get("switch", "shop-stop")["status"]["record"]["engagementId"]

    watching.kill()
    watching.start()
    source.target.values["error_ratio"] = 0.001
    cluster.until_phase("shop-stop", "Released")

    history = cluster.get("switch", "shop-stop")["status"]["history"]
    assert [one["engagementId"] for one in history] == [before]


def test_unreadable_threshold_is_named_and_other_metrics_are_read(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare_anyway = runbook(metrics=[errors(), errors(name="odd", critical="> 5 parsecs")])
    cluster.apply(deployment(), declare_anyway)

    until_level(cluster, "Ok")
    told = eventually("it is told", lambda: cluster.condition("runbook", "shop").get("message"))
    assert "spec.metrics[1]" in told
    assert "parsecs" in told
    source.target.values["error_ratio"] = 0.5
    cluster.until_phase("shop-stop", "Engaged")
    assert watching.alive
