"""The one way out for HTTP: what goes along, what is kept of an answer, and what a certificate has to prove."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web

from runbook_operator.core.url_policy import pattern
from runbook_operator.egress.egress_guard import Fault, Tls
from runbook_operator.egress.http_client import Answer, Endpoint, Limits, Outbound, RequestOptions
from tests.fakes.servers import (
    Names,
    ca,
    certified,
    closed_port,
    saying,
    silent,
    talking,
    traffic_target,
    watch_connections,
)

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return watch_connections(monkeypatch)


def outbound(*patterns: str, names: Names | None = None, limits: Limits | None = None) -> Outbound:
    allowed = [pattern(one) for one in patterns]
    return Outbound(allowed, LOOPBACK, resolver=names or Names(["127.0.0.1"]), limits=limits or Limits())


def here(port: int, path: str = "/", **more: Any) -> Endpoint:
    return Endpoint("127.0.0.1", port, path, **more)


async def test_allowed_url_is_requested_by_name_at_the_checked_address(
    connections: list[str],
) -> None:
    async with traffic_target() as there:
        names = Names(["127.0.0.1"])
        out = outbound(f"http://*.example.com:{there.port}/health/*", names=names)
        answer = await out.ask(f"HTTP://API.example.com.:{there.port}/health/live?deep=%41#"[:-1])

    assert (answer.status, answer.fault, answer.why, answer.matched) == (200, None, "", None)
    assert answer.latency > 0
    (request,) = there.requests
    assert request.host == f"api.example.com:{there.port}"
    assert str(request.rel_url) == "/health/live?deep=A"
    assert (names.asked, connections) == (["api.example.com"], ["127.0.0.1"])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_endpoint_is_requested_at_its_address_without_lookup(address: str) -> None:
    names = Names(OSError("nothing may be looked up"))
    async with traffic_target(host="::1" if address == "::1" else "127.0.0.1") as there:
        answer = await outbound(names=names).ask(Endpoint(address, there.port, "/health"))

    assert (answer.status, names.asked) == (200, [])


@pytest.mark.parametrize("status", [200, 204, 301, 302, 401, 404, 429, 500, 503])
async def test_status_is_returned_and_no_redirect_followed(status: int, connections: list[str]) -> None:
    async with traffic_target(partial(web.Response, status=status, headers={"Location": "/elsewhere"})) as there:
        answer = await outbound().ask(here(there.port))

    assert (answer.status, len(there.requests), len(connections)) == (status, 1, 1)


async def test_request_has_only_the_callers_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://u:p@192.0.2.1:3128")
    monkeypatch.setenv("NETRC", "/dev/null")
    async with traffic_target() as there:
        await outbound().ask(here(there.port), RequestOptions(headers={"X-Team": "shop", "Host": "web.shop"}))

    (request,) = there.requests
    assert request.method == "GET"
    assert sorted(request.headers) == ["Accept", "Accept-Encoding", "Connection", "Host", "User-Agent", "X-Team"]
    assert request.headers["Host"] == "web.shop"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Connection"] == "close"
    assert request.headers["User-Agent"].startswith("runbook-operator/")


async def test_head_request_uses_the_head_method() -> None:
    async with traffic_target() as there:
        assert (await outbound().ask(here(there.port), RequestOptions(method="HEAD"))).status == 200

    assert there.requests[0].method == "HEAD"


@pytest.mark.parametrize(
    "headers",
    [
        {"Transfer-Encoding": "chunked"},
        {"content-length": "5"},
        {"Connection": "upgrade"},
        {"Proxy-Authorization": "x"},
        {"Accept-Encoding": "gzip"},
        {"X": "a\r\nY: b"},
        {"X": "a\nb"},
        {"X": "é"},
        {"X": " a"},
        {"X Y": "a"},
        {"X:": "a"},
        {"": "a"},
        {f"X-{i}": "a" for i in range(33)},
        {"X": "a" * 9000},
    ],
    ids=str,
)
async def test_framing_header_is_refused(headers: dict[str, str], connections: list[str]) -> None:
    answer = await outbound().ask(here(9), RequestOptions(headers=headers))

    assert (answer.fault, connections) == (Fault.MALFORMED, [])


async def test_host_header_is_refused() -> None:
    answer = await outbound("http://a.example.com/*").ask(
        "http://a.example.com/", RequestOptions(headers={"HOST": "b"})
    )

    assert answer == Answer(fault=Fault.MALFORMED, why="the header host may not be set")


@pytest.mark.parametrize(
    "path", ["", "health", "@192.0.2.1/", ":9@192.0.2.1/", "\\@192.0.2.1/", "/a b", "/\r\nX: y", "/../a"]
)
async def test_path_cannot_become_another_host_or_request(path: str, connections: list[str]) -> None:
    answer = await outbound().ask(here(9, path))

    assert (answer.fault, connections) == (Fault.MALFORMED, [])


@pytest.mark.parametrize("port", [0, -1, 65536])
async def test_port_outside_tcp_range_is_refused(port: int) -> None:
    assert (await outbound().ask(here(port))).fault == Fault.MALFORMED


@pytest.mark.parametrize(("body", "matched"), [("all is well", True), ("all is lost", False), ("", False)])
async def test_body_is_passed_only_to_the_matcher(body: str, matched: bool) -> None:  # noqa: FBT001
    async with traffic_target(partial(web.Response, text=body)) as there:
        answer = await outbound().ask(here(there.port), match=lambda read: b"well" in read)

    assert (answer.status, answer.matched) == (200, matched)
    assert "all" not in repr(answer)


@pytest.mark.parametrize(("size", "fault"), [(1000, None), (1001, Fault.TOO_LARGE)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_body_is_read_up_to_its_limit(
    size: int,
    fault: Fault | None,
    chunked: bool,  # noqa: FBT001
) -> None:
    def respond() -> web.Response:
        made = web.Response(body=b"x" * size)
        if chunked:
            made.enable_chunked_encoding()
        return made

    async with traffic_target(respond) as there:
        answer = await outbound().ask(here(there.port), RequestOptions(largest=1000), lambda read: len(read) == size)

    assert (answer.status, answer.fault, answer.matched) == (200, fault, True if fault is None else None)


async def test_body_without_matcher_is_not_awaited() -> None:
    talk = saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", every=0.01, forever=True)
    async with talking(talk) as port:
        answer = await outbound().ask(here(port), RequestOptions(seconds=5))

    assert (answer.status, answer.fault) == (200, None)


async def test_head_response_has_no_body_to_await() -> None:
    async with talking(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")) as port:
        answer = await outbound().ask(here(port), RequestOptions(method="HEAD"), lambda read: read == b"")

    assert (answer.status, answer.matched) == (200, True)


async def test_closed_port_is_unreachable() -> None:
    answer = await outbound().ask(here(closed_port()))

    assert (answer.status, answer.fault, answer.why) == (None, Fault.UNREACHABLE, "no connection could be made")


async def test_unreachable_address_falls_back_to_the_next(connections: list[str]) -> None:
    async with traffic_target() as there:
        out = outbound(f"http://a.example.com:{there.port}/", names=Names(["127.0.0.9", "127.0.0.1"]))
        answer = await out.ask(f"http://a.example.com:{there.port}/")

    assert (answer.status, connections) == (200, ["127.0.0.9", "127.0.0.1"])


async def test_connection_not_made_in_time_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", stuck)
    answer = await outbound().ask(here(9), RequestOptions(connect_seconds=0.05))

    assert (answer.fault, answer.why) == (Fault.UNREACHABLE, "no connection could be made in time")


async def test_connection_goes_to_the_checked_address_despite_system_lookups(
    monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    async def lie(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.9", there.port))]

    async with traffic_target() as there:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lie)
        out = outbound(f"http://a.example.com:{there.port}/", names=Names(["127.0.0.1"]))
        answer = await out.ask(f"http://a.example.com:{there.port}/")

    assert (answer.status, connections) == (200, ["127.0.0.1"])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_host_header_has_port_and_brackets_for_ipv6(address: str) -> None:
    async with traffic_target(host=address) as there:
        await outbound().ask(Endpoint(address, there.port, "/health"))

    assert there.requests[0].headers["Host"] == (f"[::1]:{there.port}" if ":" in address else f"{address}:{there.port}")


@pytest.mark.parametrize(
    ("said", "status", "fault"),
    [
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"], 200, None),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\nwe", b"ll"], 200, None),
        ([b"HTTP/1.0 200 OK\r\n\r\nwell"], 200, None),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nwell, and more"], 200, None),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwell"], 200, Fault.CLOSED),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n"], 200, Fault.CLOSED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"], None, Fault.CLOSED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nwell"], None, Fault.GARBLED),
        ([b"HTTP/1.1 200 OK\nContent-Length: 4\n\nwell"], None, Fault.GARBLED),
        ([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nwell"], 200, Fault.GARBLED),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], 200, Fault.GARBLED),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70_000], None, Fault.GARBLED),
    ],
)
async def test_http_response_is_parsed_by_the_standard(
    said: list[bytes], status: int | None, fault: Fault | None
) -> None:
    async with talking(saying(*said)) as port:
        answer = await outbound().ask(here(port), match=lambda body: body == b"well")

    assert (answer.status, answer.fault, answer.matched) == (status, fault, True if fault is None else None)


@pytest.mark.parametrize(
    ("said", "status", "fault"),
    [
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nwhatever", 101, None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, None, Fault.GARBLED),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
    ],
)
async def test_interim_status_is_skipped(said: bytes, status: int | None, fault: Fault | None) -> None:
    async with talking(saying(said)) as port:
        answer = await outbound().ask(here(port))

    assert (answer.status, answer.fault) == (status, fault)


async def test_tls_is_verified_by_the_url_name_at_the_checked_address() -> None:
    async with traffic_target(tls=certified("a.example.com")) as there:
        out = outbound(f"https://a.example.com:{there.port}/")
        answer = await out.ask(f"https://a.example.com:{there.port}/", RequestOptions(tls=Tls(ca())))

    assert (answer.status, answer.why) == (200, "")


@pytest.mark.parametrize(
    ("names", "tls", "status", "why"),
    [
        (["web.shop.svc"], Tls(ca(), "web.shop.svc"), 200, ""),
        (["web.shop.svc"], Tls(ca(), "WEB.shop.svc."), 200, ""),
        (["127.0.0.1"], Tls(ca()), 200, ""),
        (["web.shop.svc"], Tls(ca()), None, "IP address mismatch"),
        (["web.shop.svc"], Tls(ca(), "api.shop.svc"), None, "Hostname mismatch"),
        (["web.shop.svc"], Tls(server_name="web.shop.svc"), None, "unable to get local issuer certificate"),
        (["web.shop.svc"], Tls(insecure=True), 200, ""),
        (["web.shop.svc"], Tls(b"nonsense"), None, "no certificate in PEM"),
        (["web.shop.svc"], Tls(ca(), "a b"), None, "server name"),
    ],
)
async def test_certificate_is_verified_as_configured(
    names: Sequence[str], tls: Tls, status: int | None, why: str
) -> None:
    async with traffic_target(tls=certified(*names)) as there:
        answer = await outbound().ask(here(there.port, scheme="https"), RequestOptions(tls=tls))

    assert answer.status == status
    assert why in answer.why


async def test_timed_out_request_frees_its_slot() -> None:
    out = outbound(limits=Limits(total=1, each=1))
    async with talking(silent) as slow, traffic_target() as there:
        late = await out.ask(here(slow), RequestOptions(seconds=0.05))
        answer = await out.ask(here(there.port))

    assert (late.fault, answer.status) == (Fault.TIMEOUT, 200)


async def test_concurrent_requests_are_limited_by_slots() -> None:
    under_way, most = 0, 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        await reader.readuntil(b"\r\n\r\n")
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with talking(count) as port:
        out = outbound(limits=Limits(total=9, each=3))
        answers = await asyncio.gather(*(out.ask(here(port)) for _ in range(20)))

    assert [one.status for one in answers] == [200] * 20
    assert most == 3


async def test_request_and_answer_texts_never_appear_in_results_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    how = RequestOptions(headers={"Authorization": "Bearer s3cret"}, seconds=1)
    cookie = b"Set-Cookie: s3cret no name=1\r\nX-S: s3cret\r\n"
    told = [repr(how)]
    for said in (
        b"HTTP/1.1 200 s3cret\r\n" + cookie + b"\r\ns3cret",
        b"s3cret\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + cookie,
    ):
        async with talking(saying(said)) as port:
            url = f"http://a.example.com:{port}/?token=s3cret"
            told.append(repr(await outbound(f"http://a.example.com:{port}/").ask(url, how, lambda _: False)))
    told.append(repr(await outbound().ask("http://s3cret:s3cret@a.example.com/?s3cret")))
    told.append(repr(await outbound().ask("http://a.example.com/?s3cret")))

    assert not [one for one in told if "s3cret" in one]
    assert "s3cret" not in caplog.text
