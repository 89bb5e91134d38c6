"""Misspelt names on the real API server: refused before anybody needs the switch, with the name that was meant."""

from tests.e2e.flags import config_map, data, declare, engage, release, remarks, set_flag
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook


def warned(cluster: Cluster, reason: str) -> list[Body]:
    found: list[Body] = eventually(f"an Event {reason}", lambda: cluster.events(reason))
    return found


def test_misspelt_flag_is_refused_at_rest_and_at_the_throw(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, config_map(ai_enabled="true"), deployment(), a=set_flag("ai_enabld", "false"))

    ready = cluster.until_reason("switch", "shop-a", "FlagNotFound")
    assert ready["message"].startswith("ConfigMap/flags has no flag ai_enabld; did you mean ai_enabled?")
    cluster.throw("shop-a")
    cluster.until_phase("shop-a", "Stalled")

    assert data(cluster) == {"ai_enabled": "true"}
    assert not cluster.events("FlagAdded")
    assert operator.alive


def test_optional_missing_flag_is_added_with_a_warning_and_removed(cluster: Cluster, operator: Operator) -> None:
    added = set_flag("ai_enabled", "false", flagMustExist=False)
    declare(cluster, config_map(color="red"), deployment(), a=added)

    engage(cluster)
    assert data(cluster) == {"color": "red", "ai_enabled": "false"}
    assert remarks(cluster) == ["FlagAdded"]
    assert {one["type"] for one in warned(cluster, "FlagAdded")} == {"Warning"}

    release(cluster)
    assert data(cluster) == {"color": "red"}
    assert operator.alive


def test_action_after_a_failed_one_waits_and_the_event_names_the_switch(cluster: Cluster, operator: Operator) -> None:
    targets = [{"name": "web", "flags": {"configMap": "flags"}}, {"name": "old", "workload": {"name": "gone"}}]
    scale: Body = {"scale": {"target": "old", "replicas": 0}, "timeout": "1s"}
    entry = {"name": "a", "actions": [scale, set_flag("ai", "false")]}
    cluster.apply(config_map(ai="true"), runbook(targets=targets, killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-a", "TargetNotFound")
    cluster.throw("shop-a")

    stalled = cluster.until_phase("shop-a", "Stalled")

    waits = "ConfigMap/flags data.ai waits for scale of Deployment/gone: from true to false"
    assert waits in cluster.condition("switch", "shop-a", "Engaged")["message"]
    engagement = stalled["status"]["record"]["engagementId"]
    said = {one["message"] for one in warned(cluster, "TargetNotFound")}
    text = f"Deployment/gone does not exist in namespace {cluster.namespace}"
    assert f"shop-a: scale of target old: {text} [{engagement}]" in said
    assert data(cluster) == {"ai": "true"}
    assert operator.alive


def test_threshold_of_an_impossible_unit_is_the_first_condition_and_an_event(
    cluster: Cluster, operator: Operator
) -> None:
    metric: Body = {"name": "errors", "query": "up", "critical": "> 5 flurbs"}
    cluster.apply(runbook(targets=[{"name": "web", "workload": {"name": "gone"}}], metrics=[metric]))

    ready = cluster.until_reason("runbook", "shop", "InvalidSpec")
    assert ready["message"].startswith("spec.metrics[0].critical: ")
    assert "flurbs is not a unit" in ready["message"]
    assert [one["message"] for one in warned(cluster, "InvalidSpec")] == [ready["message"]]
    assert operator.alive


def test_plain_threshold_on_a_ratio_gets_a_remark(cluster: Cluster, operator: Operator) -> None:
    metric: Body = {"name": "errors", "query": "up", "unit": "ratio", "critical": "> 10"}
    cluster.apply(deployment(), runbook(metrics=[metric]))

    def remark() -> str:
        found = cluster.get("runbook", "shop").get("status", {}).get("metrics")
        return str(found[0].get("remark", "")) if found else ""

    text = eventually("it is remarked", remark)
    assert text == "critical > 10 of a ratio is 1000 %; for 10 % write > 10%"
    assert operator.alive
