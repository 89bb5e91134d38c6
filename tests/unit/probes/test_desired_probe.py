"""Which probe a health endpoint is declared to be, and what that would have to say."""

from typing import Any

import pytest

from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.queries import NeedsRead, Query, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.probes.desired_probe import ContainerProbe, container_probe_of
from tests.builders import NAMESPACE, WEB, Body
from tests.probing import PORTS, SERVICE, Story, container, endpoint, get, service, workload

SIDECAR = {"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "proxy", "containerPort": 15021}]}


def place(story: Story) -> ContainerProbe:
    """The place of the first endpoint, with all that it asks for."""
    assert story.runbook.spec
    answers: dict[Query, Any] = {}
    for _ in range(2):
        try:
            return container_probe_of(story.snapshot(answers), story.runbook.spec.health_endpoints[0])
        except NeedsRead as needed:
            answers |= {query: story._answer(query) for query in needed.queries}
    raise AssertionError("it asks twice")


def refused(story: Story) -> tuple[Reason, str]:
    with pytest.raises(Refused) as error:
        place(story)
    return error.value.reason, error.value.message


def declared(target: Any = "http", **spec: Any) -> Story:
    """One container, a Service, and a health endpoint that says so much."""
    return Story().has(workload(container()), service(target)).declares(endpoint(**spec))


def test_workload_and_service_are_read_in_one_round() -> None:
    story = declared()
    assert story.runbook.spec

    with pytest.raises(NeedsRead) as needed:
        container_probe_of(story.snapshot(), story.runbook.spec.health_endpoints[0])

    assert needed.value.queries == {Read(WEB), Read(SERVICE)}


@pytest.mark.parametrize(
    ("spec", "handler", "parts"),
    [
        ({}, "httpGet", {"path": "/health/ready", "scheme": "HTTP", "port": "http"}),
        ({"expect": "200,204,301-302"}, "httpGet", {"path": "/health/ready", "scheme": "HTTP", "port": "http"}),
        ({"tls": {}}, "httpGet", {"path": "/health/ready", "scheme": "HTTPS", "port": "http"}),
        (
            {"headers": [{"name": "Host", "value": "shop"}]},
            "httpGet",
            {
                "path": "/health/ready",
                "scheme": "HTTP",
                "port": "http",
                "httpHeaders": [{"name": "Host", "value": "shop"}],
            },
        ),
        ({"protocol": "TCP", "path": "/"}, "tcpSocket", {"port": "http"}),
        (
            {"protocol": "GRPC", "path": "/", "healthService": "shop"},
            "grpc",
            {"service": "shop", "port": 8080},
        ),
    ],
    ids=["HTTP", "statuses that a kubelet accepts", "HTTPS", "a header", "TCP", "gRPC by number"],
)
def test_each_protocol_maps_to_its_probe_handler(spec: Body, handler: str, parts: Body) -> None:
    said = place(declared(**spec)).declared

    assert (said.kind, said.handler, said.declared_fields) == ("readiness", handler, parts)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"expect": 404}, "a kubelet accepts exactly the statuses 200 to 399 as success, and expect is 404"),
        ({"expect": "100-299"}, "a kubelet accepts exactly the statuses 200 to 399 as success, and expect is 100-299"),
        ({"bodyContains": "ok"}, "a kubelet does not read the body, and bodyContains is set"),
        (
            {"headers": [{"name": "Authorization", "secret": {"name": "token", "key": "token"}}]},
            "a kubelet cannot take a header from a Secret, and Authorization comes from one",
        ),
        ({"protocol": "GRPC", "path": "/", "tls": {}}, "a kubelet supports gRPC only without TLS"),
    ],
    ids=["a status that is bad", "a range that begins too low", "a body", "a secret header", "gRPC over TLS"],
)
def test_endpoint_unsupported_by_kubelet_probes_is_refused_with_advice(spec: Body, why: str) -> None:
    expected = f"the endpoint cannot be a container's probe: {why}; remove probe, or change the endpoint"

    assert refused(declared(**spec)) == (Reason.PROBE_UNSUPPORTED, expected)


@pytest.mark.parametrize(
    ("target", "port"),
    [("http", "http"), (8080, 8080), (9000, 9000)],
    ids=["by name", "by number", "a port that the container does not list"],
)
def test_probe_port_is_the_target_port_of_the_service(target: Any, port: Any) -> None:
    assert place(declared(target)).declared.declared_fields["port"] == port


def test_service_without_target_port_uses_its_own_port() -> None:
    spec = {"selector": {}, "ports": [{"port": 8080}]}

    assert place(declared().has(service() | {"spec": spec})).declared.declared_fields["port"] == 8080


