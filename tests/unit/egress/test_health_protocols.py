"""Health checks: what is well, what is not, and what nobody can tell."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address, ip_network

import grpc
import pytest
from aiohttp import web
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from runbook_operator.core.http_statuses import statuses
from runbook_operator.core.references import USER_AGENT
from runbook_operator.egress import egress_guard, health_protocols
from runbook_operator.egress.egress_guard import Tls
from runbook_operator.egress.health_protocols import CheckResult, contains
from runbook_operator.egress.http_client import Endpoint, Outbound, RequestOptions
from tests.fakes.servers import (
    Talk,
    authority,
    ca,
    closed_port,
    plain,
    saying,
    silent,
    talking,
    traffic_target,
    watch_connections,
)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.UNKNOWN


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return watch_connections(monkeypatch)


def outbound() -> Outbound:
    return Outbound((), [ip_network("127.0.0.0/8"), ip_network("::1/128")], [ip_address("10.96.0.1")])


def told(result: CheckResult) -> tuple[bool | None, str]:
    assert result.latency >= 0
    return result.ok, result.status


@pytest.mark.parametrize("text", ["", "x" * 1025, "é" * 513])
def test_empty_or_oversized_match_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must have 1 to 1024 bytes"):
        contains(text)


def test_match_text_is_literal_and_no_pattern() -> None:
    assert contains("it's (a+)+$ ü")("so it's (a+)+$ ü here".encode())
    assert not contains("a.c")(b"abc")


@pytest.mark.parametrize(
    ("status", "body", "expected", "ok", "word"),
    [
        (200, "well", "200-299", True, "200"),
        (503, "well", "200-299", False, "503"),
        (302, "well", "200-299", False, "302"),
        (503, "well", "503", True, "503"),
        (200, "lost", "200-299", False, "NoMatch"),
        (200, "x" * 70_000, "200-299", None, "TooLarge"),
        (500, "x" * 70_000, "200-299", False, "500"),
    ],
)
async def test_http_check_passes_with_expected_status_and_body(  # one row of the table
    status: int,
    body: str,
    expected: str,
    ok: bool | None,  # noqa: FBT001
    word: str,
) -> None:
    async with traffic_target(partial(web.Response, status=status, text=body)) as there:
        where = Endpoint("127.0.0.1", there.port)
        result = await health_protocols.http(outbound(), where, statuses(expected), contains("well"))

    assert told(result) == (ok, word)


@pytest.mark.parametrize(
    ("talk", "ok", "word"),
    [
        (silent, False, "Timeout"),
        (saying(), False, "Closed"),
        (saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), False, "Garbled"),
    ],
)
async def test_http_check_without_valid_answer_fails(
    talk: Talk,
    ok: bool | None,  # noqa: FBT001
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress_guard, "LATE", 60)
    async with talking(talk) as port:
        how = RequestOptions(seconds=0.1 if talk is silent else 10)
        result = await health_protocols.http(outbound(), Endpoint("127.0.0.1", port), how=how)

    assert told(result) == (ok, word)


@pytest.mark.parametrize(
    ("where", "word"),
    [
        (Endpoint("169.254.169.254", 80), "Refused"),
        (Endpoint("10.96.0.1", 443), "Refused"),
        (Endpoint("web", 80), "Malformed"),
        ("http://a.example.com/", "NotAllowed"),
        ("http://u:p@a.example.com/", "Malformed"),
    ],
)
async def test_refused_http_destination_is_inconclusive(
    where: str | Endpoint, word: str, connections: list[str]
) -> None:
    assert told(await health_protocols.http(outbound(), where)) == (None, word)
    assert connections == []


async def test_tcp_check_passes_once_connected() -> None:
    async with talking(silent) as port:
        assert told(await health_protocols.tcp(outbound(), "127.0.0.1", port)) == (True, "Open")

    assert told(await health_protocols.tcp(outbound(), "127.0.0.1", closed_port())) == (False, "Unreachable")


@pytest.mark.parametrize(
    ("address", "port", "word"),
    [
        ("169.254.169.254", 80, "Refused"),
        ("0.0.0.0", 80, "Refused"),  # noqa: S104 # nothing is bound here
        ("::ffff:10.96.0.1", 80, "Refused"),
        ("localhost", 80, "Malformed"),
        ("127.0.0.1", 0, "Malformed"),
        ("127.0.0.1", 70_000, "Malformed"),
    ],
)
async def test_tcp_and_grpc_checks_have_the_limits_of_http(
    address: str, port: int, word: str, connections: list[str]
) -> None:
    assert told(await health_protocols.tcp(outbound(), address, port)) == (None, word)
    assert told(await health_protocols.grpc(outbound(), address, port)) == (None, word)
    assert connections == []


async def test_tcp_connection_not_made_in_time_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(egress_guard, "LATE", 60)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", stuck)
    assert told(await health_protocols.tcp(outbound(), "127.0.0.1", 9, seconds=0.05)) == (False, "Timeout")


@contextmanager
def grpc_server(tls: bool = False) -> Iterator[tuple[int, health.HealthServicer]]:  # noqa: FBT001, FBT002
    """The reference server of gRPC with its own health service, in threads of its own."""
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if tls:
        leaf = authority().issue_cert("web.shop.svc")
        pair = (leaf.private_key_pem.bytes(), b"".join(one.bytes() for one in leaf.cert_chain_pems))
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port, servicer
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("status", "ok", "word"),
    [(SERVING, True, "Serving"), (NOT_SERVING, False, "NotServing"), (UNKNOWN, None, "Unknown")],
)
@pytest.mark.parametrize("service", ["", "shop.Cart", "s" * 127, "s" * 200, "s" * 256])
async def test_grpc_check_passes_while_the_service_is_serving(
    service: str,
    status: int,
    ok: bool | None,  # noqa: FBT001
    word: str,
) -> None:
    with grpc_server() as (port, servicer):
        servicer.set(service, status)
        assert told(await health_protocols.grpc(outbound(), "127.0.0.1", port, service)) == (ok, word)


async def test_grpc_service_unknown_to_the_server_is_inconclusive() -> None:
    with grpc_server() as (port, _):
        assert told(await health_protocols.grpc(outbound(), "127.0.0.1", port, "shop.Cart")) == (None, "ServiceUnknown")
        assert told(await health_protocols.grpc(outbound(), "127.0.0.1", port, "s" * 257)) == (None, "Malformed")


async def test_grpc_server_without_health_service_is_inconclusive() -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    assert told(await health_protocols.grpc(outbound(), "127.0.0.1", port)) == (None, "Unimplemented")
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("tls", "ok", "word"),
    [
        (Tls(ca(), "web.shop.svc"), True, "Serving"),
        (Tls(insecure=True), True, "Serving"),
        (Tls(ca()), False, "TLS"),
        (Tls(server_name="web.shop.svc"), False, "TLS"),
        (Tls(b"nonsense"), None, "Malformed"),
    ],
)
async def test_grpc_over_tls_is_verified_as_configured(tls: Tls, ok: bool | None, word: str) -> None:  # noqa: FBT001
    with grpc_server(tls=True) as (port, servicer):
        servicer.set("", SERVING)
        assert told(await health_protocols.grpc(outbound(), "127.0.0.1", port, tls=tls)) == (ok, word)


Headers = list[tuple[str, str]]
FINE: Headers = [(":status", "200"), ("content-type", "application/grpc+proto")]


def h2_server(answer: Callable[[H2Connection], None], observed: list[dict[bytes, bytes]] | None = None) -> Talk:
    """An HTTP/2 server that answers as no gRPC server could be told to."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        connection.initiate_connection()
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    (observed if observed is not None else []).append(dict(event.headers))
                    answer(connection)
            writer.write(connection.data_to_send())

    return talk


