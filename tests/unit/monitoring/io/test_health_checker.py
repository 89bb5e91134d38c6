"""What comes of a check: a reading, whatever the other side does. The guard and the servers are real, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import grpc
import pytest
import trustme
from aiohttp import web
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from runbook_operator.core.http_statuses import statuses
from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import (
    AskGrpc,
    AskHttp,
    AskTcp,
    Key,
    Reading,
    SecretKeyRef,
    Secured,
    ServiceEndpoint,
    Watch,
)
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.url_policy import pattern
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.endpoint_cache import Addresses, Destination
from runbook_operator.kube.secret_cache import DOUBTED_SECONDS, Secrets
from runbook_operator.monitoring.io.health_checker import Check, HealthChecker, worst
from runbook_operator.monitoring.io.number_reader import Numbers
from tests.fakes.metric_sources import Sources, Usuals, measuring
from tests.fakes.servers import (
    Names,
    ca,
    certified,
    closed_port,
    silent,
    talking,
    traffic_target,
    watch_connections,
)
from tests.fakes.watched_cluster import (
    NAMESPACE,
    Body,
    Cluster,
    cluster,
    endpoint,
    endpoints,
    forbids,
    pod,
    secret,
    service,
)

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")
WEB = ServiceEndpoint(Ref("v1", "Service", NAMESPACE, "web"))
EACH = replace(WEB, each=True)
TOKEN = SecretKeyRef(Ref("v1", "Secret", NAMESPACE, "token"), "token")
CA = SecretKeyRef(Ref("v1", "Secret", NAMESPACE, "ca"), "ca.crt")
LOOPBACK = ip_network("127.0.0.0/8")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return watch_connections(monkeypatch)


@dataclass
class PlanContext:
    """A cluster, and somebody who asks in it."""

    cluster: Cluster
    asking: HealthChecker
    time: float = 1000.0

    async def ask(self, check: Check, seconds: float = 2.0) -> Reading:
        found = await self.asking([watch(check, seconds=seconds)])
        return found[Key(RUNBOOK, "Dependency", "web")]


def watch(check: Check, name: str = "web", seconds: float = 2.0) -> Watch:
    timing = Timing(timedelta(), timedelta(), timedelta(minutes=5))
    key = Key(RUNBOOK, "Dependency", name)
    return Watch(key, check, timedelta(seconds=10), timedelta(seconds=seconds), timing)


@asynccontextmanager
async def scene(*bodies: Body, patterns: Sequence[str] = (), names: Names | None = None) -> AsyncIterator[PlanContext]:
    async with cluster(*bodies) as (there, kube):
        out = Outbound([pattern(one) for one in patterns], [LOOPBACK], resolver=names)
        addresses = Addresses(Paths(kube))
        secrets = Secrets(kube, lambda: made.time)
        numbers = Numbers(Paths(kube))
        made = PlanContext(there, HealthChecker(out, addresses, secrets, measuring(Sources(), Usuals()), numbers))
        running = asyncio.create_task(addresses.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def answers(status: int = 200, text: str = "well", **headers: str) -> Any:
    return partial(web.Response, status=status, text=text, headers=headers)


def told(reading: Reading) -> tuple[bool | None, str, str]:
    assert reading.latency >= 0
    assert reading.value is None
    return reading.ok, reading.reason, reading.message


HEALTH = AskHttp(WEB, "/health")


@pytest.mark.parametrize(
    ("status", "check", "expected"),
    [
        (200, HEALTH, (True, "Healthy", "200 from Service/web:{port}/health")),
        (204, HEALTH, (True, "Healthy", "204 from Service/web:{port}/health")),
        (503, HEALTH, (False, "UnexpectedStatus", "503 from Service/web:{port}/health")),
        (302, HEALTH, (False, "UnexpectedStatus", "302 from Service/web:{port}/health")),
        (503, replace(HEALTH, expected=statuses("503")), (True, "Healthy", "503 from Service/web:{port}/health")),
        (200, replace(HEALTH, contains="wel"), (True, "Healthy", "200 from Service/web:{port}/health")),
        (
            *(200, replace(HEALTH, contains="ill")),
            (
                False,
                "NoMatch",
                "the body of the response of Service/web:{port}/health does not contain the text of bodyContains",
            ),
        ),
        (500, replace(HEALTH, contains="ill"), (False, "UnexpectedStatus", "500 from Service/web:{port}/health")),
    ],
)
async def test_http_check_is_judged_by_status_and_body(
    status: int, check: AskHttp, expected: tuple[bool, str, str]
) -> None:
    async with traffic_target(answers(status)) as there, scene(service(there.port)) as made:
        ok, reason, message = expected

        assert told(await made.ask(check)) == (ok, reason, message.format(port=there.port))
        assert [str(one.rel_url) for one in there.requests] == ["/health"]


async def test_body_too_large_to_match_is_inconclusive() -> None:
    async with traffic_target(answers(text="x" * 70_000)) as there, scene(service(there.port)) as made:
        reading = await made.ask(replace(HEALTH, contains="well"))

    assert told(reading) == (
        *(None, "TooLarge"),
        f"the body is larger than the operator reads: Service/web:{there.port}/health",
    )


async def test_unreachable_service_fails_the_check() -> None:
    port = closed_port()
    async with scene(service(port)) as made:
        assert told(await made.ask(HEALTH)) == (
            *(False, "Unreachable"),
            f"no connection could be made: Service/web:{port}/health",
        )
        assert told(await made.ask(AskTcp(WEB))) == (
            *(False, "Unreachable"),
            f"no connection could be made: Service/web:{port}",
        )


async def test_service_without_answer_in_time_fails_the_check() -> None:
    async with talking(silent) as port, scene(service(port)) as made:
        reading = await made.ask(HEALTH, seconds=0.2)

    assert told(reading) == (False, "Timeout", f"no response arrived in time: Service/web:{port}/health")
    assert reading.latency >= 0.2


async def test_tcp_check_is_judged_by_its_connection() -> None:
    async with talking(silent) as port, scene(service(port)) as made:
        assert told(await made.ask(AskTcp(WEB))) == (True, "Healthy", f"Service/web:{port} accepts connections")


@contextmanager
def grpc_server(status: Any) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    servicer.set("shop.Cart", status)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("status", "name", "ok", "reason", "word"),
    [
        (SERVING, "shop.Cart", True, "Healthy", "Serving"),
        (NOT_SERVING, "shop.Cart", False, "NotServing", "NotServing"),
        (SERVING, "shop.Basket", None, "ServiceUnknown", "ServiceUnknown"),
    ],
)
async def test_grpc_check_is_judged_by_the_health_of_its_service(
    status: Any,
    name: str,
    ok: bool | None,  # noqa: FBT001 # one row of the table
    reason: str,
    word: str,
) -> None:
    with grpc_server(status) as port:
        async with scene(service(port)) as made:
            assert told(await made.ask(AskGrpc(WEB, name))) == (ok, reason, f"{word} from Service/web:{port}")


@pytest.mark.parametrize(
    ("bodies", "reason", "message"),
    [
        ([], "ServiceNotFound", "Service/web does not exist in namespace shop"),
        (
            [service(selector=None)],
            "NoSelector",
            "Service/web has no selector: it may lead to any address, so it is not checked",
        ),
        ([service(clusterIP="None")], "NoClusterIP", "Service/web has no address of its own, so it cannot be checked"),
    ],
)
async def test_service_that_cannot_be_addressed_is_inconclusive_with_the_reason(
    bodies: list[Body], reason: str, message: str, connections: list[str]
) -> None:
    async with scene(*bodies) as made:
        made.cluster.asked.clear()
        before = len(connections)

        assert told(await made.ask(HEALTH)) == (None, reason, message)
        # All that was connected to is the API server.
        assert len(connections) - before <= len(made.cluster.asked)


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0"])  # noqa: S104 # refused
async def test_impossible_service_address_is_not_contacted(address: str) -> None:
    async with scene(service(80, address)) as made:
        ok, reason, message = told(await made.ask(HEALTH))

    assert (ok, reason) == (None, "Refused")
    assert message.startswith(f"{address}: ")
    assert "addresses are refused unless RUNBOOK_ALLOWED_NETWORKS lists them" in message


async def test_check_sends_literal_and_secret_headers() -> None:
    check = replace(HEALTH, headers=(("Authorization", TOKEN), ("X-Team", "shop")))
    async with traffic_target() as there, scene(service(there.port), secret(token=b"Bearer s3cret\n")) as made:
        assert (await made.ask(check)).ok

    (request,) = there.requests
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert request.headers["X-Team"] == "shop"


@pytest.mark.parametrize(
    ("bodies", "reason", "message"),
    [
        ([], "SecretNotFound", "Secret/token does not exist in namespace shop"),
        ([secret(other=b"x")], "SecretKeyNotFound", "Secret/token has no key token"),
        (
            [secret(token="sécret".encode())],
            "SecretUnusable",
            "key token of Secret/token is not ASCII, and a header must be",
        ),
        (
            [secret(token=b"two\nlines")],
            "Malformed",
            "a header must have a token as its name and visible ASCII as its value: Service/web:80/health",
        ),
    ],
)
async def test_unavailable_header_secret_is_inconclusive_without_request(
    bodies: list[Body], reason: str, message: str
) -> None:
    async with scene(service(), *bodies) as made:
        assert told(await made.ask(replace(HEALTH, headers=(("Authorization", TOKEN),)))) == (None, reason, message)


async def test_replaced_token_is_read_again_after_a_refusal() -> None:
    check = replace(HEALTH, headers=(("Authorization", TOKEN),))
    status = 200
    async with (
        traffic_target(lambda: web.Response(status=status)) as there,
        scene(service(there.port), secret(token=b"0ld")) as made,
    ):
        assert (await made.ask(check)).ok
        made.cluster.put(secret(token=b"n3w"))
        made.time += DOUBTED_SECONDS
        status = 401
        assert (await made.ask(check)).reason == "UnexpectedStatus"
        status = 200
        assert (await made.ask(check)).ok

    assert [one.headers["Authorization"] for one in there.requests] == ["0ld", "0ld", "n3w"]


async def test_tls_is_verified_for_the_service_name() -> None:
    check = replace(HEALTH, tls=Secured(CA))
    tls = certified("web.shop.svc")
    async with traffic_target(tls=tls) as there, scene(service(there.port), secret("ca", **{"ca.crt": ca()})) as made:
        assert told(await made.ask(check)) == (True, "Healthy", f"200 from Service/web:{there.port}/health")
        other = replace(check, tls=Secured(CA, "db.shop.svc"))
        ok, reason, message = told(await made.ask(other))
        assert (ok, reason) == (False, "TLS")
        assert message.startswith("the certificate was not accepted: ")
        assert (await made.ask(replace(check, tls=Secured()))).reason == "TLS"
        assert (await made.ask(replace(check, tls=Secured(skip_verify=True)))).ok


async def test_replaced_authority_is_read_again_after_a_tls_failure() -> None:
    new = trustme.CA()
    check = replace(HEALTH, tls=Secured(CA))
    tls = certified("web.shop.svc", by=new)
    async with traffic_target(tls=tls) as there, scene(service(there.port), secret("ca", **{"ca.crt": ca()})) as made:
        assert (await made.ask(check)).reason == "TLS"
        made.cluster.put(secret("ca", **{"ca.crt": new.cert_pem.bytes()}))
        made.time += DOUBTED_SECONDS

        assert (await made.ask(check)).ok


URL = "http://health.example.com:{port}/status?key=k3y"


async def test_allowed_url_is_checked_without_showing_its_query() -> None:
    async with traffic_target() as there:
        url = URL.format(port=there.port)
        allowed = [f"http://*.example.com:{there.port}/*"]
        async with scene(patterns=allowed, names=Names(["127.0.0.1"])) as made:
            reading = await made.ask(AskHttp(url))

    assert told(reading) == (True, "Healthy", f"200 from http://health.example.com:{there.port}/status")
    assert [str(one.rel_url) for one in there.requests] == ["/status?key=k3y"]


@pytest.mark.parametrize(
    ("url", "reason", "message"),
    [
        (
            *("https://other.example.com/", "NotAllowed"),
            "the URL is not in RUNBOOK_ALLOWED_URLS: https://other.example.com/",
        ),
        (
            "http://user:s3cret@health.example.com/",
            "Malformed",
            "a URL must not contain a user name; take credentials from a Secret: the URL",
        ),
        (
            "http://health.example.com/",
            "Unresolvable",
            "the host name has no address in DNS: http://health.example.com/",
        ),
    ],
)
async def test_forbidden_or_unresolvable_url_is_inconclusive(url: str, reason: str, message: str) -> None:
    names = Names(OSError("no such name"))
    async with scene(patterns=["http://health.example.com/*"], names=names) as made:
        assert told(await made.ask(AskHttp(url))) == (None, reason, message)


@asynccontextmanager
async def pods(*sites: Any, ready: Sequence[bool] = (True, True, True)) -> AsyncIterator[PlanContext]:
    """A Service over three pods, each with an address of its own, all at the port of the first site."""
    hosts = [f"127.0.0.{number}" for number in range(2, 5)]
    ones = [pod(f"web-{number}", host) for number, host in enumerate(hosts)]
    parts = [endpoint(one, ready=is_ready) for one, is_ready in zip(ones, ready, strict=True)]
    async with (
        traffic_target(sites[0], host=hosts[0]) as first,
        elsewhere(hosts[1], first.port, sites[1]),
        elsewhere(hosts[2], first.port, sites[2]),
        scene(service(), *ones, endpoints(*parts, port=first.port)) as made,
    ):
        yield made


@asynccontextmanager
async def elsewhere(host: str, port: int, response: Any) -> AsyncIterator[None]:
    async def handle(_request: web.Request) -> web.StreamResponse:
        made: web.StreamResponse = response()
        return made

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    yield
    await runner.cleanup()


BY_EACH = AskHttp(EACH, "/health")


async def test_per_pod_check_passes_when_every_ready_pod_passes() -> None:
    async with pods(answers(), answers(), answers()) as made:
        reading = await made.ask(BY_EACH)

    assert told(reading) == (True, "Healthy", "3 of 3 ready pods of Service/web are healthy")
    assert reading.series == ""


async def test_per_pod_check_names_the_single_failing_pod() -> None:
    async with pods(answers(), answers(503), answers()) as made:
        reading = await made.ask(BY_EACH)

    ok, reason, message = told(reading)
    assert (ok, reason, reading.series) == (False, "UnexpectedStatus", "Pod/web-1")
    assert message.startswith("503 from Pod/web-1:")
    assert message.endswith("/health; 1 of 3 ready pods are not healthy")


async def test_per_pod_check_names_the_first_of_several_failing_pods() -> None:
    async with pods(answers(), answers(500), answers(503)) as made:
        reading = await made.ask(BY_EACH)

    assert reading.series == "Pod/web-1"
    assert reading.message.endswith("; 2 of 3 ready pods are not healthy")


async def test_inconclusive_pod_makes_the_check_inconclusive_unless_one_fails() -> None:
    large = answers(text="x" * 70_000)
    check = replace(BY_EACH, contains="well")
    async with pods(answers(), large, answers()) as made:
        reading = await made.ask(check)
    async with pods(answers(), large, answers(503)) as made:
        bad = await made.ask(check)

    assert (reading.ok, reading.reason, reading.series) == (None, "TooLarge", "Pod/web-1")
    assert reading.message.endswith("; 1 of 3 ready pods cannot be checked")
    assert (bad.ok, bad.reason, bad.series) == (False, "UnexpectedStatus", "Pod/web-2")


@pytest.mark.parametrize("ok", [True, False, None])
def test_per_pod_latency_is_that_of_the_slowest_pod(*, ok: bool | None) -> None:
    hosts = [Destination(Ref("v1", "Pod", NAMESPACE, f"web-{number}"), f"10.0.0.{number}", 80) for number in range(3)]
    readings = [Reading(True, latency=0.1), Reading(ok, latency=0.2), Reading(True, latency=0.7)]

    assert worst(WEB.service, hosts, readings).latency == 0.7


async def test_unready_pod_is_not_checked() -> None:
    async with pods(answers(), answers(503), answers(), ready=(True, False, True)) as made:
        assert told(await made.ask(BY_EACH)) == (True, "Healthy", "2 of 2 ready pods of Service/web are healthy")


async def test_service_without_ready_pod_is_inconclusive() -> None:
    async with pods(answers(), answers(), answers(), ready=(False, False, False)) as made:
        assert told(await made.ask(BY_EACH)) == (None, "NoReadyPods", "Service/web has no ready pod")


async def test_concurrent_pod_checks_are_limited() -> None:
    under_way, most = 0, 0
    many = [pod(f"web-{number:02}", f"127.0.1.{number + 1}") for number in range(40)]

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.02)
        under_way -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(count, "0.0.0.0", 0) as server:  # noqa: S104 # all of 127/8
        port = server.sockets[0].getsockname()[1]
        async with scene(service(), *many, endpoints(*map(endpoint, many), port=port)) as made:
            assert (await made.ask(BY_EACH)).message == "40 of 40 ready pods of Service/web are healthy"

    assert 8 < most <= 16


async def test_missing_right_to_pods_is_reported() -> None:
    async with pods(answers(), answers(), answers()) as made:
        made.cluster.fault = forbids("pods")
        ok, reason, message = told(await made.ask(BY_EACH))

    assert (ok, reason) == (None, "MissingRights")
    assert "The ClusterRole runbook-operator-sensing-pods has it." in message


async def test_several_checks_run_concurrently_with_their_own_readings() -> None:
    async with talking(silent) as slow, traffic_target(answers(503)) as there:
        bodies = [service(slow, name="slow"), service(there.port)]
        async with scene(*bodies) as made:
            wait = watch(AskHttp(ServiceEndpoint(Ref("v1", "Service", NAMESPACE, "slow"))), "slow", seconds=0.3)
            found = await made.asking([wait, watch(HEALTH, "bad"), watch(AskTcp(replace(WEB, port="x")), "none")])

    assert {key.name: one.reason for key, one in found.items()} == {
        "slow": "Timeout",
        "bad": "UnexpectedStatus",
        "none": "PortNotFound",
    }


async def test_thousand_checks_cost_no_api_request() -> None:
    check = replace(HEALTH, headers=(("Authorization", TOKEN),))
    async with traffic_target() as there, scene(service(there.port), secret(token=b"s3cret")) as made:
        await made.ask(check)
        await asyncio.sleep(0.05)
        before = list(made.cluster.asked)
        for _ in range(20):
            await made.asking([watch(check, f"web-{number}") for number in range(50)])

        assert made.cluster.asked == before


async def test_body_credential_and_query_appear_in_no_reading_or_log() -> None:
    """Whatever goes wrong, over all ways to go wrong that a check has."""
    secrets = ("s3cret", "k3y", "passw0rd", "b0dy")
    header = ("Authorization", TOKEN)
    path = "/health?token=k3y"
    checks = [
        AskHttp(place, path, contains=contains, headers=headers, tls=tls)
        for place in (WEB, EACH, "http://user:passw0rd@health.example.com/?k3y", "http://other.example.com/p?k3y")
        for contains in ("", "b0dy", "ill")
        for headers in ((header,), (header, ("Host", "s3cret\n")))
        for tls in (None, Secured(), Secured(CA))
    ]
    broken = secret("ca", **{"ca.crt": b"s3cret"})
    readings: list[Reading] = []
    with capture_logs() as logs:
        for status in (200, 401, 503):
            async with pods(*[answers(status, "the b0dy", Location="http://k3y/", Token="s3cret")] * 3) as made:
                made.cluster.put(secret(token=b"Bearer s3cret"), broken)
                found = await made.asking([watch(one, str(number)) for number, one in enumerate(checks)])
                readings += found.values()

    assert len(readings) == 3 * len(checks)
    assert {one.ok for one in readings} == {True, False, None}
    assert [one for one in (*readings, *logs) if any(word in str(one) for word in secrets)] == []
