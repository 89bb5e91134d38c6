"""rateLimit: what each mechanism makes of a rate, what it cannot, and what a person should know of the count."""

from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.actions.rate_limit import LIMITS, RateLimitSpec
from tests import traffic
from tests.builders import Body
from tests.unit.actions.traffic import (
    Namespace,
    beyond_rights,
    block,
    everything,
    held,
    limit,
    namespace,
    refusal,
    remarks,
    spec_of,
)

MESH = {"sidecar.istio.io/status": "{}"}
WORLDS: dict[str, tuple[Body, ...]] = {
    "EnvoyGateway": (traffic.http_route(controller=traffic.EG),),
    "Traefik": (traffic.ingress_route(),),
    "Kong": (traffic.ingress(of="kong"),),
    "Istio": (traffic.pod(annotations=MESH),),
    "Ingress": (traffic.ingress(),),
}
every_mechanism = pytest.mark.parametrize("name", sorted(LIMITS))


def engaged(name: str, **rate: Any) -> Namespace:
    simulation = namespace(*WORLDS[name], stop=limit(name, **rate))
    simulation.throw().drive()
    assert simulation.status().phase == "Engaged"
    return simulation


@every_mechanism
def test_every_limit_engages_within_its_rights_and_restores_everything(name: str) -> None:
    simulation = namespace(*WORLDS[name], stop=limit(name))
    before = everything(simulation)

    simulation.throw().drive()

    assert simulation.status().phase == "Engaged"
    assert everything(simulation) != before
    assert beyond_rights(simulation, "rateLimit") == []
    simulation.release().drive()
    assert everything(simulation) == before


@every_mechanism
@pytest.mark.parametrize("order", [("stop", "slow"), ("slow", "stop")])
def test_limit_and_block_on_one_service_restore_in_either_order(name: str, order: tuple[str, str]) -> None:
    simulation = namespace(*WORLDS[name], slow=limit(name), stop=block())
    before = everything(simulation)
    simulation.throw("slow").drive("slow").after(seconds=1).throw("stop").drive("stop", "slow")
    assert simulation.status("slow").phase == simulation.status("stop").phase == "Engaged"

    for switch in order:
        simulation.release(switch).drive("stop", "slow")

    assert everything(simulation) == before


def test_envoy_gateway_counts_per_replica_and_route() -> None:
    simulation = engaged("EnvoyGateway", requests=100, per="Minute")

    assert spec_of(simulation, "BackendTrafficPolicy", "shop-stop-web-limit") == {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}],
        "mergeType": "StrategicMerge",
        "rateLimit": {"type": "Local", "local": {"rules": [{"limit": {"requests": 100, "unit": "Minute"}}]}},
    }
    (text,) = remarks(simulation)
    assert text == (
        "LimitMultiplied: each Envoy replica, for each route counts the limit of 100 per Minute on its own, so several "
        "of them let several times as many requests through"
    )


def test_traefik_counts_per_replica_host_and_route() -> None:
    simulation = engaged("Traefik", requests=5, per="Hour", burst=20)

    assert spec_of(simulation, "Middleware", "shop-stop-web-limit") == {
        "rateLimit": {"average": 5, "period": "3600s", "burst": 20, "sourceCriterion": {"requestHost": True}}
    }
    assert spec_of(simulation, "IngressRoute", "web")["routes"][0]["middlewares"] == [{"name": "shop-stop-web-limit"}]
    assert "each Traefik replica, for each host and route" in remarks(simulation)[0]


@pytest.mark.parametrize(("per", "key"), [("Second", "second"), ("Minute", "minute"), ("Hour", "hour")])
def test_kong_counts_per_node_for_the_whole_service(per: str, key: str) -> None:
    simulation = engaged("Kong", per=per)

    plugin = simulation.live("KongPlugin", "shop-stop-web-limit")
    assert (plugin["plugin"], plugin["config"]) == (
        "rate-limiting",
        {key: 10, "policy": "local", "limit_by": "service"},
    )
    assert simulation.live("Service", "web")["metadata"]["annotations"] == {"konghq.com/plugins": "shop-stop-web-limit"}
    assert "each Kong node" in remarks(simulation)[0]


def test_istio_counts_per_pod_by_a_token_bucket() -> None:
    simulation = engaged("Istio", requests=5, per="Minute", burst=8)

    spec = spec_of(simulation, "EnvoyFilter", "shop-stop-web-limit")
    (patch,) = spec["configPatches"]
    value = patch["patch"]["value"]["typed_config"]["value"]
    assert spec["workloadSelector"] == {"labels": {"app": "web"}}
    assert patch["match"]["context"] == "SIDECAR_INBOUND"
    assert "portNumber" not in patch["match"]["listener"]
    assert value["token_bucket"] == {"max_tokens": 8, "tokens_per_fill": 5, "fill_interval": "60s"}
    assert {value[key]["default_value"]["numerator"] for key in ("filter_enabled", "filter_enforced")} == {100}
    assert "each pod counts the limit" in remarks(simulation)[0]


def test_istio_limits_only_the_port_of_the_target() -> None:
    target = traffic.TARGET | {"service": {"name": "web", "port": "http"}}
    simulation = namespace(*WORLDS["Istio"], stop=limit("Istio"))
    simulation.with_runbook(targets=[target], killSwitches=[{"name": "stop", "actions": [limit("Istio")]}])

    simulation.throw().drive()

    (patch,) = spec_of(simulation, "EnvoyFilter", "shop-stop-web-limit")["configPatches"]
    assert patch["match"]["listener"]["portNumber"] == 8080


