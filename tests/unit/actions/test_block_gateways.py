"""blockTraffic at a gateway: what each is told, what belongs to others and is left, and what a person should know."""

import pytest

from runbook_operator.core.references import Ref
from tests import traffic
from tests.builders import Body
from tests.unit.actions.traffic import (
    LOGIN,
    Namespace,
    block,
    everything,
    held,
    namespace,
    refusal,
    remarks,
    snapshot,
    spec_of,
)


def test_http_route_rule_without_backends_and_filters_answers_500() -> None:
    filters = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x"]}}]
    route = traffic.http_route(
        "web", traffic.rule("web", "web", filters=filters), traffic.rule("api", path="/api"), traffic.rule()
    )
    simulation = namespace(route, traffic.http_route("other", traffic.rule("api")), stop=block("HTTPRoute"))

    simulation.throw().drive()

    emptied = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}
    assert held(simulation) == [
        ("HTTPRoute/web", "spec.rules", [emptied, traffic.rule("api", path="/api"), traffic.rule()])
    ]
    assert remarks(simulation) == [
        (
            "TrafficBypass: only traffic through its HTTPRoutes is blocked; requests that reach Service/web another "
            "way are not"
        ),
    ]


def test_block_stops_request_mirroring_to_the_blocked_service() -> None:
    filters = [traffic.mirror("web"), traffic.mirror("audit")]
    simulation = namespace(traffic.http_route("api", traffic.rule("api", filters=filters)), stop=block("HTTPRoute"))

    simulation.throw().drive()

    assert spec_of(simulation, "HTTPRoute", "api")["rules"] == [traffic.rule("api", filters=[traffic.mirror("audit")])]


def test_http_route_rule_shared_with_another_service_is_refused() -> None:
    simulation = namespace(traffic.http_route("web", traffic.rule("web", "canary")), stop=block("HTTPRoute"))

    assert "rule 0 of HTTPRoute/web also leads to Service/canary" in refusal(simulation)


@pytest.mark.parametrize("odd", [{"kind": "ServiceImport"}, {"namespace": "elsewhere"}, {"group": "net.gke.io"}])
def test_backend_of_another_kind_or_namespace_does_not_match_the_service(odd: Body) -> None:
    rule = traffic.rule("web")
    rule["backendRefs"][0] |= odd

    assert "no HTTPRoute leads to Service/web" in refusal(
        namespace(traffic.http_route("web", rule), stop=block("HTTPRoute"))
    )


def two_services() -> Namespace:
    """One HTTPRoute for two Services, and a switch for each."""
    made = namespace(traffic.http_route("all", traffic.rule("web"), traffic.rule("api", path="/api")))
    made.with_object(traffic.service("api"))
    targets = [traffic.TARGET, {"name": "api", "service": {"name": "api"}}]
    switches = [
        {"name": "stop", "actions": [block("HTTPRoute")]},
        {"name": "api", "actions": [block("HTTPRoute", target="api")]},
    ]
    made.with_runbook(targets=targets, killSwitches=switches)
    return made


def test_two_switches_on_different_rules_of_one_route_both_block_and_restore() -> None:
    simulation = two_services()
    before = everything(simulation)
    simulation.throw("stop").drive("stop").after(seconds=1).throw("api").drive("api", "stop")

    assert not any("backendRefs" in rule for rule in spec_of(simulation, "HTTPRoute", "all")["rules"])
    assert any(
        "what it blocks there stays blocked until both are released" in text for text in remarks(simulation, "api")
    )
    simulation.release("api").drive("api", "stop")
    assert spec_of(simulation, "HTTPRoute", "all")["rules"][1] == traffic.rule("api", path="/api")
    simulation.release("stop").drive("api", "stop")
    assert everything(simulation) == before


