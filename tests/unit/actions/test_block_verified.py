"""blockTraffic that is verified: what is asked, what counts as no answer, and what cannot be asked."""

import pytest
from pydantic import ValidationError

from runbook_operator.actions.block_traffic import BlockTrafficSpec
from runbook_operator.core.queries import Denied, Find, Probe, ProbeResult, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.switches.requeue import VERIFIED_EVERY, due
from tests import traffic
from tests.builders import Body, condition, kill_switch, scale
from tests.unit.actions.traffic import GONE, WORLDS, Namespace, block, namespace, spec_of


def test_network_policy_block_without_verify_is_refused() -> None:
    with pytest.raises(ValidationError, match="NetworkPolicy needs verify"):
        BlockTrafficSpec.model_validate(block("ServiceSelector", "NetworkPolicy")["blockTraffic"])


@pytest.mark.parametrize("name", sorted({"HTTPRoute", "EnvoyGateway", "Traefik", "Kong", "Ingress"}))
def test_gateway_verification_without_its_service_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name the gateway's Service,"):
        BlockTrafficSpec.model_validate(block(name, verify={})["blockTraffic"])
    assert BlockTrafficSpec.model_validate(block(name, verify={"service": "gateway"})["blockTraffic"]).verify


@pytest.mark.parametrize("service", ["../../elsewhere/services/web", "a/b", "A", ""])
def test_verify_service_with_a_path_or_bad_name_is_refused(service: str) -> None:
    with pytest.raises(ValidationError, match=r"verify\.service"):
        BlockTrafficSpec.model_validate(block(verify={"service": service})["blockTraffic"])


@pytest.mark.parametrize("path", ["", "health", "@evil.example.org/", "/a b", "/\n"])
def test_verify_path_without_leading_slash_or_with_spaces_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match=r"verify\.path"):
        BlockTrafficSpec.model_validate(block(verify={"path": path})["blockTraffic"])


def test_block_is_engaged_once_the_service_stops_answering() -> None:
    simulation = namespace(stop=block(verify={"path": "/health"})).throw().drive()
    assert simulation.status().phase == "Engaging"
    assert condition(simulation.status(), "Ready") == ("False", "NotVerified", "Service/web still answers with 200")

    simulation.query_supply = GONE
    simulation.after(seconds=1).drive()

    assert simulation.status().phase == "Engaged"
    assert condition(simulation.status(), "Ready")[0] == "True"


def test_block_without_effect_is_probed_every_second_and_stalls_after_the_timeout() -> None:
    simulation = namespace(stop=block(verify={}))
    simulation.throw().drive()
    snapshot = simulation.snapshot(answers={query: simulation.answer(query) for query in simulation.asked})
    assert due(snapshot) == snapshot.now + VERIFIED_EVERY

    simulation.after(seconds=61).drive()

    assert condition(simulation.status(), "Stalled")[1] == "NotVerified"
    simulation.release().drive()
    assert simulation.status().phase == "Released"
    assert spec_of(simulation, "Service", "web")["selector"] == {"app": "web"}


@pytest.mark.parametrize(
    ("name", "answer", "blocked"),
    [
        ("ServiceSelector", GONE, True),
        ("ServiceSelector", ProbeResult(503), True),
        ("ServiceSelector", ProbeResult(500), False),
        ("ServiceSelector", ProbeResult(403), False),
        ("ServiceSelector", ProbeResult(None, "a connection is accepted", "Late"), False),
        ("ServiceSelector", ProbeResult(None, "closed", "Closed"), False),
        ("ServiceSelector", ProbeResult(None, "Service/web does not exist", "Unasked"), False),
        ("ServiceSelector", ProbeResult(None, "the response is not HTTP"), False),
        ("NetworkPolicy", ProbeResult(403), False),
        ("NetworkPolicy", GONE, True),
        ("Istio", ProbeResult(403), True),
        ("Istio", ProbeResult(None, "closed", "Closed"), True),
        ("Istio", ProbeResult(404), False),
    ],
)
def test_answer_that_proves_a_block_depends_on_the_mechanism(name: str, answer: ProbeResult, *, blocked: bool) -> None:
    simulation = namespace(*WORLDS[name], stop=block(name, verify={}))
    simulation.query_supply = answer

    simulation.throw().drive()

    assert (simulation.status().phase == "Engaged") is blocked


@pytest.mark.parametrize(
    ("answer", "blocked"),
    [
        (ProbeResult(403), True),
        (ProbeResult(429), True),
        (ProbeResult(500), True),
        (ProbeResult(404), False),
        (GONE, True),
    ],
)
def test_gateway_status_codes_prove_or_disprove_a_block(answer: ProbeResult, *, blocked: bool) -> None:
    gateway = traffic.service("gateway")
    verify = {"service": "gateway", "port": "80", "path": "/shop"}
    simulation = namespace(traffic.service(), gateway, traffic.http_route(), stop=block("HTTPRoute", verify=verify))
    simulation.query_supply = answer

    simulation.throw().drive()

    assert (simulation.status().phase == "Engaged") is blocked
    probes = [(one.service.name, one.port, one.path) for one in simulation.asked if isinstance(one, Probe)]
    assert probes == [("gateway", "80", "/shop")]