def test_proxy_without_sidecar_is_refused_a_filter() -> None:
    ambient = traffic.pod(annotations={"ambient.istio.io/redirection": "enabled"})

    assert "none has the annotation sidecar.istio.io/status" in refusal(namespace(ambient, stop=limit("Istio")))


@pytest.mark.parametrize(
    ("per", "burst", "annotations"),
    [
        ("Second", None, {"limit-rps": "10", "limit-burst-multiplier": "1"}),
        ("Minute", 30, {"limit-rpm": "10", "limit-burst-multiplier": "3"}),
    ],
)
def test_ingress_nginx_counts_per_client_and_replica(per: str, burst: int | None, annotations: Body) -> None:
    simulation = engaged("Ingress", per=per, **({"burst": burst} if burst else {}))

    live = simulation.live("Ingress", "web")["metadata"]["annotations"]
    assert live == {f"nginx.ingress.kubernetes.io/{key}": value for key, value in annotations.items()}
    counted, by_hand, retired = remarks(simulation)
    assert by_hand.startswith("Unverifiable: no condition shows if the annotation of Ingress/web is in force")
    assert "each controller replica, for each client address" in counted
    assert retired.startswith("MechanismRetired: ingress-nginx is retired")


@pytest.mark.parametrize(
    ("name", "rate", "why"),
    [
        ("EnvoyGateway", {"burst": 20}, "its burst is always the whole limit;"),
        ("Kong", {"burst": 20}, "it counts in fixed windows, which have no burst"),
        ("Ingress", {"per": "Hour"}, "it has no limit per Hour"),
        ("Ingress", {"burst": 15}, "its burst is a multiple of requests"),
        ("Ingress", {"burst": 5}, "its burst is a multiple of requests"),
    ],
)
def test_rate_unsupported_by_a_mechanism_is_refused_with_the_reason(name: str, rate: Body, why: str) -> None:
    assert f"{name}: {why}" in refusal(namespace(*WORLDS[name], stop=limit(name, **rate)))


def test_default_limit_uses_the_first_mechanism_that_supports_the_rate() -> None:
    objects = [one for name in ("Istio", "Kong", "Traefik", "EnvoyGateway") for one in WORLDS[name]]

    assert [one[0].split("/")[0] for one in held(namespace(*objects, stop=limit()).throw().drive())] == [
        "BackendTrafficPolicy"
    ]
    assert [one[0].split("/")[0] for one in held(namespace(*objects, stop=limit(burst=99)).throw().drive())] == [
        "Middleware",
        "IngressRoute",
    ]


def test_limit_without_any_mechanism_lists_all_of_them() -> None:
    unserved = ("BackendTrafficPolicy", "Middleware", "KongPlugin", "EnvoyFilter")

    text = refusal(namespace(stop=limit(), unserved=unserved))

    assert [name for name in LIMITS if f"{name}: " not in text] == []
    assert "EnvoyFilter/shop-stop-web-limit: the cluster serves no kind EnvoyFilter" in text


def test_limit_on_a_blocked_route_waits_for_the_release_of_the_block() -> None:
    simulation = namespace(*WORLDS["EnvoyGateway"], stop=block("EnvoyGateway"), slow=limit("EnvoyGateway"))

    simulation.throw("stop").drive("stop").after(seconds=1).throw("slow").drive("slow")

    assert simulation.status("slow").phase == "Engaged"
    names = {ref.name for ref in simulation.objects if ref.kind == "BackendTrafficPolicy"}
    assert names == {"shop-stop-web-block", "shop-slow-web-limit"}


def test_second_limit_on_one_route_is_refused_by_envoy_gateway() -> None:
    simulation = namespace(*WORLDS["EnvoyGateway"], stop=limit("EnvoyGateway"), slow=limit("EnvoyGateway"))

    simulation.throw("stop").drive("stop").throw("slow").drive("slow")

    assert "BackendTrafficPolicy/shop-stop-web-limit is attached to HTTPRoute/web already" in str(
        simulation.status("slow").conditions
    )


def test_kong_holds_a_block_and_a_limit_together() -> None:
    simulation = namespace(*WORLDS["Kong"], stop=block("Kong"), slow=limit("Kong"))

    simulation.throw("stop").drive("stop").after(seconds=1).throw("slow").drive("slow", "stop")

    attached = simulation.live("Service", "web")["metadata"]["annotations"]["konghq.com/plugins"]
    assert attached == "shop-stop-web-block,shop-slow-web-limit"


@pytest.mark.parametrize(
    "rate",
    [{"requests": 0}, {"requests": -1}, {"requests": 1_000_001}, {"per": "Day"}, {"burst": 0}],
)
def test_rate_of_zero_or_out_of_range_is_refused(rate: Body) -> None:
    """For Traefik an average of 0 is no limit at all."""
    with pytest.raises(ValidationError):
        RateLimitSpec.model_validate({"target": "web", "requests": 1, "per": "Second"} | rate)


def test_rate_limit_description_names_target_and_rate() -> None:
    assert namespace(*WORLDS["Kong"], stop=limit()).status().does == "rate limit web to 10 per Second"
