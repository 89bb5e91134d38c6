"""What is seen of a target that somebody holds down on purpose, and of pods that are not the target's own."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.guards import deploy, target, until_verdict, version
from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, eventually, runbook
from tests.e2e.inside import Inside

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "10-deployment-guard"


def switched(cluster: Cluster) -> None:
    """The example's app and Runbook, with a switch more that stops it and one that blocks its traffic."""
    cluster.run("apply", "-f", str(EXAMPLE / "app.yaml"))
    body: Body = yaml.safe_load((EXAMPLE / "runbook.yaml").read_text())
    body["spec"]["deployments"]["goodAfter"] = "1s"
    body["spec"]["healthEndpoints"][0]["each"] = False
    body["spec"]["killSwitches"] += [
        {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]},
        {"name": "block", "actions": [{"blockTraffic": {"target": "web"}}]},
    ]
    cluster.apply(body)


def level(cluster: Cluster) -> str:
    told = cluster.get("runbook", "tickets").get("status", {}).get("healthEndpoints", [])
    return str(told[0].get("level")) if told else ""


def live(cluster: Cluster) -> Body:
    found: Body = target(cluster, "tickets")["verdicts"][0]
    return found


@pytest.mark.node
@pytest.mark.parametrize("switch", ["stop", "block"])
def test_switch_that_stops_its_target_does_not_make_the_revision_bad(
    cluster: Cluster, inside: Inside, node: str, switch: str
) -> None:
    switched(cluster)
    eventually("it is well", lambda: level(cluster) == "Ok", ROLLOUT)
    deploy(cluster, "2", "tickets")
    until_verdict(cluster, (2, "Watching"), "tickets")
    eventually("it is available", lambda: target(cluster, "tickets")["watch"].get("available"), ROLLOUT)

    cluster.throw_when_there(f"tickets-{switch}")

    eventually("nobody answers", lambda: level(cluster) == "Critical", ROLLOUT)
    eventually("it is excused", lambda: target(cluster, "tickets")["watch"].get("before"), ROLLOUT)
    assert live(cluster)["verdict"] == "Watching"
    assert f"switch tickets-{switch}" in live(cluster)["reason"]
    cluster.release(f"tickets-{switch}")
    eventually("it is well again", lambda: level(cluster) == "Ok", ROLLOUT)
    eventually("it counts again", lambda: not target(cluster, "tickets")["watch"].get("before"), ROLLOUT)
    assert live(cluster)["verdict"] == "Watching"
    assert version(cluster, "tickets") == "2"
    assert cluster.phase("tickets-rollback") == "Released"
    assert cluster.events("BadRevision") == []
    assert inside.alive
    assert node


LABELS = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/instance": "prod"}


def pods(name: str, component: str, image: str, **spec: Any) -> Body:
    """A pod template as charts make them: with labels that everything of the release has."""
    container = {"name": name, "image": image, "imagePullPolicy": "Never"}
    labels = LABELS | {"app.kubernetes.io/component": component}
    return {"metadata": {"labels": labels}, "spec": {"containers": [container], **spec}}


def shop() -> Body:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "template": pods("app", "web", "runbooks.dev/demo-app:1.0", terminationGracePeriodSeconds=1),
        },
    }


def migration() -> Body:
    """A Job whose pod has the labels that the Deployment selects, and an image that is not there."""
    template = pods("migrate", "migrate", "runbooks.dev/not-there:1.0", restartPolicy="Never")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "shop-migrate", "labels": LABELS},
        "spec": {"template": template},
    }


def waiting(cluster: Cluster) -> Body:
    told = cluster.get("runbook", "shop").get("status", {}).get("metrics", [])
    return dict(told[0]) if told else {}


@pytest.mark.node
def test_job_pods_with_the_same_labels_do_not_count_and_own_pods_do(
    cluster: Cluster, operator: Operator, node: str
) -> None:
    metric = {
        "name": "not-starting",
        "pods": {"target": "web", "measure": "Waiting"},
        "critical": "> 0",
        "period": "1s",
        "for": "2s",
        "clearFor": "1s",
        "response": {"firstAction": {"engage": "stop"}},
    }
    cluster.apply(shop(), runbook(metrics=[metric], scaling=[]))
    cluster.run("rollout", "status", "deployment/web", f"--timeout={ROLLOUT:.0f}s")
    eventually("it is well", lambda: waiting(cluster).get("level") == "Ok", ROLLOUT)
    reason = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}"

    cluster.apply(migration())

    own = "app.kubernetes.io/component=migrate"
    eventually("its pod waits", lambda: "ErrImage" in cluster.run("get", "pods", "-l", own, "-o", reason), ROLLOUT)
    cluster.run("set", "image", "deployment/web", "app=runbooks.dev/not-there:1.0")
    eventually("an own pod counts", lambda: waiting(cluster).get("level") == "Critical", ROLLOUT)
    assert waiting(cluster)["series"].startswith("web-")
    assert "shop-migrate" not in waiting(cluster)["series"]
    assert operator.alive
    assert node
