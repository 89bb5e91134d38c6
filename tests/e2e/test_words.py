"""Since when a person's word holds, on a real API server: it moves the time of a field manager with all it writes."""

import json

import pytest

from runbook_operator.api.conditions import clock
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook

THROW: Body = {"engaged": True, "reason": "INC-42", "expiresAfter": "10m"}


def ready(cluster: Cluster) -> None:
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")


def word(cluster: Cluster) -> Body:
    found: Body = cluster.get("switch", "shop-stop")["status"]["override"]
    return found


def observed(cluster: Cluster) -> Body:
    """The status, once it is about the spec as it is now."""
    found = cluster.get("switch", "shop-stop")
    status: Body = found["status"]
    return status if status["observedGeneration"] == found["metadata"]["generation"] else {"phase": "unseen"}


def noted(cluster: Cluster) -> str:
    """The time that the API server has for all that kubectl-patch wrote of the Switch."""
    entries = cluster.get("switch", "shop-stop")["metadata"]["managedFields"]
    return max(str(one["time"]) for one in entries if one["manager"] == "kubectl-patch")


def patch(cluster: Cluster, change: Body) -> str:
    return cluster.run("patch", "sw", "shop-stop", "--type=merge", "-p", json.dumps(change))


def say(cluster: Cluster, **spec: object) -> str:
    return patch(cluster, {"spec": spec})


def annotate_later(cluster: Cluster) -> None:
    """Annotate it until the API server notes a later time, which it does to the second."""
    before, numbers = noted(cluster), iter(range(1000))

    def is_later() -> bool:
        patch(cluster, {"metadata": {"annotations": {"ticket": f"INC-42-{next(numbers)}"}}})
        return noted(cluster) > before

    eventually("the time of kubectl-patch has moved", is_later)


def renew(cluster: Cluster, change: Body) -> None:
    before = word(cluster)["expiresAt"]
    say(cluster, **change)
    eventually("it is renewed", lambda: word(cluster)["expiresAt"] > before)


def until_seen(cluster: Cluster) -> None:
    """Until the operator has decided about the Switch again: it reports an edit of the Runbook there."""
    before = cluster.get("switch", "shop-stop")["metadata"]["resourceVersion"]
    shrink = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 1}}]}
    cluster.apply(runbook(killSwitches=[shrink]))
    eventually("it is seen", lambda: cluster.get("switch", "shop-stop")["metadata"]["resourceVersion"] != before)


@pytest.mark.parametrize("engaged", [True, False], ids=["throw", "silence"])
def test_annotation_by_the_same_tool_moves_neither_since_nor_end(
    cluster: Cluster, operator: Operator, *, engaged: bool
) -> None:
    ready(cluster)
    say(cluster, **THROW | {"engaged": engaged})
    eventually("the word is recorded", lambda: cluster.get("switch", "shop-stop")["status"].get("override"))
    first = word(cluster)

    annotate_later(cluster)
    until_seen(cluster)

    assert word(cluster) == first
    assert cluster.get("switch", "shop-stop")["metadata"]["generation"] == first["generation"]
    assert operator.alive


def test_repeated_patch_does_not_renew_and_renewed_at_or_another_reason_does(
    cluster: Cluster, operator: Operator
) -> None:
    ready(cluster)
    say(cluster, **THROW)
    cluster.until_phase("shop-stop", "Engaged")
    first = word(cluster)

    assert "patched (no change)" in say(cluster, **THROW)
    assert word(cluster) == first
    for change in ({"renewedAt": "2026-11-24T03:20:00+00:00"}, {"reason": "INC-42, still on it"}):
        annotate_later(cluster)
        renew(cluster, change)
    assert clock(word(cluster)["expiresAt"], word(cluster)["since"]) in cluster.run("get", "sw", "shop-stop")
    assert operator.alive


def test_reason_left_by_a_release_is_not_reported_for_the_next_throw(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    say(cluster, engaged=True, reason="INC-42")
    cluster.until_phase("shop-stop", "Engaged")
    say(cluster, engaged=None)
    eventually("it is released", lambda: observed(cluster)["phase"] == "Released")

    say(cluster, engaged=True)
    cluster.until_phase("shop-stop", "Engaged")

    assert cluster.get("switch", "shop-stop")["spec"]["reason"] == "INC-42"
    assert observed(cluster)["record"].get("reason", "") == ""
    assert [one["reason"] for one in observed(cluster)["history"]] == ["INC-42"]
    messages = {event["message"] for event in cluster.events("Engaged")}
    assert sorted("INC-42" in one for one in messages) == [False, True]
    assert operator.alive


def test_scaling_command_clears_its_reason_with_engaged(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    cluster.throw_when_there("shop-up")
    eventually("it springs back", lambda: "engaged" not in cluster.get("switch", "shop-up")["spec"])

    assert "reason" not in cluster.get("switch", "shop-up")["spec"]
    eventually("it is remembered", lambda: cluster.get("switch", "shop-up")["status"].get("history"))
    assert cluster.get("switch", "shop-up")["status"]["history"][0]["reason"] == "INC-42"
    assert operator.alive


def test_kubectl_explain_describes_how_a_throw_is_renewed(cluster: Cluster) -> None:
    explained = " ".join(cluster.run("explain", "switch.spec.expiresAfter").split())

    assert "Repeating the same patch does not renew it." in explained
