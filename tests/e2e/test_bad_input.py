"""What is refused at `kubectl apply`, and what heals by itself."""

from typing import Any

import pytest

from tests.e2e.harness import Cluster, Operator, deployment, eventually, kubectl, runbook


def metric(**rest: Any) -> dict[str, Any]:
    return {"name": "errors", "query": "up"} | rest


def stop(**scale: Any) -> dict[str, Any]:
    return {"name": "stop", "actions": [{"scale": {"target": "web"} | scale}]}


REFUSED = {
    "an unknown field": (runbook(killSwitch=[]), 'unknown field "spec.killSwitch"'),
    "a negative replica count": (
        runbook(killSwitches=[stop(replicas=-1)]),
        "spec.killSwitches[0].actions[0].scale.replicas",
    ),
    "two kill switches of one name": (
        runbook(killSwitches=[stop(replicas=0), stop(replicas=1)]),
        "spec.killSwitches[1]",
    ),
    "a scaling command named as a kill switch": (
        runbook(scaling=[{"name": "stop", "target": "web", "by": 1}]),
        "a kill switch and a scaling command cannot have the same name, since each has a Switch of that name;",
    ),
    "an undeclared target": (
        runbook(killSwitches=[stop(target="db", replicas=0)]),
        "spec.killSwitches: scale of switch stop names a target that spec.targets does not declare",
    ),
    "an undeclared target of a scaling command": (
        runbook(scaling=[{"name": "up", "target": "db", "by": 1}]),
        "spec.scaling: up names target db, which spec.targets does not declare; declare it or correct the name",
    ),
    "an undeclared target of a health endpoint": (
        runbook(healthEndpoints=[{"name": "ready", "target": "wbe"}]),
        "spec.healthEndpoints: ready names target wbe, which spec.targets does not declare",
    ),
    "an undeclared switch of a metric": (
        runbook(metrics=[metric(critical="> 1", response={"firstAction": {"engage": "stpo"}})]),
        "spec.metrics: errors engages stpo, which is not declared in spec.killSwitches, or is momentary there and",
    ),
    "a time in words": (runbook(silenceFor="20 minutes"), "use a time such as 30m, 4h or 1d"),
    "a period in words": (runbook(metrics=[metric(critical="> 1", period="20 s")]), "use a time such as 30m, 4h or 1d"),
    "a threshold without a number": (runbook(metrics=[metric(critical="> high")]), "write a threshold such as"),
    "a threshold with another operator": (runbook(metrics=[metric(critical="=> 5%")]), "write a threshold such as"),
    "both replicas and a step": (runbook(killSwitches=[stop(replicas=0, by=1)]), "set exactly one of replicas"),
    "neither replicas nor a step": (runbook(killSwitches=[stop()]), "set exactly one of replicas"),
    "no action at all": (runbook(killSwitches=[{"name": "stop", "actions": []}]), "spec.killSwitches[0].actions"),
    "an empty action": (runbook(killSwitches=[{"name": "stop", "actions": [{}]}]), "set exactly one action: "),
    "bounds the wrong way round": (
        runbook(scaling=[{"name": "up", "target": "web", "by": 1, "min": 5, "max": 2}]),
        "min must not be greater than max",
    ),
    "a step down without a floor": (
        runbook(scaling=[{"name": "down", "target": "web", "by": -10}]),
        "set min: a by below 0, or a factor below 0.5, can end at 0 replicas",
    ),
    "a small factor without a floor": (runbook(killSwitches=[stop(factor=0.4)]), "set min: a by below 0"),
    "an unknown mode": (runbook(mode="Dream"), "spec.mode"),
    "no title": (runbook(title=""), "spec.title"),
    "a name longer than a label": (runbook(name="n" * 64), "metadata.name: at most 63 characters"),
}