def test_block_thrown_right_after_a_release_is_held() -> None:
    simulation = two_services().throw("stop").drive("stop")
    rules = [traffic.rule("web"), traffic.rule("api", path="/api"), traffic.rule("api", path="/v2")]
    simulation.change(Ref("gateway.networking.k8s.io/v1", "HTTPRoute", "shop", "all"), {"spec": {"rules": rules}})

    simulation.throw("api").drive("api")

    ((_, _, value),) = held(simulation, "api")
    assert ["backendRefs" in rule for rule in value] == [False, False]


def test_recreated_route_that_no_longer_fits_keeps_other_routes_blocked_and_restorable() -> None:
    simulation = namespace(traffic.http_route("a"), traffic.http_route("b"), stop=block("HTTPRoute"))
    before = everything(simulation)
    simulation.throw().drive()

    shared = traffic.http_route("a", traffic.rule("web", "canary"), meta={"uid": "another"})
    simulation.with_object(shared).drive()

    assert "also leads to Service/canary" in str(simulation.status().conditions)
    assert "backendRefs" not in spec_of(simulation, "HTTPRoute", "b")["rules"][0]
    simulation.release().drive()
    assert (
        simulation.live("HTTPRoute", "b")["spec"]
        == before[Ref("gateway.networking.k8s.io/v1", "HTTPRoute", "shop", "b")]["spec"]
    )
    assert spec_of(simulation, "HTTPRoute", "a") == shared["spec"]


def test_recreated_route_to_another_service_is_no_longer_held() -> None:
    simulation = namespace(traffic.http_route("a"), traffic.http_route("b"), stop=block("HTTPRoute")).throw().drive()

    simulation.with_object(traffic.http_route("a", traffic.rule("api"), meta={"uid": "another"})).drive()

    assert [one[0] for one in held(simulation)] == ["HTTPRoute/b"]
    assert spec_of(simulation, "HTTPRoute", "a")["rules"] == [traffic.rule("api")]


def test_envoy_gateway_block_aborts_every_request_of_the_routes() -> None:
    routes = (traffic.http_route("a"), traffic.http_route("b", controller=traffic.EG))
    simulation = namespace(*routes, stop=block("EnvoyGateway")).throw().drive()

    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}
    assert spec_of(simulation, "BackendTrafficPolicy", "shop-stop-web-block") == {
        "targetRefs": [target | {"name": "a"}, target | {"name": "b"}],
        "faultInjection": {"abort": {"httpStatus": 503, "percentage": 100}},
    }
    assert "only traffic through Envoy Gateway is blocked" in remarks(simulation)[0]


@pytest.mark.parametrize(
    "targets",
    [
        {"targetRefs": [{"kind": "HTTPRoute", "name": "web"}]},
        {"targetRefs": [{"kind": "HTTPRoute", "name": "web", "sectionName": "first"}]},
        {"targetRef": {"kind": "HTTPRoute", "name": "web"}},
        {"targetSelectors": [{"kind": "HTTPRoute", "matchLabels": {"tier": "front"}}]},
        {"targetSelectors": [{"kind": "HTTPRoute", "matchExpressions": [{"key": "tier", "operator": "Exists"}]}]},
    ],
)
def test_envoy_gateway_block_is_refused_while_an_older_policy_targets_the_route(targets: Body) -> None:
    route = traffic.http_route(meta={"labels": {"tier": "front"}})

    text = refusal(namespace(route, traffic.traffic_policy("limits", **targets), stop=block("EnvoyGateway")))

    assert (
        "BackendTrafficPolicy/limits is attached to HTTPRoute/web already, and only the oldest policy applies;" in text
    )


@pytest.mark.parametrize(
    "targets",
    [
        {"targetRefs": [{"kind": "Gateway", "name": "web"}, {"kind": "HTTPRoute", "name": "other"}]},
        {"targetSelectors": [{"kind": "HTTPRoute", "matchLabels": {"tier": "back"}}, {"kind": "Gateway"}]},
    ],
)
def test_policy_on_another_object_does_not_refuse_an_envoy_gateway_block(targets: Body) -> None:
    simulation = namespace(
        traffic.http_route(), traffic.traffic_policy("limits", **targets), stop=block("EnvoyGateway")
    )

    assert simulation.throw().drive().status().phase == "Engaged"


