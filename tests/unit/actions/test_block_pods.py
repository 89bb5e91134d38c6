"""blockTraffic at the pods: what Istio and a NetworkPolicy are told, and where neither would stop anything."""

import pytest

from tests import traffic
from tests.builders import Body, condition
from tests.unit.actions.traffic import GONE, WORLDS, action, block, namespace, refusal, remarks, snapshot, spec_of


def test_istio_denies_all_that_comes_to_the_pods() -> None:
    simulation = namespace(*WORLDS["Istio"], stop=block("Istio")).throw().drive()

    assert spec_of(simulation, "AuthorizationPolicy", "shop-stop-web-block") == {
        "selector": {"matchLabels": {"app": "web"}},
        "action": "DENY",
        "rules": [{}],
    }
    assert simulation.live("AuthorizationPolicy", "shop-stop-web-block")["metadata"]["ownerReferences"] == [
        {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Switch", "name": "shop-stop", "uid": "uid-stop"}
    ]


def test_an_object_of_the_name_that_is_not_the_switchs_is_neither_changed_nor_deleted() -> None:
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
def test_a_port_of_the_target_is_all_that_istio_denies(port: str, target_port: object, rules: list[Body]) -> None:
    ports = [{"name": "http", "port": 80, **({"targetPort": target_port} if target_port else {})}]
    simulation = namespace(*WORLDS["Istio"], traffic.service(ports=ports), stop=block("Istio"))
    target = traffic.TARGET | {"service": {"name": "web", "port": port}}
    simulation.with_runbook(targets=[target], killSwitches=[{"name": "stop", "actions": [block("Istio")]}])

    simulation.throw().drive()

    assert spec_of(simulation, "AuthorizationPolicy", "shop-stop-web-block")["rules"] == rules


def test_istio_chooses_the_pods_as_they_are_without_another_switchs_block() -> None:
    selector = {"app": "web", "runbooks.dev/blocked": "shop-other"}

    simulation = namespace(*WORLDS["Istio"], traffic.service(selector=selector), stop=block("Istio")).throw().drive()

    policy = spec_of(simulation, "AuthorizationPolicy", "shop-stop-web-block")
    assert policy["selector"] == {"matchLabels": {"app": "web"}}


def test_pods_outside_of_the_mesh_are_told_and_where_all_are_istio_cannot_block() -> None:
    pods = [traffic.pod("in", annotations={"ambient.istio.io/redirection": "enabled"}), traffic.pod("out")]

    assert "no pod of Service/web is in the mesh" in refusal(namespace(pods[1], stop=block("Istio")))
    simulation = namespace(*pods, stop=block("Istio")).throw().drive()
    assert "TrafficBypass: 1 of 2 pods of Service/web are not in the mesh" in remarks(simulation)[0]


def test_a_network_policy_lets_nothing_in() -> None:
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
def test_what_one_policy_allows_no_other_denies(selector: Body) -> None:
    policy = traffic.network_policy("open", selector, {"from": []})

    for objects in ((traffic.pod(),), ()):
        simulation = namespace(policy, *objects, stop=action("NetworkPolicy"))
        assert "NetworkPolicy/open lets traffic in to pods of Service/web" in refusal(simulation)


@pytest.mark.parametrize(
    "policy",
    [
        traffic.network_policy("closed", {}),
        traffic.network_policy("egress", {}, types=["Egress"]),
        traffic.network_policy("other", {"matchLabels": {"app": "api"}}, {"from": []}, types=["Ingress"]),
    ],
)
def test_a_policy_that_lets_nothing_in_to_these_pods_is_no_rival(policy: Body) -> None:
    for objects in ((traffic.pod(),), ()):
        simulation = namespace(policy, *objects, stop=action("NetworkPolicy"))
        simulation.query_supply = GONE
        assert simulation.throw().drive().status().phase == "Engaged"


def test_where_no_pod_tells_a_policy_that_might_choose_one_is_a_rival() -> None:
    policy = traffic.network_policy("open", {"matchLabels": {"tier": "front"}}, {"from": []})

    assert "NetworkPolicy/open lets" in refusal(namespace(policy, stop=action("NetworkPolicy")))
    assert namespace(policy, traffic.pod(), stop=action("NetworkPolicy")).throw().drive().status().record is not None