@pytest.mark.parametrize(("document", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_is_refused_with_the_name_of_the_field(
    cluster: Cluster, document: dict[str, Any], sentence: str
) -> None:
    assert sentence in cluster.refused(document)


def test_missing_target_is_reported_and_recovers_once_created(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(runbook())

    for kind, name in (("runbook", "shop"), ("switch", "shop-stop")):
        ready = cluster.until_reason(kind, name, "TargetNotFound")
        assert ready["status"] == "False"
        assert "Deployment/web does not exist" in ready["message"]
    assert "spec.targets[0] (web)" in cluster.condition("runbook", "shop")["message"]

    cluster.apply(deployment())

    cluster.until_reason("runbook", "shop", "Ready")
    cluster.until_reason("switch", "shop-stop", "Ready")
    assert operator.alive


def test_switch_thrown_before_its_target_exists_holds_the_created_target(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(runbook())
    cluster.until_reason("switch", "shop-stop", "TargetNotFound")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaging")

    cluster.apply(deployment(replicas=4))

    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 4
    assert operator.alive


def test_unscalable_kind_is_named_and_other_targets_work(cluster: Cluster, operator: Operator) -> None:
    targets = [
        {"name": "web", "workload": {"name": "web"}},
        {"name": "agent", "workload": {"kind": "DaemonSet", "name": "agent"}},
        {"name": "ghost", "workload": {"apiVersion": "ghosts.dev/v1", "kind": "Ghost", "name": "g"}},
    ]
    switches = [
        stop(replicas=0),
        {"name": "haunt", "actions": [{"scale": {"target": "ghost", "replicas": 0}}]},
        {"name": "drain", "actions": [{"scale": {"target": "agent", "replicas": 0}}]},
    ]
    agent = deployment("agent") | {"kind": "DaemonSet"}
    del agent["spec"]["replicas"]
    cluster.apply(deployment(), agent, runbook(targets=targets, killSwitches=switches))

    told = cluster.until_reason("switch", "shop-drain", "NotScalable")
    assert "a DaemonSet has no scale subresource" in told["message"]
    cluster.until_reason("switch", "shop-haunt", "KindNotFound")
    cluster.until_reason("runbook", "shop", "KindNotFound")

    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0
    assert operator.alive


def test_switch_without_runbook_reports_the_missing_runbook(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(
        {
            "apiVersion": "runbooks.dev/v1alpha1",
            "kind": "Switch",
            "metadata": {"name": "nobody-stop"},
            "spec": {"runbook": "nobody", "switch": "stop", "engaged": True},
        }
    )

    told = cluster.until_reason("switch", "nobody-stop", "RunbookNotFound")

    assert "there is no Runbook nobody" in told["message"]
    assert operator.alive


def test_switch_cannot_be_moved_to_another_entry(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook())
    switch = eventually("it is made", lambda: cluster.get("switch", "shop-stop"))
    del switch["metadata"]["resourceVersion"]

    refused = cluster.refused({**switch, "spec": {"runbook": "shop", "switch": "up"}})

    assert "switch cannot be changed" in refused
    assert operator.alive


def test_switch_name_must_match_its_entry(cluster: Cluster) -> None:
    """Else whoever may patch Switches of one name could throw by it what another name stands for."""
    alias = {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Switch", "metadata": {"name": "mine"}}

    refused = cluster.refused(alias | {"spec": {"runbook": "shop", "switch": "stop", "engaged": True}})

    assert "metadata.name must be <spec.runbook>-<spec.switch>" in refused


def test_kubectl_explain_has_readable_descriptions(cluster: Cluster) -> None:
    del cluster
    text = " ".join(kubectl("explain", "runbook.spec.killSwitches").split())

    assert "A kill switch: while it is engaged it holds the fields of its actions; a release restores them." in text
    assert "actions <[]Object> -required- Actions of the switch, in this order." in text
    scale = " ".join(kubectl("explain", "runbook.spec.killSwitches.actions.scale").split())
    assert (
        "Sets the replicas of the target's workload, and holds them and the workload's autoscaler at that number."
        in scale
    )