def test_route_limited_by_a_switch_refuses_a_block_until_release() -> None:
    rates = {"targetRefs": [{"kind": "HTTPRoute", "name": "web"}], "rateLimit": {}}
    limit = traffic.traffic_policy("shop-slow-web-limit", meta=traffic.by_a_switch(), **rates)

    assert "BackendTrafficPolicy/shop-slow-web-limit is attached to" in refusal(
        namespace(traffic.http_route(), limit, stop=block("EnvoyGateway"))
    )


def test_envoy_gateway_refuses_routes_of_other_gateways_and_shared_routes() -> None:
    kongs = namespace(traffic.http_route(controller=traffic.KONG), stop=block("EnvoyGateway"))
    mixed = namespace(traffic.http_route("web", traffic.rule("web"), traffic.rule("api")), stop=block("EnvoyGateway"))

    assert f"HTTPRoute/web does not belong to Envoy Gateway but to {traffic.KONG}" in refusal(kongs)
    assert "HTTPRoute/web also leads to Service/api, which would be affected too; create" in refusal(mixed)


def test_traefik_block_denies_every_request_of_the_service_routes() -> None:
    routes = [
        traffic.traefik_route("PathRegexp(`^/[a-z]+#?$`)", "web", middlewares=[LOGIN]),
        traffic.traefik_route("Host(`a.b`)", "web"),
        traffic.traefik_route("Path(`/api`)", "api"),
    ]
    simulation = namespace(traffic.ingress_route("web", *routes), stop=block("Traefik")).throw().drive()

    own = {"name": "shop-stop-web-block"}
    assert spec_of(simulation, "Middleware", own["name"]) == {"ipAllowList": {"sourceRange": ["255.255.255.255/32"]}}
    assert spec_of(simulation, "IngressRoute", "web")["routes"] == [
        routes[0] | {"middlewares": [LOGIN, own]},
        routes[1] | {"middlewares": [own]},
        routes[2],
    ]
    assert "only traffic through Traefik is blocked" in remarks(simulation)[0]


def test_traefik_release_keeps_middlewares_added_by_others() -> None:
    simulation = snapshot("Traefik").throw().drive()
    added = [LOGIN, {"name": "shop-stop-web-block"}, {"name": "compress"}]
    routes = [traffic.traefik_route("Host(`a.b`)", "web", middlewares=added)]
    simulation.change(Ref("traefik.io/v1alpha1", "IngressRoute", "shop", "web"), {"spec": {"routes": routes}})

    simulation.drive().release().drive()

    kept = spec_of(simulation, "IngressRoute", "web")["routes"][0]["middlewares"]
    assert kept == [LOGIN, {"name": "compress"}]


def test_traefik_refuses_shared_and_ambiguous_routes() -> None:
    shared = traffic.ingress_route("web", traffic.traefik_route("Host(`a.b`)", "web", "canary"))
    twice = traffic.ingress_route("web", *[traffic.traefik_route("Host(`a.b`)", "web")] * 2)
    other = traffic.ingress_route("web", traffic.traefik_route("Host(`a.b`)", "api"), traffic.traefik_route("x"))

    assert "a route of IngressRoute/web also leads to Service/canary" in refusal(
        namespace(shared, stop=block("Traefik"))
    )
    assert "has two routes with the match Host(`a.b`)" in refusal(namespace(twice, stop=block("Traefik")))
    assert "no IngressRoute of traefik.io/v1alpha1 leads" in refusal(namespace(other, stop=block("Traefik")))


def test_kong_block_adds_a_plugin_and_keeps_the_existing_ones() -> None:
    simulation = snapshot("Kong").throw().drive()

    plugin = simulation.live("KongPlugin", "shop-stop-web-block")
    assert (plugin["plugin"], plugin["config"]) == ("request-termination", {"status_code": 503})
    assert held(simulation)[1] == (
        "Service/web",
        "metadata.annotations[konghq.com/plugins]",
        "cors,shop-stop-web-block",
    )


