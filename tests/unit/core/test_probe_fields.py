"""A container's own probe beside what a health endpoint says of it."""

from typing import Any

import pytest

from runbook_operator.core import field_paths
from runbook_operator.core.probe_fields import (
    DeclaredProbe,
    describe_change,
    differences,
    is_sealed,
    number,
    sealed,
    shows,
    unsealed,
)

HTTP = DeclaredProbe("readiness", "httpGet", {"path": "/health/ready", "port": "http", "scheme": "HTTP"}, {})
PORTS = [{"name": "http", "containerPort": 8080}, {"name": "admin", "containerPort": 9090}]
WHOLE = "spec.template.spec.containers[name=app].readinessProbe"


def container(probe: dict[str, Any] | None) -> dict[str, Any]:
    """A container whose readiness probe is this one."""
    return {"name": "app", "ports": PORTS} | ({"readinessProbe": probe} if probe is not None else {})


def workload(probe: dict[str, Any] | None) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [container(probe)]}}}}


def get(path: str = "/health/ready", port: Any = "http", **rest: Any) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"} | rest}


def said(probe: dict[str, Any] | None, wanted: DeclaredProbe = HTTP) -> list[str]:
    """The differences in words."""
    return [str(one) for one in differences(container(probe), wanted)]


@pytest.mark.parametrize(
    "probe",
    [
        get(),
        get(port=8080),
        get(httpHeaders=[{"name": "Host", "value": "shop"}]),
        get() | {"periodSeconds": 1, "initialDelaySeconds": 30},
        {"httpGet": {"path": "/health/ready", "port": "http"}},
    ],
    ids=[
        "as it is said",
        "its port by number",
        "headers of its own",
        "numbers that nobody declared",
        "a default left out",
    ],
)
def test_probe_as_declared_has_no_differences(probe: dict[str, Any]) -> None:
    assert differences(container(probe), HTTP) == ()


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (None, ["it is absent, not httpGet /health/ready http"]),
        (get("/ready"), ["httpGet.path is /ready, not /health/ready"]),
        (get(port="admin"), ["httpGet.port is admin, not http"]),
        (get(port=9090), ["httpGet.port is 9090, not http"]),
        (get(scheme="HTTPS"), ["httpGet.scheme is HTTPS, not HTTP"]),
        (get(host="10.0.0.1"), ["httpGet.host is 10.0.0.1, not absent"]),
        ({"tcpSocket": {"port": 8080}}, ["it is tcpSocket 8080, not httpGet /health/ready http"]),
        ({"exec": {"command": ["cat", "/ok"]}}, ["it is exec, not httpGet /health/ready http"]),
        ({"grpc": {"port": 1, "service": "shop"}}, ["it is grpc shop 1, not httpGet /health/ready http"]),
    ],
)
def test_probe_difference_names_both_values(probe: dict[str, Any] | None, words: list[str]) -> None:
    assert said(probe) == words


def test_only_declared_numbers_are_compared_and_defaults_count() -> None:
    wanted = DeclaredProbe("readiness", "httpGet", HTTP.declared_fields, {"periodSeconds": 10, "timeoutSeconds": 2})

    assert said(get(), wanted) == ["timeoutSeconds is absent, not 2"]
    assert said(get() | {"periodSeconds": 5, "timeoutSeconds": 2}, wanted) == ["periodSeconds is 5, not 10"]


def test_probe_of_another_kind_differs_separately_from_its_numbers() -> None:
    wanted = DeclaredProbe("readiness", "tcpSocket", {"port": "http"}, {"periodSeconds": 5})

    assert said({"exec": {"command": ["true"]}}, wanted) == [
        "it is exec, not tcpSocket http",
        "periodSeconds is absent, not 5",
    ]


