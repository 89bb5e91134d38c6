"""Flags on the real API server: what is written, what comes back, and what running pods make of it."""

from pathlib import Path

import pytest
import yaml

from tests.e2e import api
from tests.e2e.flags import config_map, data, declare, engage, release, remarks, set_flag, template
from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.optional import serve

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "05-flags"
RESTARTED_FOR = "runbooks.dev/restarted-for"


def test_config_map_key_is_set_held_and_restored(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, config_map(ai="true", color="red"), deployment(), a=set_flag("ai", "false"))

    engage(cluster)
    assert data(cluster) == {"ai": "false", "color": "red"}
    api.patch(api.path("configmap", cluster.namespace, "flags"), {"data": {"ai": "maybe"}})
    eventually("it is put back", lambda: data(cluster)["ai"] == "false")
    told = eventually("it is told", lambda: cluster.events("DriftCorrected"))
    assert "kubectl-patch set ConfigMap/flags data.ai to maybe, which the switch holds at false" in told[0]["message"]

    release(cluster)
    assert data(cluster) == {"ai": "true", "color": "red"}
    assert operator.alive


@pytest.mark.parametrize("order", [("shop-a", "shop-b"), ("shop-b", "shop-a")])
def test_two_switches_on_one_flag_restore_the_original_in_either_order(
    cluster: Cluster, operator: Operator, order: tuple[str, str]
) -> None:
    declare(cluster, config_map(ai="on"), deployment(), a=set_flag("ai", "off"), b=set_flag("ai", "dim"))
    engage(cluster, "shop-a")
    engage(cluster, "shop-b")
    assert data(cluster) == {"ai": "dim"}

    release(cluster, order[0])
    assert data(cluster) == {"ai": "off" if order[0] == "shop-b" else "dim"}
    release(cluster, order[1])
    assert data(cluster) == {"ai": "on"}
    assert operator.alive


def test_immutable_config_map_is_reported_at_rest(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, config_map(ai="true") | {"immutable": True}, deployment(), a=set_flag("ai", "false"))

    told = cluster.until_reason("switch", "shop-a", "Immutable")

    assert "delete it and create it again without immutable: true" in told["message"]
    assert operator.alive


def test_missing_flag_in_a_document_is_refused(cluster: Cluster, operator: Operator) -> None:
    at = {"configMap": "flags", "key": "app.yaml"}
    declare(cluster, config_map(**{"app.yaml": "a: 1\n"}), deployment(), flags=at, a=set_flag("b", "2"))

    told = cluster.until_reason("switch", "shop-a", "FlagNotFound")

    assert "add the flag to the document first:" in told["message"]
    assert operator.alive


def test_open_feature_flag_holds_another_default(cluster: Cluster, operator: Operator) -> None:
    serve("FeatureFlag")
    flag = {"state": "DISABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    made = {
        "apiVersion": "core.openfeature.dev/v1beta1",
        "kind": "FeatureFlag",
        "metadata": {"name": "flags"},
        "spec": {"flagSpec": {"flags": {"ai": flag}}},
    }
    declare(cluster, made, deployment(), flags={"featureFlag": "flags"}, a=set_flag("ai", "off"))

    engage(cluster)
    assert cluster.get("featureflag", "flags")["spec"]["flagSpec"]["flags"]["ai"] == flag | {"defaultVariant": "off"}
    assert remarks(cluster) == ["FlagOverridden"]

    release(cluster)
    assert cluster.get("featureflag", "flags")["spec"] == made["spec"]
    assert operator.alive


def test_variable_from_a_config_map_is_replaced_and_restored_and_another_added_and_removed(
    cluster: Cluster, operator: Operator
) -> None:
    made = deployment()
    reference = {"name": "AI", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "ai"}}}
    made["spec"]["template"]["spec"]["containers"][0]["env"] = [reference, {"name": "COLOR", "value": "red"}]
    replaced, added = (
        set_flag("AI", "false", env={}),
        set_flag("VOICE", "", env={"container": "app"}, flagMustExist=False),
    )
    declare(cluster, config_map(ai="true"), made, a=replaced, b=added)
    before = template(cluster)

    engage(cluster, "shop-a")
    engage(cluster, "shop-b")
    assert template(cluster)["spec"]["containers"][0]["env"] == [
        {"name": "AI", "value": "false"},
        {"name": "COLOR", "value": "red"},
        {"name": "VOICE"},
    ]
    assert remarks(cluster) == ["RollsOut"]
    assert len(cluster.events("RollsOut")) == 4

    release(cluster, "shop-a")
    release(cluster, "shop-b")
    assert template(cluster) == before
    assert operator.alive


