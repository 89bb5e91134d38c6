"""blockTraffic: each mechanism blocks, holds and gives back, and the first that fits is used."""

from typing import Any

import pytest

from runbook_operator.actions.block_traffic import MECHANISMS
from runbook_operator.core.references import Ref
from tests import traffic
from tests.builders import Body, condition
from tests.unit.actions.traffic import (
    LOGIN,
    WORLDS,
    Namespace,
    beyond_rights,
    block,
    everything,
    held,
    limit,
    namespace,
    refusal,
    remarks,
    snapshot,
    spec_of,
)

DRIFT: dict[str, tuple[str, str, Body]] = {
    "ServiceSelector": ("v1", "Service", {"spec": {"selector": {"runbooks.dev/blocked": None}}}),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "HTTPRoute", {"spec": {"rules": [traffic.rule("web")]}}),
    "Traefik": (
        "traefik.io/v1alpha1",
        "IngressRoute",
        {"spec": {"routes": [traffic.traefik_route("Host(`a.b`)", "web", middlewares=[LOGIN])]}},
    ),
    "Kong": ("v1", "Service", {"metadata": {"annotations": {"konghq.com/plugins": "cors"}}}),
    "Ingress": (
        "networking.k8s.io/v1",
        "Ingress",
        {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/denylist-source-range": None}}},
    ),
}
MADE = {
    "EnvoyGateway": "BackendTrafficPolicy",
    "Istio": "AuthorizationPolicy",
    "Traefik": "Middleware",
    "Kong": "KongPlugin",
    "NetworkPolicy": "NetworkPolicy",
}
every_mechanism = pytest.mark.parametrize("name", sorted(MECHANISMS))


def test_every_mechanism_has_a_test_world() -> None:
    assert set(WORLDS) == set(MECHANISMS)
    assert {*DRIFT, *MADE} == set(MECHANISMS)


@every_mechanism
def test_every_mechanism_engages_within_its_rights_and_restores_everything(name: str) -> None:
    simulation = snapshot(name)
    before = everything(simulation)

    simulation.throw().drive()

    assert simulation.status().phase == "Engaged"
    assert everything(simulation) != before
    assert beyond_rights(simulation, "blockTraffic") == []
    simulation.release().drive()
    assert simulation.status().phase == "Released"
    assert everything(simulation) == before


@every_mechanism
@pytest.mark.parametrize("crash", range(1, 9))
def test_crash_after_any_step_ends_with_the_same_objects(name: str, crash: int) -> None:
    reference = everything(snapshot(name).throw().drive())

    simulation = snapshot(name).throw().drive(at_most=crash).restart().drive()

    assert [*everything(simulation)] == [*reference]
    simulation.release().drive(at_most=crash).restart().drive()
    assert everything(simulation) == everything(snapshot(name))


@pytest.mark.parametrize("name", sorted(DRIFT))
def test_removed_block_is_reapplied_and_the_writer_reported(name: str) -> None:
    api_version, kind, patch = DRIFT[name]
    simulation = snapshot(name).throw().drive()
    blocked = everything(simulation)

    simulation.change(Ref(api_version, kind, "shop", "web"), patch, manager="argocd").drive()

    assert everything(simulation) == blocked
    assert any("argocd set" in notice.message for notice in simulation.said)


@pytest.mark.parametrize("name", sorted(MADE))
def test_deleted_block_object_is_created_again(name: str) -> None:
    simulation = snapshot(name).throw().drive()
    (ref,) = [ref for ref in simulation.objects if ref.kind == MADE[name] and ref.name.startswith("shop-")]
    content = spec(simulation.objects[ref])

    simulation.remove(ref).drive()

    assert spec(simulation.objects[ref]) == content
    simulation.release().drive()
    assert ref not in simulation.objects


@every_mechanism
@pytest.mark.parametrize("order", [("stop", "halt"), ("halt", "stop")])
def test_two_switches_block_one_service_until_both_are_released(name: str, order: tuple[str, str]) -> None:
    simulation = snapshot(name, "halt")
    before = everything(simulation)
    simulation.throw("stop").drive("stop").after(seconds=5).throw("halt").drive("halt", "stop")
    assert simulation.status("stop").phase == simulation.status("halt").phase == "Engaged"

    simulation.release(order[0]).drive("stop", "halt")

    assert simulation.status(order[0]).phase == "Released"
    assert simulation.status(order[1]).phase == "Engaged"
    assert is_blocked(simulation, name)
    simulation.release(order[1]).drive("stop", "halt")
    assert everything(simulation) == before


def is_blocked(simulation: Namespace, name: str) -> bool:
    """Whether what the cluster has blocks the Service, whoever made it."""
    kinds = [ref.kind for ref in simulation.objects if ref.name.startswith("shop-")]
    made = {f"{ref.kind}/{ref.name}" for ref in simulation.objects}
    match name:
        case "ServiceSelector":
            return "runbooks.dev/blocked" in spec_of(simulation, "Service", "web")["selector"]
        case "HTTPRoute":
            return not any("backendRefs" in rule for rule in spec_of(simulation, "HTTPRoute", "web")["rules"])
        case "Traefik":
            names = [one["name"] for one in spec_of(simulation, "IngressRoute", "web")["routes"][0]["middlewares"]]
            return len(names) == 2 and f"Middleware/{names[1]}" in made
        case "Kong":
            plugins = simulation.live("Service", "web")["metadata"]["annotations"]["konghq.com/plugins"].split(",")
            return len(plugins) == 2 and f"KongPlugin/{plugins[1]}" in made
        case "Ingress":
            return "nginx.ingress.kubernetes.io/denylist-source-range" in str(simulation.live("Ingress", "web"))
        case _:
            return kinds == [MADE[name]]