def query_supply(
    headers: Headers, body: bytes = b"", trailers: Headers | None = None
) -> Callable[[H2Connection], None]:
    def answer(connection: H2Connection) -> None:
        connection.send_headers(1, headers, end_stream=not (body or trailers))
        if body:
            connection.send_data(1, body, end_stream=not trailers)
        if trailers:
            connection.send_headers(1, trailers, end_stream=True)

    return answer


def and_goodbye(connection: H2Connection) -> None:
    """What a server says that stops, right behind its last answer."""
    in_trailers(b"\0\0\0\0\2\x08\1")(connection)
    connection.close_connection()


def in_trailers(body: bytes, code: str = "0") -> Callable[[H2Connection], None]:
    return query_supply(FINE, body, [("grpc-status", code)])


@pytest.mark.parametrize(
    ("answer", "ok", "word"),
    [
        (in_trailers(b"\0\0\0\0\2\x08\1"), True, "Serving"),
        (and_goodbye, True, "Serving"),
        (in_trailers(b"\0\0\0\0\0"), None, "Unknown"),
        (in_trailers(b"\0\0\0\0\2\x08\3"), None, "ServiceUnknown"),
        (in_trailers(b"\0\0\0\0\2\x08\x63"), None, "Unknown"),
        (in_trailers(b"\1\0\0\0\2\x08\1"), False, "Garbled"),
        (in_trailers(b"\0\0\0\0\3\x08\1"), False, "Garbled"),
        (in_trailers(b"\0\0\0\0\1\x08"), False, "Garbled"),
        (in_trailers(b"\0\0\0\0\2\x12\1"), False, "Garbled"),
        (in_trailers(b"\0\0"), False, "Garbled"),
        (in_trailers(b"", "0"), False, "Garbled"),
        (in_trailers(b"\0\0\0\0\2\x08\1", "x"), False, "Garbled"),
        (query_supply(FINE, b"\0\0\0\0\2\x08\1"), False, "Garbled"),
        (query_supply([(":status", "200"), ("content-type", "text/html")], b"<html>"), False, "Garbled"),
        (query_supply([(":status", "503")]), False, "Garbled"),
        (query_supply([*FINE, ("grpc-status", "14")]), False, "Unavailable"),
        (query_supply([*FINE, ("grpc-status", "16")]), None, "Unauthenticated"),
        (query_supply([*FINE, ("grpc-status", "2")]), False, "Failed"),
        (lambda connection: connection.reset_stream(1, 8), False, "Closed"),
        (lambda connection: connection.close_connection(11), False, "Closed"),
    ],
)
async def test_grpc_answer_is_parsed_strictly(
    answer: Callable[[H2Connection], None],
    ok: bool | None,  # noqa: FBT001
    word: str,
) -> None:
    async with talking(h2_server(answer)) as port:
        assert told(await health_protocols.grpc(outbound(), "127.0.0.1", port)) == (ok, word)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::ffff:127.0.0.1%\r\nx"])
