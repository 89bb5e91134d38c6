"""Connections to a source: what is not there, not trusted, not HTTP, too slow or too much is an answer."""

import asyncio
import gzip
import socket

import pytest
from aiohttp import web

from runbook_operator.core.samples import QueryError
from runbook_operator.monitoring.backends import source_connection as module
from tests.fakes.prometheus_source import (
    AT,
    Source,
    answer,
    ask,
    client,
    error,
    serving,
    talking,
)
from tests.fakes.servers import ca, certified


async def test_redirect_is_not_followed_and_gets_no_credential() -> None:
    elsewhere = Source()
    async with serving(elsewhere.handle) as other:

        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{other}/api/v1/query"})

        found = error(await ask(redirect, token="hunter2"))

    assert (found.kind, elsewhere.asked) == ("Unreachable", [])
    assert "redirect" in found.message


async def test_endless_answer_is_read_up_to_its_limit() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 100 * module.MOST_BYTES:
            await response.write(b" " * 65536)
            sent += 65536
        return response

    found = error(await ask(endless))

    assert found.kind == "TooLarge"
    assert "2 MiB" in found.message
    assert sent < 10 * module.MOST_BYTES


async def test_unrequested_compression_is_malformed() -> None:
    packed = gzip.compress(b" " * 10**8)

    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    assert error(await ask(bomb)).kind == "Malformed"


async def test_slow_answer_times_out() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    assert error(await ask(drip, seconds=0.2)) == QueryError("Timeout", "no response within 0.2 s")


async def test_refused_connection_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with client(f"http://us:hunter2@127.0.0.1:{port}") as made:
        found = error((await made.instant(["up"], AT))["up"])

    assert found.kind == "Unreachable"
    assert found.message.startswith("no connection: ")
    assert "hunter2" not in found.message


async def test_unresolvable_name_is_unreachable() -> None:
    async with client("http://prometheus.invalid") as made:
        assert error((await made.instant(["up"], AT))["up"]).kind == "Unreachable"


async def test_connection_not_made_in_time_is_unreachable() -> None:
    """TEST-NET-1 leads nowhere: packets to it are dropped, or refused at once where there is no route."""
    async with client("http://192.0.2.1", seconds=0.1) as made:
        assert error((await made.instant(["up"], AT))["up"]).kind == "Unreachable"


async def test_other_protocol_is_malformed_and_closed_connection_unreachable() -> None:
    words = iter((b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", b"", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"))

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(words))
        await writer.drain()
        writer.close()

    async with talking(rude) as url, client(url) as made:
        kinds = [error((await made.instant(["up"], AT))["up"]) for _ in range(3)]

    assert [found.kind for found in kinds] == ["Malformed", "Unreachable", "Unreachable"]


async def test_closed_idle_connection_is_replaced_without_failure() -> None:
    closed: list[asyncio.StreamWriter] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """It promises to keep the connection, and closes it when the next request comes."""
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
        body = answer("vector", []).text or ""
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await reader.read(1)
        closed.append(writer)
        writer.close()

    async with talking(once) as url, client(url) as made:
        answers = [(await made.instant(["up"], AT))["up"] for _ in range(4)]

    assert answers == [()] * 4
    assert len(closed) >= 3


@pytest.mark.parametrize(("trusted", "kind"), [(True, None), (False, "Unreachable")])
async def test_certificate_is_checked_only_against_the_given_authority(*, trusted: bool, kind: str | None) -> None:
    async with serving(Source().handle, ssl_context=certified("127.0.0.1")) as url:
        secure = url.replace("http://", "https://")
        async with client(secure, ca=f"# für alle\n{ca().decode()}" if trusted else None) as made:
            found = (await made.instant(["up"], AT))["up"]

    assert (found.kind if isinstance(found, QueryError) else None) == kind
    if isinstance(found, QueryError):
        assert "certificate was not accepted" in found.message