def spec(body: Body) -> Body:
    return {key: value for key, value in body.items() if key != "metadata"}


def test_default_block_removes_the_endpoints_of_the_service() -> None:
    simulation = namespace(stop=block()).throw().drive()

    assert held(simulation) == [("Service/web", "spec.selector[runbooks.dev/blocked]", "shop-stop")]
    assert spec_of(simulation, "Service", "web")["selector"] == {"app": "web", "runbooks.dev/blocked": "shop-stop"}
    assert remarks(simulation) == []


def test_long_switch_name_is_cut_to_a_valid_label_value() -> None:
    name = "a" * 57 + "-" + "b" * 5

    actions: dict[str, Any] = {name: block()}
    simulation = namespace(**actions).throw(name).drive(name)

    ((_, _, value),) = held(simulation, name)
    assert value == "shop-" + "a" * 57


def test_service_without_selector_is_refused() -> None:
    outside = traffic.service(selector=None, type="ExternalName", externalName="shop.example.org")
    assert "Service/web is of type ExternalName" in refusal(namespace(outside, stop=block()))
    assert "has no spec.selector" in refusal(namespace(traffic.service(selector=None), stop=block()))


def test_block_of_a_headless_service_remarks_a_bypass() -> None:
    simulation = namespace(traffic.service(clusterIP="None"), stop=block()).throw().drive()

    assert simulation.status().phase == "Engaged"
    (text,) = remarks(simulation)
    assert "TrafficBypass: Service/web is headless" in text


@pytest.mark.parametrize(
    ("meta", "who"),
    [
        ({"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "shop"}}, "Argo Rollouts for Rollout/shop"),
        (
            {"ownerReferences": [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "web", "uid": "c"}]},
            "Flagger for Canary/web",
        ),
    ],
)
def test_service_selector_written_by_a_rollout_tool_is_refused(meta: Body, who: str) -> None:
    simulation = namespace(traffic.service(meta=meta), stop=block())

    assert f"spec.selector of Service/web is written by {who}" in refusal(simulation)


def test_service_with_another_owner_is_blocked() -> None:
    owners = [{"apiVersion": "shop.example.org/v1", "kind": "Canary", "name": "web", "uid": "x"}]

    simulation = namespace(traffic.service(meta={"ownerReferences": owners}), stop=block()).throw().drive()

    assert simulation.status().phase == "Engaged"


def test_target_without_service_is_refused_with_the_field_to_declare() -> None:
    simulation = namespace(stop=block()).with_runbook(killSwitches=[{"name": "stop", "actions": [block()]}]).drive()

    assert condition(simulation.status(), "Ready")[1:] == (
        "InvalidSpec",
        "spec.targets: target web has no service; declare web.service",
    )


@pytest.mark.parametrize("action", [block(), limit("Kong")])
def test_momentary_switch_with_block_or_limit_is_refused(action: Body) -> None:
    switch = {"name": "stop", "momentary": True, "actions": [action]}
    simulation = namespace(*WORLDS["Kong"], stop=action).with_runbook(targets=[traffic.TARGET], killSwitches=[switch])

    status, reason, message = condition(simulation.drive().status(), "Ready")

    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith("momentary: a momentary switch would leave the block or the limit behind")


def test_first_mechanism_that_applies_is_used() -> None:
    simulation = namespace(
        traffic.pod(), *WORLDS["Ingress"], stop=block("HTTPRoute", "Istio", "Ingress", "ServiceSelector")
    )

    simulation.throw().drive()

    assert held(simulation) == [
        (
            "Ingress/web",
            "metadata.annotations[nginx.ingress.kubernetes.io/denylist-source-range]",
            "0.0.0.0/0,::/0",
        )
    ]


def test_refusal_lists_what_each_mechanism_lacks() -> None:
    unserved = ("HTTPRoute", "BackendTrafficPolicy", "AuthorizationPolicy", "IngressRoute", "KongPlugin", "Middleware")
    names = [name for name in MECHANISMS if name not in ("ServiceSelector", "NetworkPolicy")]

    text = refusal(namespace(stop=block(*names), unserved=unserved))

    assert text.startswith("no mechanism can be used for Service/web. HTTPRoute: no HTTPRoute leads to Service/web; ")
    assert "EnvoyGateway: no HTTPRoute leads to Service/web; " in text
    assert "Istio: AuthorizationPolicy/shop-stop-web-block: the cluster serves no kind AuthorizationPolicy" in text
    assert "Traefik: no IngressRoute of traefik.io/v1alpha1 leads to Service/web; " in text
    assert "Kong: no HTTPRoute that Kong has accepted and no Ingress of Kong leads to Service/web; " in text
    assert text.endswith("Ingress: no Ingress of ingress-nginx leads to Service/web")


@pytest.mark.parametrize("name", ["EnvoyGateway", "Istio", "Traefik", "Kong"])
def test_mechanism_with_unserved_kind_is_skipped(name: str) -> None:
    simulation = namespace(*WORLDS[name], stop=block(name, "ServiceSelector"), unserved=(MADE[name],))

    simulation.throw().drive()

    assert held(simulation)[0][1] == "spec.selector[runbooks.dev/blocked]"


def test_engaged_switch_keeps_its_mechanism_when_a_better_one_appears() -> None:
    simulation = namespace(stop=block("HTTPRoute", "ServiceSelector")).throw().drive()

    simulation.with_object(traffic.http_route()).drive()

    assert [one[0] for one in held(simulation)] == ["Service/web"]


def test_block_traffic_description_names_the_target() -> None:
    assert namespace(stop=block()).status().does == "block traffic to web"
