"""Flags in the odd places where people have them, on the real API server."""

import base64

from tests.e2e import api
from tests.e2e.flags import config_map, data, declare, engage, release, set_flag, template
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook

SPRING = "# ours\nserver: {port: 8080}\napp.features.ai: true\napp.features:\n  search: 'on'   # keep\n"
AGENT = {
    "name": "agent",
    "image": "agent:1",
    "restartPolicy": "Always",
    "env": [{"name": "AI", "value": "true"}, {"name": "B", "value": "1"}],
}


def env(cluster: Cluster, part: str = "containers") -> list[Body]:
    found: list[Body] = template(cluster)["spec"][part][0]["env"]
    return found


def test_variable_added_twice_is_held_together_with_another_action(cluster: Cluster, operator: Operator) -> None:
    body, other = deployment(), deployment(name="other")
    body["spec"]["template"]["spec"]["initContainers"] = [AGENT]
    actions = [set_flag("AI", "false", env={"container": "agent"}), {"scale": {"target": "other", "replicas": 0}}]
    targets = [{"name": name, "workload": {"name": name}} for name in ("web", "other")]
    entry = {"name": "a", "actions": actions}
    cluster.apply(body, other, runbook(targets=targets, killSwitches=[entry], scaling=[]))
    engage(cluster)
    held = {"name": "AI", "value": "false"}
    assert env(cluster, "initContainers") == [held, {"name": "B", "value": "1"}]

    twice = AGENT | {"env": [held, {"name": "AI", "value": "true"}]}
    patch = {"spec": {"template": {"spec": {"initContainers": [twice]}}}}
    api.patch(api.path("deployment", cluster.namespace, "web"), patch)
    api.patch(api.path("deployment", cluster.namespace, "other"), {"spec": {"replicas": 1}})

    eventually("the variable that counts is held", lambda: env(cluster, "initContainers")[-1] == held)
    eventually("the other is held", lambda: cluster.get("deployment", "other")["spec"]["replicas"] == 0)
    cluster.until_phase("shop-a", "Engaged")
    release(cluster)
    assert env(cluster, "initContainers")[-1] == {"name": "AI", "value": "true"}
    assert operator.alive


def test_unwritable_flag_is_not_ready_at_rest(cluster: Cluster, operator: Operator) -> None:
    utf16 = base64.b64encode("true".encode("utf-16")).decode()
    flags = config_map(fine="true") | {"binaryData": {"search": utf16}}
    declare(cluster, flags, deployment(), a=set_flag("search", "false"), b=set_flag("features/ai", "false"))

    binary = cluster.until_reason("switch", "shop-a", "FieldNotFound")
    slash = cluster.until_reason("switch", "shop-b", "InvalidSpec")

    assert "ConfigMap/flags has search under binaryData" in binary["message"]
    assert "no key can be named features/ai" in slash["message"]
    assert not cluster.events("FlagAdded")
    assert operator.alive


def test_dotted_key_is_set_by_its_spelling_alone(cluster: Cluster, operator: Operator) -> None:
    at = {"configMap": "flags", "key": "app.yaml"}
    plain, spelled = set_flag("app.features.ai", "false"), set_flag(r"app\.features\.ai", "false")
    declare(cluster, config_map(**{"app.yaml": SPRING}), deployment(), flags=at, a=spelled, b=plain)

    told = cluster.until_reason("switch", "shop-b", "FlagNotFound")
    assert r"set flag to app\.features\.ai" in told["message"]
    engage(cluster)

    assert data(cluster) == {"app.yaml": SPRING.replace("ai: true", "ai: false")}
    release(cluster)
    assert data(cluster) == {"app.yaml": SPRING}
    assert operator.alive


def test_flag_mounted_by_sub_path_is_reported_before_and_at_the_throw(cluster: Cluster, operator: Operator) -> None:
    body = deployment()
    pod = body["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "flags", "configMap": {"name": "flags"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "flags", "mountPath": "/config/ai", "subPath": "ai"}]
    declare(cluster, config_map(ai="true"), body, a=set_flag("ai", "false"), b=set_flag("ai", "false", restart=True))

    eventually("it is told", lambda: "by subPath" in cluster.condition("switch", "shop-a")["message"])
    assert cluster.condition("switch", "shop-a")["status"] == "True"
    assert not cluster.condition("switch", "shop-b").get("message")
    engage(cluster)

    assert data(cluster) == {"ai": "false"}
    release(cluster)
    assert operator.alive