def test_no_probe_is_sent_before_all_writes_are_done() -> None:
    """With Kong the plugin is written before the annotation: an answer in between would say nothing."""
    gateway = traffic.service("gateway")
    action = block("Kong", verify={"service": "gateway"})

    simulation = namespace(*WORLDS["Kong"], gateway, stop=action).throw().drive()

    results = [one.result for one in (simulation.status().record or pytest.fail("no record")).actions]
    assert results == ["Applied", "Pending"]
    assert simulation.live("Service", "web")["metadata"]["annotations"]["konghq.com/plugins"].endswith("-block")


@pytest.mark.parametrize(
    ("objects", "verify", "why"),
    [
        ((traffic.service(clusterIP="None"),), {}, "Service/web has no address of its own with pods behind it"),
        ((traffic.service(), traffic.service("gw", selector=None)), {"service": "gw"}, "Service/gw has no address"),
        ((traffic.service(),), {"port": "grpc"}, "Service/web has no TCP port grpc"),
        ((traffic.service(ports=[]),), {}, "Service/web has no TCP port at all"),
    ],
)
def test_unprobeable_service_is_not_ready_before_the_throw(objects: tuple[Body, ...], verify: Body, why: str) -> None:
    simulation = namespace(*objects, stop=block(verify=verify))

    status, reason, message = condition(simulation.status(), "Ready")

    assert (status, reason) == ("False", "InvalidSpec")
    assert why in message


def test_missing_gateway_does_not_prove_a_block() -> None:
    simulation = namespace(traffic.http_route(), stop=block("HTTPRoute", verify={"service": "gateway"}))

    assert condition(simulation.status(), "Ready")[1] == "TargetNotFound"


def endpoints(*addresses: str) -> Body:
    meta = {"name": "web-abc", "labels": {"kubernetes.io/service-name": "web"}}
    found = [{"addresses": [one]} for one in addresses]
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta, "endpoints": found}


def test_block_without_verify_is_engaged_once_the_service_has_no_endpoints() -> None:
    simulation = namespace(endpoints("10.0.0.1"), stop=block()).throw().drive()

    assert simulation.status().phase == "Engaging"
    text = "Service/web is blocked, and its endpoints are still in EndpointSlice/web-abc"
    assert condition(simulation.status(), "Ready") == ("False", "NotVerified", text)

    simulation.with_object(endpoints()).after(seconds=1).drive()
    assert simulation.status().phase == "Engaged"


def test_action_after_a_block_runs_before_endpoints_are_gone() -> None:
    simulation = namespace(endpoints("10.0.0.1"), stop=block())
    entry = kill_switch("stop", block(), scale(replicas=0))
    simulation.with_runbook(targets=[traffic.TARGET], killSwitches=[entry]).drive()

    simulation.throw().drive()

    assert spec_of(simulation, "Deployment", "web")["replicas"] == 0
    assert simulation.status().phase == "Engaging"


def refusing(simulation: Namespace, kind: str) -> Namespace:
    """Nobody may list that kind."""
    usual = simulation.answer

    def answer(query: Query) -> object:
        is_refused = isinstance(query, Find) and query.kind == kind
        return Denied(Reason.FORBIDDEN, "no") if is_refused else usual(query)

    simulation.answer = answer  # type: ignore[method-assign] # one answer is another
    return simulation


def remarks(simulation: Namespace) -> list[str]:
    record = simulation.status().record
    assert record is not None
    return [one.message for one in record.remarks if one.reason == "Unverifiable"]


def test_forbidden_endpoint_read_reports_a_manual_check() -> None:
    simulation = refusing(namespace(stop=block()), "EndpointSlice")

    assert simulation.throw().drive().status().phase == "Engaged"
    (text,) = remarks(simulation)
    assert text == (
        "no condition shows if the block of Service/web is in force; check by hand: "
        "kubectl get endpointslices -n shop -l kubernetes.io/service-name=web shows no endpoint"
    )


@pytest.mark.parametrize("status", [{}, {"conditions": [{"type": "Ready", "status": "False"}]}])
def test_failed_request_without_a_ready_pod_proves_no_network_policy(status: Body) -> None:
    simulation = namespace(traffic.pod() | {"status": status}, stop=block("NetworkPolicy", verify={"path": "/health"}))
    simulation.query_supply = GONE

    assert simulation.throw().drive().status().phase == "Engaged"
    (text,) = remarks(simulation)
    assert text == (
        "Service/web has no ready pod, so the failed request of verify proves nothing: "
        "NetworkPolicy/shop-stop-web-block may not be enforced. Once a pod is ready, request /health of "
        "Service/web by hand"
    )


def test_failed_request_with_a_ready_pod_proves_the_block() -> None:
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    simulation = namespace(traffic.pod() | ready, stop=block("NetworkPolicy", verify={}))
    simulation.query_supply = GONE

    assert simulation.throw().drive().status().phase == "Engaged"
    assert remarks(simulation) == []


def test_mesh_block_with_forbidden_pod_read_is_engaged() -> None:
    simulation = namespace(*WORLDS["Istio"], stop=block("Istio", verify={}))
    simulation.query_supply = GONE

    simulation.throw().drive(at_most=3)
    refusing(simulation, "Pod")

    assert simulation.drive().status().phase == "Engaged"


def test_verified_selector_block_needs_no_ready_pod() -> None:
    simulation = namespace(stop=block(verify={}))
    simulation.query_supply = GONE

    assert simulation.throw().drive().status().phase == "Engaged"
    assert remarks(simulation) == []