def test_declared_headers_are_compared_and_never_shown() -> None:
    token = [{"name": "Authorization", "value": "Bearer s3cret"}]
    wanted = DeclaredProbe("readiness", "httpGet", {**HTTP.declared_fields, "httpHeaders": token}, {})

    assert said(get(httpHeaders=token), wanted) == []
    (words,) = said(get(httpHeaders=[{"name": "Authorization", "value": "Bearer 0ther"}]), wanted)
    assert words == "httpGet.httpHeaders is something that is not shown, not something that is not shown"


def test_path_with_a_query_is_not_shown() -> None:
    assert said(get("/ready?token=s3cret")) == ["httpGet.path is something that is not shown, not /health/ready"]
    assert said(
        {"httpGet": {"path": "/?token=s3cret", "port": 1}}, DeclaredProbe("readiness", "grpc", {"port": 2}, {})
    ) == ["it is httpGet 1, not grpc 2"]


def test_port_matches_by_name_and_number() -> None:
    assert (number("http", PORTS), number(8080, PORTS), number("metrics", PORTS)) == (8080, 8080, "metrics")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (f"{WHOLE}.periodSeconds", 10),
        (f"{WHOLE}.httpGet.path", "/ready"),
        (f"{WHOLE}{{exec,grpc,httpGet,tcpSocket}}", {"tcpSocket": {"port": 8080}}),
        (WHOLE, None),
    ],
)
def test_value_without_credential_is_stored_unchanged(field: str, value: Any) -> None:
    assert sealed(field, value) == value
    assert not is_sealed(value)


SECRET = get("/ready?token=s3cret", httpHeaders=[{"name": "Authorization", "value": "s3cret"}])


@pytest.mark.parametrize(
    ("place", "probe"),
    [
        (".httpGet.path", SECRET),
        (".httpGet.httpHeaders", SECRET),
        ("{exec,grpc,httpGet,tcpSocket}", {"exec": {"command": ["redis-cli", "-a", "s3cret"]}}),
        ("", SECRET),
    ],
    ids=["a query", "headers", "a command", "a whole probe"],
)
def test_possible_credential_is_stored_as_a_digest_and_found_again(place: str, probe: dict[str, Any]) -> None:
    field, body = f"{WHOLE}{place}", workload(probe)
    kept = sealed(field, field_paths.get(body, field))
    without, other, has = (workload(one)["spec"]["template"] for one in (None, get(), probe))

    assert "s3cret" not in str(kept)
    assert is_sealed(kept)
    assert sealed(field, kept) == kept
    assert shows(body, field, kept)
    assert unsealed(field, kept, [without, other, has]) == field_paths.get(body, field)
    assert unsealed(field, kept, [without, other]) is None


def test_field_of_a_missing_container_is_not_shown() -> None:
    assert shows(workload(get()), f"{WHOLE}.httpGet.host", None)
    assert not shows(workload({"tcpSocket": {"port": 1}}), f"{WHOLE}.httpGet.host", None)
    assert shows(workload(None), WHOLE, None)
    assert not shows({"spec": {}}, WHOLE, None)
    assert not shows(workload(None), f"{WHOLE}{{exec,grpc,httpGet,tcpSocket}}", None)


def test_probe_with_server_defaults_matches_the_written_one() -> None:
    assert shows(workload(get() | {"periodSeconds": 10}), WHOLE, get())
    assert not shows(workload(get("/other")), WHOLE, get())


def test_two_containers_with_one_name_match_nothing() -> None:
    twice = {"spec": {"template": {"spec": {"containers": [container(get()), container(get())]}}}}

    assert not shows(twice, WHOLE, get())


def test_probe_change_is_described() -> None:
    handler = {"exec": {"digest": "0123456789abcdef"}}

    assert describe_change(f"{WHOLE}.periodSeconds", 10, 5) == "periodSeconds from 10 to 5"
    assert describe_change(f"{WHOLE}{{exec,grpc,httpGet,tcpSocket}}", handler, get()) == (
        "it from exec to httpGet /health/ready http"
    )