def test_service_port_of_another_container_is_refused() -> None:
    reason, text = refused(declared("proxy"))

    assert reason is Reason.PROBE_UNSUPPORTED
    assert "the Service leads to port proxy, which container app does not have; set container" in text


def test_missing_service_port_is_named() -> None:
    target = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web", "port": "admin"}}
    spec = service()["spec"] | {"ports": []}

    assert refused(declared().declares(endpoint(), targets=[target]))[1].startswith(
        "Service/web has no TCP port admin;"
    )
    assert refused(declared().has(service() | {"spec": spec}))[1].startswith("Service/web has no TCP port number one;")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (None, "spec.template.spec.containers[name=app]"),
        ("second", "spec.template.spec.containers[name=second]"),
        ("proxy", "spec.template.spec.initContainers[name=proxy]"),
    ],
    ids=["the first one", "the one that is named", "a sidecar"],
)
def test_probe_container_is_the_first_or_the_named_one(name: str | None, path: str) -> None:
    body = workload(container(), container("second"))
    body["spec"]["template"]["spec"]["initContainers"] = [{"name": "migrate"}, SIDECAR | {"ports": PORTS}]
    story = declared().has(body).declares(endpoint(container=name))

    assert place(story).path == path


def test_init_container_has_no_probes() -> None:
    body = workload(container())
    body["spec"]["template"]["spec"]["initContainers"] = [{"name": "migrate"}]

    assert refused(declared(container="migrate").has(body)) == (
        Reason.PROBE_UNSUPPORTED,
        "Deployment/web: init container migrate ends before the others begin, so it has no probes",
    )


@pytest.mark.parametrize(("name", "what"), [("ghost", "container ghost"), (None, "container of its own")])
def test_missing_container_is_named(name: str | None, what: str) -> None:
    story = declared(container=name).has(workload(*([container()] if name else [])))

    assert refused(story) == (
        Reason.FIELD_NOT_FOUND,
        f"Deployment/web has no {what}; correct the health endpoint's container",
    )


@pytest.mark.parametrize("part", ["workload", "service"])
def test_target_without_workload_or_service_names_the_field_to_declare(part: str) -> None:
    parts = {"workload": {"name": "web"}, "service": {"name": "web"}}
    del parts[part]
    story = declared().declares(endpoint(), targets=[{"name": "web"} | parts])

    assert refused(story) == (Reason.INVALID_SPEC, f"target web has no {part}; declare it in spec.targets")


def test_missing_target_is_reported_before_any_read() -> None:
    story = declared()
    del story.objects[WEB]

    assert refused(story)[0] is Reason.TARGET_NOT_FOUND
    assert story.reads == 0


def test_forbidden_service_read_is_reported() -> None:
    story = declared()
    story.denied.add(SERVICE)

    assert refused(story)[0] is Reason.FORBIDDEN


def test_enforce_without_probe_is_refused() -> None:
    story = declared()
    assert story.runbook.spec
    (one,) = story.runbook.spec.health_endpoints

    with pytest.raises(Refused, match="enforce and container apply to a container's probe"):
        container_probe_of(story.snapshot(), one.replace(probe=None, enforce=True))


def test_probe_has_only_declared_numbers_rounded_up_to_seconds() -> None:
    numbers = {"period": "1500ms", "timeout": "1s", "failureThreshold": 5, "successThreshold": 2}

    assert place(declared()).declared.numbers == {}
    assert place(declared(period="10s")).declared.numbers == {"periodSeconds": 10}
    assert place(declared(**numbers)).declared.numbers == {
        "periodSeconds": 2,
        "timeoutSeconds": 1,
        "failureThreshold": 5,
        "successThreshold": 2,
    }
    assert place(declared(timeout="200ms")).declared.numbers == {"timeoutSeconds": 1}


@pytest.mark.parametrize("kind", ["startup", "liveness"])
def test_success_threshold_above_one_needs_a_readiness_probe(kind: str) -> None:
    assert place(declared(probe=kind, successThreshold=2)).declared.numbers == {}


def test_probe_location_is_formatted_for_people() -> None:
    ref = Ref("apps/v1", "StatefulSet", NAMESPACE, "web")
    story = Story().has(workload(container(livenessProbe=get()), ref=ref), service())

    found = place(story.declares(endpoint(probe="liveness"), ref=ref))

    assert str(found) == "livenessProbe of container app in StatefulSet/web"
    assert found.key == ("web-1", "app", "liveness")
