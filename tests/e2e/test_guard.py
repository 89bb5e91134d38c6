"""The deployment guard on the real API server; where there is a node, a bad version really answers with errors."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.guards import SECONDS, deploy, target, until_taken_up, until_verdict, verdicts, version
from tests.e2e.harness import ROLLOUT, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.prometheus import Prometheus

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "10-deployment-guard"
ERRORS = {
    "name": "error-rate",
    "query": "error_ratio",
    "unit": "ratio",
    "critical": "> 10%",
    "period": "1s",
    "for": "0s",
    "clearFor": "0s",
}


def declare(cluster: Cluster, **deployments: str) -> None:
    """A Deployment at revision 1, and a Runbook that goes back where an error rate is critical after a deploy."""
    cluster.apply(deployment())
    until_taken_up(cluster)
    rules = {"monitorFor": "30m", "firstAction": {"engage": "back"}} | deployments
    switch = {"name": "back", "actions": [{"rollback": {"target": "web"}}]}
    cluster.apply(runbook(killSwitches=[switch], scaling=[], metrics=[ERRORS], deployments=rules))
    cluster.until_reason("switch", "shop-back", "NoRevision")
    until_verdict(cluster, (1, "Unproven"))
    until_level(cluster, "Ok")


def until_level(cluster: Cluster, level: str) -> None:
    def told() -> bool:
        found = cluster.get("runbook", "shop").get("status", {}).get("metrics", [{}])
        return bool(found and found[0].get("level") == level)

    eventually(f"the error rate is {level}", told, SECONDS)


def until_version(cluster: Cluster, wanted: str, name: str = "web", seconds: float = SECONDS) -> None:
    eventually(f"version {wanted} is back", lambda: version(cluster, name) == wanted, seconds)


def test_bad_revision_is_rolled_back_automatically_and_held(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster)
    deploy(cluster, "2")
    until_verdict(cluster, (2, "Watching"))

    source.target.values["error_ratio"] = 0.5

    until_version(cluster, "")
    switch = cluster.until_phase("shop-back", "Engaged")
    assert [(one["source"], one["name"]) for one in switch["status"]["holds"]] == [("Deployment", "web")]
    until_verdict(cluster, (3, "Unproven"))
    assert verdicts(cluster) == [(3, "Unproven"), (2, "Bad")]
    eventually("it is said on both", lambda: len(cluster.events("BadRevision")) == 2)
    message = cluster.events("BadRevision")[0]["message"]
    assert "revision 2 of Deployment/web is bad: metric error-rate is Critical (50% > 10%" in message
    assert "rolls back to revision 1" in message
    assert "change in Git: environment of container app (VERSION)" in message
    source.target.values["error_ratio"] = 0.001
    cluster.until_phase("shop-back", "Released")
    assert version(cluster) == ""
    assert "watch" not in target(cluster)
    assert watching.alive


def test_revision_without_pods_is_unproven_and_kept_after_its_window(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster, monitorFor="3s")
    deploy(cluster, "2")
    until_verdict(cluster, (2, "Unproven"))

    source.target.values["error_ratio"] = 0.5

    until_level(cluster, "Critical")
    source.target.values["error_ratio"] = 0.001
    until_level(cluster, "Ok")
    assert version(cluster) == "2"
    assert cluster.get("switch", "shop-back")["status"].get("history", []) == []
    assert verdicts(cluster) == [(2, "Unproven"), (1, "Unproven")]
    assert watching.alive


def test_metric_critical_before_a_revision_does_not_make_it_bad(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster)
    source.target.values["error_ratio"] = 0.5
    until_level(cluster, "Critical")

    deploy(cluster, "2")

    until_verdict(cluster, (2, "Watching"))
    assert target(cluster)["watch"]["before"] == ["metric error-rate"]
    source.target.values["error_ratio"] = 0.001
    eventually("it is over", lambda: not target(cluster)["watch"].get("before"), SECONDS)
    assert version(cluster) == "2"
    source.target.values["error_ratio"] = 0.5
    until_version(cluster, "")
    assert watching.alive


def test_restart_and_scaling_open_no_window(cluster: Cluster, source: Prometheus, watching: Operator) -> None:
    declare(cluster)
    cluster.scale(5)
    cluster.run("rollout", "restart", "deployment/web")
    until_taken_up(cluster)
    until_verdict(cluster, (2, "Unproven"))

    source.target.values["error_ratio"] = 0.5
    until_level(cluster, "Critical")

    assert verdicts(cluster) == [(2, "Unproven")]
    assert cluster.phase("shop-back") == "Released"
    assert cluster.events("NewRevision") == []
    assert watching.alive


def test_window_continues_for_a_revision_deployed_during_downtime(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster)
    watching.kill()
    deploy(cluster, "2")

    watching.start()
    until_verdict(cluster, (2, "Watching"))
    watching.kill()
    watching.start()
    source.target.values["error_ratio"] = 0.5

    until_version(cluster, "")
    cluster.until_phase("shop-back", "Engaged")


def test_redeployed_bad_revision_is_rolled_back_and_another_one_is_kept(
    cluster: Cluster, source: Prometheus, watching: Operator
) -> None:
    declare(cluster)
    deploy(cluster, "2")
    until_verdict(cluster, (2, "Watching"))
    source.target.values["error_ratio"] = 0.5
    cluster.until_phase("shop-back", "Engaged")
    until_taken_up(cluster)

    cluster.run("set", "env", "deployment/web", "VERSION=2")
    eventually("it is put back", lambda: cluster.events("DriftCorrected") and version(cluster) == "")
    until_taken_up(cluster)
    cluster.run("set", "env", "deployment/web", "VERSION=3")

    cluster.until_phase("shop-back", "Released")
    eventually("it has a window of its own", lambda: verdicts(cluster)[0][1] == "Watching", SECONDS)
    assert version(cluster) == "3"
    assert watching.alive


@pytest.mark.parametrize(
    ("deployments", "says"),
    [
        ({"firstAction": {"engage": "ghost"}}, "firstAction engages a switch, which is not"),
        ({"firstAction": {"engage": "press"}}, "is momentary there and so holds nothing"),
        ({"firstAction": {"engage": "forth"}}, "restores the bad revision once"),
        ({"metrics": ["ghost"]}, "spec.deployments.metrics names an entry that spec.metrics does not declare"),
        (
            {"healthEndpoints": ["ghost"]},
            "spec.deployments.healthEndpoints names an entry that spec.healthEndpoints does not",
        ),
    ],
)
def test_unworkable_guard_is_refused_on_apply(cluster: Cluster, deployments: Any, says: str) -> None:
    back = {"rollback": {"target": "web"}}
    switches = [
        {"name": "press", "momentary": True, "actions": [back]},
        {"name": "forth", "actions": [{"rollback": {"target": "web", "rollForwardOnRelease": True}}]},
    ]

    assert says in cluster.refused(runbook(killSwitches=switches, deployments=deployments))


# What follows needs pods that run.


def example(cluster: Cluster, monitor_for: str = "30m") -> None:
    """The example, whose revision 1 is known good after a second."""
    cluster.run("apply", "-f", str(EXAMPLE / "app.yaml"))
    text = (EXAMPLE / "runbook.yaml").read_text().replace("goodAfter: 1m", "goodAfter: 1s")
    cluster.run("apply", "-f", "-", stdin=text.replace("monitorFor: 30m", f"monitorFor: {monitor_for}"))
    eventually("it is known good", lambda: good(cluster) == [1], ROLLOUT)
    eventually("it is well", lambda: level(cluster) == "Ok", ROLLOUT)


def good(cluster: Cluster) -> list[int]:
    return [one["revision"] for one in target(cluster, "tickets").get("good", [])]


def level(cluster: Cluster) -> str:
    told = cluster.get("runbook", "tickets").get("status", {}).get("healthEndpoints", [])
    return str(told[0].get("level")) if told else ""


@pytest.mark.node
def test_version_that_answers_with_errors_is_rolled_back(cluster: Cluster, inside: Operator, node: str) -> None:
    example(cluster)

    deploy(cluster, "2", "tickets", ERROR_RATE="1")

    until_version(cluster, "1", "tickets", ROLLOUT)
    assert (2, "Bad") in verdicts(cluster, "tickets")
    assert 2 not in good(cluster)
    eventually("it is well again", lambda: level(cluster) == "Ok", ROLLOUT)
    eventually("it is released", lambda: cluster.phase("tickets-rollback") == "Released", ROLLOUT)
    assert version(cluster, "tickets") == "1"
    assert inside.alive
    assert node


@pytest.mark.node
def test_working_version_is_kept_even_if_it_breaks_after_its_window(
    cluster: Cluster, inside: Operator, node: str
) -> None:
    example(cluster, monitor_for="15s")
    deploy(cluster, "2", "tickets")
    until_verdict(cluster, (2, "Good"), "tickets", ROLLOUT)

    cluster.run("patch", "service", "tickets", "-p", '{"spec":{"ports":[{"port":80,"targetPort":9,"name":"http"}]}}')

    eventually("it fails", lambda: level(cluster) == "Critical", ROLLOUT)
    assert version(cluster, "tickets") == "2"
    assert cluster.phase("tickets-rollback") == "Released"
    assert verdicts(cluster, "tickets")[0] == (2, "Good")
    assert inside.alive
    assert node
