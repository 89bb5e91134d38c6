"""One request to a Service: whose address is asked, what goes along, and what is made of each answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any, cast

import pytest
from aiohttp import web

from runbook_operator.core.queries import ProbeResult
from runbook_operator.core.references import Ref
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import service_request as module
from runbook_operator.kube.client import Kube
from runbook_operator.kube.service_request import probe
from tests.fakes.service_kube import FakeKube

WEB = Ref("v1", "Service", "shop", "web")
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def service(address: str | None, *ports: Any, **spec: Any) -> dict[str, Any]:
    return {"clusterIP": address, "selector": {"app": "web"}, "ports": list(ports)} | spec


async def ask(spec: dict[str, Any] | None, port: str = "", path: str = "/") -> ProbeResult:
    return await probe(cast("Kube", FakeKube(spec)), out(), WEB, port, path)


def out() -> Outbound:
    """What is asked here is on loopback, where no Service is."""
    return Outbound(allowed_networks=[ip_network("127.0.0.0/8"), ip_network("::1/128")])


@dataclass
class App:
    """An HTTP server that notes what it was asked."""

    port: int
    requests: list[web.Request] = field(default_factory=list)


@asynccontextmanager
async def app(status: int = 200, host: str = "127.0.0.1", **headers: str) -> AsyncIterator[App]:
    observed = App(0)

    async def handle(request: web.Request) -> web.Response:
        observed.requests.append(request)
        return web.Response(status=status, headers=headers, text="a secret")

    runner = web.AppRunner(_application(handle))
    await runner.setup()
    traffic_target = web.TCPSite(runner, host, 0)
    await traffic_target.start()
    observed.port = runner.addresses[0][1]
    yield observed
    await runner.cleanup()


def _application(handle: Callable[[web.Request], Awaitable[web.Response]]) -> web.Application:
    made = web.Application()
    made.router.add_route("*", "/{path:.*}", handle)
    return made


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[int]:
    """A TCP server that talks once as it is told, and then closes."""
    done = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        writer.close()
        await writer.wait_closed()
        done.set()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as running:
        yield running.sockets[0].getsockname()[1]
        await done.wait()


@pytest.mark.parametrize("status", [200, 301, 403, 404, 429, 500, 503])
async def test_response_status_is_returned_without_redirect(status: int) -> None:
    async with app(status, Location="http://192.0.2.1/") as there:
        answer = await ask(service("127.0.0.1", {"port": there.port}), path="/health?deep=1")

    assert answer == ProbeResult(status)
    assert [str(one.rel_url) for one in there.requests] == ["/health?deep=1"]


async def test_request_carries_no_credential_and_uses_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    async with app() as there:
        await ask(service("127.0.0.1", {"port": there.port}))

    (request,) = there.requests
    assert request.method == "GET"
    assert sorted(request.headers) == ["Accept", "Accept-Encoding", "Connection", "Host", "User-Agent"]
    assert request.headers["User-Agent"].startswith("runbook-operator/")


async def test_only_the_service_of_the_namespace_is_looked_up() -> None:
    kube = FakeKube(service("127.0.0.1", {"port": 1}))

    await probe(cast("Kube", kube), out(), WEB, "", "/")

    assert kube.asked == ["/api/v1/namespaces/shop/services/web"]


@pytest.mark.parametrize("path", ["@192.0.2.1/", "192.0.2.1", ":9@192.0.2.1/", "\\@192.0.2.1/", ""])
async def test_path_cannot_become_another_host(path: str) -> None:
    answer = await ask(service("127.0.0.1", {"port": 1}), path=path)

    assert answer.end == "Unasked"
    assert answer.why == "a path must begin with /"


@pytest.mark.parametrize("path", ["//192.0.2.1/x", "/@192.0.2.1"])
async def test_unusual_path_reaches_the_same_host(path: str) -> None:
    async with app() as there:
        assert await ask(service("127.0.0.1", {"port": there.port}), path=path) == ProbeResult(200)


@pytest.mark.parametrize("path", ["/\\192.0.2.1", "/a b\r\nX-Y: z", "/a%2F..%2Fb", "/a#b"])
async def test_ambiguous_path_is_not_requested(path: str) -> None:
    assert (await ask(service("127.0.0.1", {"port": 1}), path=path)).end == "Unasked"


async def test_forbidden_service_address_is_not_requested() -> None:
    answer = await probe(cast("Kube", FakeKube(service("127.0.0.1", {"port": 1}))), Outbound(), WEB, "", "/")

    assert answer.end == "Unasked"
    assert "loopback addresses are refused" in answer.why


async def test_port_is_found_by_name_by_number_and_as_first_tcp_port() -> None:
    async with app() as there:
        ports = ({"port": 9, "protocol": "UDP"}, {"name": "http", "port": there.port, "protocol": "TCP"}, {"port": 2})
        for wanted in ("http", str(there.port), ""):
            assert (await ask(service("127.0.0.1", *ports), wanted)).status == 200
        assert (await ask(service("127.0.0.1", *ports), "9")).end == "Unasked"
        assert "TCP port grpc" in (await ask(service("127.0.0.1", *ports), "grpc")).why


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (None, "Service/web does not exist"),
        (service("None", {"port": 80}), "no address of its own"),
        ({"type": "ExternalName", "externalName": "192.0.2.1"}, "no selector"),
        (service("", {"port": 80}), "no address of its own"),
        (service("127.0.0.1", {"port": 80}, selector={}), "it may lead to"),
        (service("127.0.0.1"), "TCP port number one"),
    ],
)
async def test_service_without_own_address_is_not_requested(spec: dict[str, Any] | None, why: str) -> None:
    answer = await ask(spec)

    assert (answer.status, answer.end) == (None, "Unasked")
    assert why in answer.why


async def test_ipv6_service_is_requested() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    async with app(host="::1") as there:
        assert await ask(service("::1", {"port": there.port})) == ProbeResult(200)


async def test_refused_connection_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    answer = await ask(service("127.0.0.1", {"port": port}))

    assert (answer.status, answer.end) == (None, "Unreachable")


async def test_connection_not_made_in_time_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once nobody accepts and the queue is full, Linux drops the next SYN, as a NetworkPolicy does."""
    monkeypatch.setattr(module, "HOW", replace(module.HOW, connect_seconds=0.1))
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        answer = await ask(service("127.0.0.1", {"port": full.getsockname()[1]}))

    assert (answer.status, answer.end) == (None, "Unreachable")
    assert answer.why == "no connection could be made in time"


async def test_accepted_connection_without_answer_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOW", replace(module.HOW, seconds=0.1))

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with server(silent) as port:
        answer = await ask(service("127.0.0.1", {"port": port}))

    assert (answer.status, answer.end) == (None, "Late")


async def test_connection_closed_without_answer_is_closed() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.readuntil(b"\r\n\r\n")

    async with server(rude) as port:
        answer = await ask(service("127.0.0.1", {"port": port}))

    assert (answer.status, answer.end) == (None, "Closed")


async def test_answer_in_another_protocol_is_answered() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"\x15\x03\x01\x00\x02\x02\x46")
        await writer.drain()

    async with server(other) as port:
        answer = await ask(service("127.0.0.1", {"port": port}))

    assert (answer.status, answer.end) == (None, "Answered")
    assert "is not valid for the protocol" in answer.why


async def test_endless_body_is_not_awaited() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await reader.read()

    async with server(endless) as port:
        began = asyncio.get_running_loop().time()
        assert await ask(service("127.0.0.1", {"port": port})) == ProbeResult(200)
        assert asyncio.get_running_loop().time() - began < module.HOW.seconds / 2