def test_restart_follows_the_flag_at_throw_and_release(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, config_map(ai="true"), deployment(), a=set_flag("ai", "false", restart=True))
    before = template(cluster)

    record = engage(cluster)["status"]["record"]
    assert template(cluster)["metadata"]["annotations"] == {RESTARTED_FOR: record["engagementId"]}
    first = cluster.get("deployment", "web")["metadata"]["generation"]

    release(cluster)
    assert (data(cluster), template(cluster)) == ({"ai": "true"}, before)
    assert cluster.get("deployment", "web")["metadata"]["generation"] == first + 1
    assert operator.alive


def test_operator_killed_after_the_flag_restarts_the_pods_once_back(
    cluster: Cluster, stopped_operator: Operator
) -> None:
    stopped_operator.start()
    declare(cluster, config_map(ai="true"), deployment(), a=set_flag("ai", "false", restart=True))
    cluster.until_reason("switch", "shop-a", "Ready")

    cluster.throw("shop-a")
    eventually("the flag is set", lambda: data(cluster)["ai"] == "false")
    stopped_operator.kill()
    stopped_operator.start()

    cluster.until_phase("shop-a", "Engaged")
    assert RESTARTED_FOR in template(cluster)["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"env": {}, "restart": True}, "rolls the workload out anyway"),
        ({"flag": "a b"}, "should match"),
    ],
)
def test_invalid_flag_action_is_refused_on_apply(cluster: Cluster, spec: Body, says: str) -> None:
    action = set_flag("ai", "false", **spec) if "flag" not in spec else set_flag(spec["flag"], "false")
    target = {"name": "web", "flags": {"configMap": "flags"}}
    document = runbook(targets=[target], killSwitches=[{"name": "a", "actions": [action]}], scaling=[])

    assert says in cluster.refused(document)


def test_document_key_without_config_map_is_refused(cluster: Cluster) -> None:
    document = runbook(
        targets=[{"name": "web", "flags": {"featureFlag": "a", "key": "b"}}], killSwitches=[], scaling=[]
    )

    assert "key is only for a configMap" in cluster.refused(document)


def applied(cluster: Cluster) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    for name in ("ai-off", "fallback", "plain-search", "restart"):
        cluster.until_reason("switch", f"assistant-{name}", "Ready")


def test_example_document_keeps_its_quotes_and_comments(cluster: Cluster, operator: Operator) -> None:
    applied(cluster)
    before = cluster.get("configmap", "search-flags")["data"]["app.yaml"]

    engage(cluster, "assistant-plain-search")
    text = cluster.get("configmap", "search-flags")["data"]["app.yaml"]
    assert text == before.replace("'on' ", "'off' ")
    assert yaml.safe_load(text)["features"] == {"suggestions": "off", "typo_tolerance": True}

    release(cluster, "assistant-plain-search")
    assert cluster.get("configmap", "search-flags")["data"]["app.yaml"] == before
    assert operator.alive


@pytest.mark.node
def test_example_pods_follow_the_flag_at_throw_and_release(cluster: Cluster, operator: Operator, node: str) -> None:
    applied(cluster)
    until_all_answer(cluster, "ai_enabled", "true")

    engage(cluster, "assistant-ai-off")
    until_all_answer(cluster, "ai_enabled", "false")
    eventually("it is told", lambda: "2 of 2 restarted" in progress(cluster, "assistant-ai-off"))

    release(cluster, "assistant-ai-off")
    until_all_answer(cluster, "ai_enabled", "true")
    engage(cluster, "assistant-fallback")
    until_all_answer(cluster, "fallback_enabled", "true")
    release(cluster, "assistant-fallback")
    until_all_answer(cluster, "fallback_enabled", "false")
    assert operator.alive
    assert node


def until_all_answer(cluster: Cluster, flag: str, value: str) -> None:
    """Every pod of the example is ready, new, and has read the flag so."""
    where = f"/api/v1/namespaces/{cluster.namespace}/services/assistant:http/proxy/"

    def check() -> bool:
        found = cluster.get("deployment", "assistant")
        status, generation = found["status"], found["metadata"]["generation"]
        counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        settled = counts == [2, 2, 2] and status["observedGeneration"] == generation
        return settled and {api.get(where)[flag] for _ in range(6)} == {value}

    eventually(f"every pod answers {flag}: {value}", check, seconds=ROLLOUT)


def progress(cluster: Cluster, name: str) -> list[str]:
    entries = cluster.get("switch", name)["status"]["record"]["actions"]
    return [one.get("progress", "") for one in entries]
