"""Words that end, silences, suspensions and edits, as people type them."""

import json
from pathlib import Path

from tests.e2e import api
from tests.e2e.harness import ERROR_RATE, Body, Cluster, Operator, eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "02-holds" / "runbook.yaml"


def say(cluster: Cluster, kind: str, name: str, spec: Body) -> None:
    cluster.run("patch", kind, name, "--type", "merge", "-p", json.dumps({"spec": spec}))


def applied(cluster: Cluster) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    for name in ("checkout-stop", "checkout-shrink"):
        cluster.until_reason("switch", name, "Ready")


def replicas(cluster: Cluster) -> int:
    return cluster.replicas("checkout")


def measured(cluster: Cluster) -> None:
    """As applied, with a metric that holds checkout-stop: the number in a ConfigMap, which the test writes."""
    cluster.run("create", "configmap", "rate", "--from-literal=errors=0")
    applied(cluster)
    say(cluster, "runbook", "checkout", {"metrics": [ERROR_RATE]})
    measure(cluster, 0, "Ok")


def measure(cluster: Cluster, errors: int, level: str) -> None:
    """Write the number, and wait until the operator has read it."""
    cluster.run("patch", "configmap", "rate", "--type", "merge", "-p", json.dumps({"data": {"errors": f"{errors}"}}))

    def told() -> bool:
        metrics = cluster.get("runbook", "checkout").get("status", {}).get("metrics", [])
        return [one["level"] for one in metrics] == [level]

    eventually(f"the metric is {level}", told)


def test_expired_override_clears_engaged(cluster: Cluster, operator: Operator) -> None:
    applied(cluster)

    say(cluster, "switch", "checkout-stop", {"engaged": True, "reason": "INC-42", "expiresAfter": "3s"})

    status = cluster.until_phase("checkout-stop", "Engaged")["status"]
    assert status["engagedBy"] == "kubectl-patch"
    assert status["override"]["expiresAt"] > status["override"]["since"]
    cluster.until_replicas(3, "checkout")
    spec = cluster.get("switch", "checkout-stop")["spec"]
    assert {"engaged", "expiresAfter"} & set(spec) == set()
    assert len(cluster.events("Expired")) == 2
    assert operator.alive


def test_silence_overrides_automatic_holds_and_is_shown(cluster: Cluster, operator: Operator) -> None:
    measured(cluster)
    measure(cluster, 12, "Critical")
    cluster.until_replicas(0, "checkout")
    assert cluster.until_phase("checkout-stop", "Engaged")["status"]["engagedBy"] == "Metric error-rate"

    say(cluster, "switch", "checkout-stop", {"engaged": False})

    cluster.until_replicas(3, "checkout")
    eventually("it is told", lambda: cluster.condition("switch", "checkout-stop", "Automatic")["reason"] == "Silenced")
    assert "Silenced" in cluster.run("get", "sw", "checkout-stop")
    measure(cluster, 0, "Ok")
    say(cluster, "switch", "checkout-stop", {"engaged": None})
    eventually(
        "it is heard again", lambda: cluster.condition("switch", "checkout-stop", "Automatic")["status"] == "True"
    )
    assert replicas(cluster) == 3
    assert operator.alive


def test_suspended_runbook_obeys_only_overrides(cluster: Cluster, operator: Operator) -> None:
    measured(cluster)
    say(cluster, "runbook", "checkout", {"suspend": {"reason": "migration"}})
    eventually("it is told", lambda: cluster.condition("runbook", "checkout", "Suspended").get("status") == "True")
    measure(cluster, 12, "Critical")
    say(cluster, "switch", "checkout-shrink", {"engaged": True})
    cluster.until_replicas(1, "checkout")

    say(cluster, "runbook", "checkout", {"suspend": None})

    cluster.until_replicas(0, "checkout")
    measure(cluster, 0, "Ok")
    cluster.until_replicas(1, "checkout")
    say(cluster, "switch", "checkout-shrink", {"engaged": None})
    cluster.until_replicas(3, "checkout")
    assert operator.alive


def test_edit_is_reported_or_applied_by_reapply_on_change(cluster: Cluster, operator: Operator) -> None:
    applied(cluster)
    say(cluster, "switch", "checkout-shrink", {"engaged": True})
    cluster.until_replicas(1, "checkout")
    text = EXAMPLE.read_text()

    cluster.run("apply", "-f", "-", stdin=text.replace("by: -2, min: 1", "by: -1, min: 1"))

    cluster.until_replicas(2, "checkout")
    cluster.run("apply", "-f", "-", stdin=text.replace("reapplyOnChange: true", "reapplyOnChange: false"))
    eventually("it is told", lambda: cluster.condition("switch", "checkout-shrink", "Outdated").get("status") == "True")
    cluster.until_replicas(2, "checkout")
    say(cluster, "switch", "checkout-shrink", {"engaged": None})
    cluster.until_replicas(3, "checkout")
    assert operator.alive


def test_switch_deleted_with_keep_leaves_the_held_value(cluster: Cluster, operator: Operator) -> None:
    cluster.run("apply", "-f", "-", stdin=EXAMPLE.read_text().replace("onDelete: Restore", "onDelete: Keep"))
    cluster.until_reason("switch", "checkout-stop", "Ready")
    say(cluster, "switch", "checkout-stop", {"engaged": True})
    cluster.until_phase("checkout-stop", "Engaged")

    cluster.run("delete", "runbook", "checkout", "--timeout=20s")

    eventually("the switch is gone", lambda: not api.items("switch", cluster.namespace))
    assert replicas(cluster) == 0
    assert {event["reason"] for event in cluster.events("Kept")} == {"Kept"}
    assert operator.alive
