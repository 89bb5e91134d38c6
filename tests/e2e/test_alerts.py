"""Alerts that a real Prometheus fires, as entries of a Runbook."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.prometheus import Prometheus, Target, prometheus

SECONDS = 60
ALERT = {"name": "errors", "alert": "HighErrorRate", "period": "1s", "likelyCause": "Deployment"}


@pytest.fixture
def source(cluster: Cluster, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus with an alerting rule for the test's namespace, and one that fires for another namespace."""
    labels = {"namespace": cluster.namespace, "severity": "page"}
    rules = [
        {"alert": "HighErrorRate", "expr": "error_ratio > 0.1", "labels": labels},
        {"alert": "HighErrorRate", "expr": "vector(1)", "labels": {"namespace": "another"}},
    ]
    with prometheus(tmp_path / "prometheus", Target(error_ratio=0.001), rules=rules) as running:
        yield running


def status(cluster: Cluster) -> Body:
    found = cluster.get("runbook", "shop").get("status", {}).get("alerts", [])
    return dict(found[0]) if found else {}


def until(cluster: Cluster, check: Callable[[Body], bool]) -> Body:
    """Wait until the status of the alert passes the check, and return it."""

    def passing() -> Body | None:
        found = status(cluster)
        return found if found and check(found) else None

    found: Body = eventually("the alert is as wanted", passing, SECONDS)
    return found


def test_alert_of_a_real_prometheus_makes_the_entry_critical(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    source.until("ALERTS", bool)
    cluster.apply(deployment(), runbook(killSwitches=[], scaling=[], alerts=[ALERT]))
    until(cluster, lambda alert: alert["message"] == "alert HighErrorRate does not fire, 1m needed")

    source.target.values["error_ratio"] = 0.5

    found = until(cluster, lambda alert: alert["level"] == "Critical")
    fires = f'alert HighErrorRate fires: instance="127.0.0.1:{source.target.port}",job="app"'
    assert found["message"] == f'{fires},namespace="{cluster.namespace}",severity="page"'
    assert cluster.condition("runbook", "shop", "Healthy")["reason"] == "Unhealthy"
    assert watching.alive


def test_rejected_names_of_issues_and_alerts_name_the_entry(cluster: Cluster) -> None:
    issue = {"name": "slow", "symptoms": [{"alert": "gone"}], "resolution": [{"text": "Stop.", "engage": "away"}]}
    first = ALERT | {"firstAction": {"engage": "away"}, "labels": {"alertname": "x"}}

    refused = cluster.refused(runbook(issues=[issue], alerts=[first]))

    assert "a symptom of slow names an entry that spec.alerts does not declare" in refused
    assert "a step of slow engages a switch, which spec.killSwitches and spec.scaling do not declare" in refused
    assert "firstAction of errors engages a switch, which spec.killSwitches and spec.scaling do not" in refused
    assert "alertname and alertstate are set by the operator" in refused