@pytest.mark.parametrize(
    "objects",
    [
        (traffic.service(meta={"annotations": {"konghq.com/plugins": "cors, off"}}), traffic.ingress(of="kong")),
        (traffic.service(), traffic.ingress(of="kong", meta={"annotations": {"konghq.com/plugins": "off"}})),
        (
            traffic.service(),
            traffic.http_route(controller=traffic.KONG, meta={"annotations": {"konghq.com/plugins": "off"}}),
        ),
    ],
)
def test_kong_block_is_refused_while_a_termination_plugin_exists(objects: tuple[Body, ...]) -> None:
    text = refusal(namespace(*objects, traffic.kong_plugin("off", "request-termination"), stop=block("Kong")))

    assert "KongPlugin/off on " in text
    assert "is already a request-termination plugin, and Kong applies only one of them" in text


def test_objects_of_other_controllers_are_no_kong_routes() -> None:
    objects = [traffic.ingress(of="nginx"), traffic.http_route(controller=traffic.EG)]

    assert "no Ingress of Kong leads" in refusal(namespace(*objects, stop=block("Kong")))


@pytest.mark.parametrize("of", ["", "public"])
def test_ingress_class_without_controller_is_decided_by_its_annotations(of: str) -> None:
    for name, key in (("Kong", "konghq.com/strip-path"), ("Ingress", "nginx.ingress.kubernetes.io/proxy-body-size")):
        simulation = namespace(traffic.ingress(of=of, meta={"annotations": {key: "1"}}), stop=block(name))

        assert simulation.throw().drive().status().phase == "Engaged"


def test_kong_refuses_a_rule_with_two_services() -> None:
    shared = traffic.http_route("web", traffic.rule("web", "canary"), controller=traffic.KONG)
    apart = traffic.http_route("web", traffic.rule("web"), traffic.rule("canary"), controller=traffic.KONG)

    assert "a rule of HTTPRoute/web also leads to Service/canary" in refusal(namespace(shared, stop=block("Kong")))
    assert namespace(apart, stop=block("Kong")).throw().drive().status().phase == "Engaged"


def test_ingress_nginx_block_denies_every_address_and_remarks_its_retirement() -> None:
    simulation = snapshot("Ingress").throw().drive()

    assert simulation.live("Ingress", "web")["metadata"]["annotations"] == {
        "owner": "shop",
        "nginx.ingress.kubernetes.io/denylist-source-range": "0.0.0.0/0,::/0",
    }
    assert [text.split(":")[0] for text in remarks(simulation)] == [
        "TrafficBypass",
        "Unverifiable",
        "MechanismRetired",
    ]


@pytest.mark.parametrize(
    ("ingress", "why"),
    [
        (traffic.ingress("web", "web", "api"), "Ingress/web also leads to Service/api"),
        (traffic.ingress(defaultBackend={"service": {"name": "api"}}), "Ingress/web also leads to Service/api"),
        (
            traffic.ingress(meta={"annotations": {"nginx.ingress.kubernetes.io/satisfy": "any"}}),
            "satisfy: any, which lets authenticated clients through;",
        ),
        (traffic.ingress(of="kong"), "no Ingress of ingress-nginx leads to Service/web"),
        (
            traffic.ingress(of="", meta={"annotations": {"kubernetes.io/ingress.class": "traefik"}}),
            "no Ingress of ingress-nginx leads to Service/web",
        ),
        (traffic.made("networking.k8s.io/v1", "Ingress", "web", spec={"rules": [{"host": "a"}]}), "no Ingress of"),
        (
            traffic.made("networking.k8s.io/v1", "Ingress", "web", spec={"defaultBackend": {"resource": {}}}),
            "no Ingress of",
        ),
    ],
)
def test_ingress_block_that_hits_others_or_has_no_effect_is_refused(ingress: Body, why: str) -> None:
    assert why in refusal(namespace(ingress, stop=block("Ingress")))
