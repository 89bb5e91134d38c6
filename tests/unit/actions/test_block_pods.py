"""blockTraffic at the pods: what Istio and a NetworkPolicy are told, and where neither would stop anything."""

import pytest

from tests import traffic
from tests.builders import Body, condition
from tests.unit.actions.traffic import GONE, WORLDS, action, block, namespace, refusal, remarks, snapshot, spec_of


def test_istio_block_denies_all_traffic_to_the_pods() -> None:
    simulation = namespace(*WORLDS["Istio"], stop=block("Istio")).throw().drive()

    assert spec_of(simulation, "AuthorizationPolicy", "shop-stop-web-block") == {
        "selector": {"matchLabels": {"app": "web"}},
        "action": "DENY",
        "rules": [{}],
    }
    assert simulation.live("AuthorizationPolicy", "shop-stop-web-block")["metadata"]["ownerReferences"] == [
        {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Switch", "name": "shop-stop", "uid": "uid-stop"}
    ]


def test_object_of_the_same_name_with_another_owner_is_neither_changed_nor_deleted() -> None:
    other = traffic.made("security.istio.io/v1", "AuthorizationPolicy", "shop-stop-web-block", spec={"action": "ALLOW"})
    simulation = namespace(other, *WORLDS["Istio"], stop=block("Istio"))

    simulation.throw().drive()

    assert condition(simulation.status(), "Ready")[1] == "NameCollision"
    simulation.release().drive()
    assert spec_of(simulation, "AuthorizationPolicy", "shop-stop-web-block") == {"action": "ALLOW"}


@pytest.mark.parametrize(
    ("port", "target_port", "rules"),
    [
        ("http", 8080, [{"to": [{"operation": {"ports": ["8080"]}}]}]),
        ("80", None, [{"to": [{"operation": {"ports": ["80"]}}]}]),
        ("80", "http", [{}]),
        ("grpc", 8080, [{}]),
        ("", 8080, [{}]),
    ],
)
def test_istio_block_of_a_target_port_denies_only_that_port(port: str, target_port: object, rules: list[Body]) -> None:
    ports = [{"name": "http", "port": 80, **({"targetPort": target_port} if target_port else {})}]
    simulation = namespace(*WORLDS["Istio"], traffic.service(ports=ports), stop=block("Istio"))
    target = traffic.TARGET | {"service": {"name": "web", "port": port}}
    simulation.with_runbook(targets=[target], killSwitches=[{"name": "stop", "actions": [block("Istio")]}])

    simulation.throw().drive()

    assert spec_of(simulation, "AuthorizationPolicy", "shop-stop-web-block")["rules"] == rules


def test_istio_block_selects_pods_without_the_label_of_another_block() -> None:
    selector = {"app": "web", "runbooks.dev/blocked": "shop-other"}

    simulation = namespace(*WORLDS["Istio"], traffic.service(selector=selector), stop=block("Istio")).throw().drive()

    policy = spec_of(simulation, "AuthorizationPolicy", "shop-stop-web-block")
    assert policy["selector"] == {"matchLabels": {"app": "web"}}


def test_pods_outside_the_mesh_are_remarked_and_refused_when_none_is_inside() -> None:
    pods = [traffic.pod("in", annotations={"ambient.istio.io/redirection": "enabled"}), traffic.pod("out")]

    assert "no pod of Service/web is in the mesh" in refusal(namespace(pods[1], stop=block("Istio")))
    simulation = namespace(*pods, stop=block("Istio")).throw().drive()
    assert "TrafficBypass: 1 of 2 pods of Service/web are not in the mesh" in remarks(simulation)[0]


def test_network_policy_block_allows_no_ingress() -> None:
    simulation = snapshot("NetworkPolicy").throw().drive()

    assert spec_of(simulation, "NetworkPolicy", "shop-stop-web-block") == {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
    }


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"matchLabels": {"app": "web"}},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]},
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["api"]}]},
        {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "batch", "operator": "DoesNotExist"}]},
    ],
)
def test_network_policy_block_is_refused_while_another_policy_allows_traffic(selector: Body) -> None:
    policy = traffic.network_policy("open", selector, {"from": []})

    for objects in ((traffic.pod(),), ()):
        simulation = namespace(policy, *objects, stop=action("NetworkPolicy"))
        assert "NetworkPolicy/open allows traffic to pods of Service/web" in refusal(simulation)


@pytest.mark.parametrize(
    "policy",
    [
        traffic.network_policy("closed", {}),
        traffic.network_policy("egress", {}, types=["Egress"]),
        traffic.network_policy("other", {"matchLabels": {"app": "api"}}, {"from": []}, types=["Ingress"]),
    ],
)
def test_network_policy_that_allows_nothing_does_not_refuse_a_block(policy: Body) -> None:
    for objects in ((traffic.pod(),), ()):
        simulation = namespace(policy, *objects, stop=action("NetworkPolicy"))
        simulation.query_supply = GONE
        assert simulation.throw().drive().status().phase == "Engaged"


def test_network_policy_that_might_select_pods_refuses_a_block_when_no_pod_exists() -> None:
    policy = traffic.network_policy("open", {"matchLabels": {"tier": "front"}}, {"from": []})

    assert "NetworkPolicy/open allows" in refusal(namespace(policy, stop=action("NetworkPolicy")))
    assert namespace(policy, traffic.pod(), stop=action("NetworkPolicy")).throw().drive().status().record is not None
