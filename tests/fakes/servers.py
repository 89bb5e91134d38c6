"""Real HTTP, TCP and gRPC servers on loopback, a resolver with the answers of the test, and certificates.

Left out: name servers, and hosts beyond the loopback.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

import pytest
import trustme
from aiohttp import web

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver of which each look-up takes the next answer, and the last one again and again."""

    def __init__(self, *answers: Sequence[str] | OSError) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def ca() -> bytes:
    return authority().cert_pem.bytes()


def certified(*names: str, by: trustme.CA | None = None) -> ssl.SSLContext:
    """A server's side of TLS with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (by or authority()).issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@dataclass
class TrafficTarget:
    """An HTTP server that notes what it was asked."""

    port: int = 0
    requests: list[web.Request] = field(default_factory=list)


@asynccontextmanager
async def traffic_target(
    response: Callable[[], web.StreamResponse] = web.Response,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[TrafficTarget]:
    observed = TrafficTarget()

    async def handle(request: web.Request) -> web.StreamResponse:
        observed.requests.append(request)
        return response()

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, 0, ssl_context=tls).start()
    observed.port = runner.addresses[0][1]
    yield observed
    await runner.cleanup()


@asynccontextmanager
async def talking(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A TCP server that talks as it is told until the other side is gone."""
    talks: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls) as running:
        yield running.sockets[0].getsockname()[1]
        for task in filter(None, talks):
            task.cancel()
        await asyncio.gather(*filter(None, talks), return_exceptions=True)


def saying(*parts: bytes, every: float = 0.0, forever: bool = False) -> Talk:
    """Read a request's head, then say these parts with pauses, the last one for ever if so."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await asyncio.sleep(every)
        while forever:
            writer.write(parts[-1])
            await writer.drain()
            await asyncio.sleep(every)
        writer.write_eof()
        await reader.read()

    return talk


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whatever comes as HTTP without TLS does."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await reader.read()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, and say nothing."""
    del writer
    while await reader.read(1024):
        pass


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def watch_connections(patch: pytest.MonkeyPatch) -> list[str]:
    """The addresses to which connections are begun from now on; one that leaves the machine fails the test."""
    observed: list[str] = []
    connect = socket.socket.connect

    def note(self: socket.socket, address: tuple[str, int]) -> None:
        assert address[0].startswith("127.") or address[0] == "::1", f"a test connects to {address}"
        observed.append(address[0])
        connect(self, address)

    patch.setattr(socket.socket, "connect", note)
    return observed