async def test_grpc_request_has_the_standard_headers(address: str) -> None:
    observed: list[dict[bytes, bytes]] = []
    async with talking(h2_server(in_trailers(b"\0\0\0\0\2\x08\1"), observed)) as port:
        await health_protocols.grpc(outbound(), address, port, seconds=2)

    assert observed == [
        {
            b":method": b"POST",
            b":scheme": b"http",
            b":path": b"/grpc.health.v1.Health/Check",
            b":authority": f"127.0.0.1:{port}".encode(),
            b"te": b"trailers",
            b"content-type": b"application/grpc",
            b"user-agent": USER_AGENT.encode(),
            b"grpc-timeout": b"2000m",
        }
    ]


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    while True:
        connection.ping(b"12345678")
        writer.write(connection.data_to_send())
        await writer.drain()
        await asyncio.sleep(0)


async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close as soon as somebody comes."""
    del writer
    await reader.read(1)


async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin as HTTP/2 does, and go on with data for the stream that has none."""
    writer.write(b"\0\0\0\x04\0\0\0\0\0" + b"\0\0\0\x00\0\0\0\0\0")
    await reader.read()


@pytest.mark.parametrize(
    ("talk", "word"),
    [(silent, "Timeout"), (plain, "Garbled"), (rude, "Closed"), (flood, "Garbled"), (broken, "Garbled")],
)
async def test_grpc_check_of_another_protocol_fails(talk: Talk, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_guard, "LATE", 60)
    async with talking(talk) as port:
        result = await health_protocols.grpc(outbound(), "127.0.0.1", port, seconds=0.1 if talk is silent else 10)

    assert told(result) == (False, word)


def test_process_without_grpc_checks_does_not_import_h2() -> None:
    code = "import sys, runbook_operator.egress.health_protocols; print('h2' in sys.modules, 'grpc' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
