"""Health checks by HTTP, TCP and gRPC. Each finds the target healthy, unhealthy or unknown."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runbook_operator.core.http_statuses import FINE, Statuses
from runbook_operator.core.ip_policy import IPAddress
from runbook_operator.egress.egress_guard import EgressError, Fault, Tls, Verdict, timed, verdict
from runbook_operator.egress.http_client import SECONDS, Answer, Endpoint, Matcher, Outbound, RequestOptions

if TYPE_CHECKING:
    from runbook_operator.egress.grpc_health import Call

LONGEST_TEXT = 1024
LONGEST_NAME = 256
MOST_READ = 64 * 1024
NO_MATCH = "NoMatch"
OPEN = "Open"


@dataclass(frozen=True)
class CheckResult:
    """`ok` is True if the target is healthy, None if unknown; `status` is one word; `latency` is in seconds.

    `why` is a sentence if there was no response.
    """

    ok: bool | None
    status: str
    latency: float
    why: str = ""


def contains(text: str) -> Matcher:
    """Return a matcher for bodies that contain the text; raises ValueError if it is empty or too long.

    It takes no regular expression, since a tenant could write one that blocks the event loop.
    """
    wanted = text.encode()
    if not 0 < len(wanted) <= LONGEST_TEXT:
        raise ValueError(f"bodyContains must have 1 to {LONGEST_TEXT} bytes")
    return lambda body: wanted in body


async def http(
    out: Outbound,
    where: str | Endpoint,
    expected: Statuses = FINE,
    match: Matcher | None = None,
    how: RequestOptions | None = None,
) -> CheckResult:
    """Check by HTTP: healthy if the status is expected and the body matches `match`, if that is set."""
    answer = await out.ask(where, how or RequestOptions(), match)
    ok, status = _verdict(answer, expected)
    return CheckResult(ok, status, answer.latency, answer.why)


def _verdict(answer: Answer, expected: Statuses) -> Verdict:
    if answer.status is not None and answer.status not in expected:
        return False, str(answer.status)
    if answer.fault:
        return verdict(answer.fault)
    return (False, NO_MATCH) if answer.matched is False else (True, str(answer.status))


async def tcp(out: Outbound, address: str, port: int, seconds: float = SECONDS) -> CheckResult:
    """Check by TCP: healthy if the connection is accepted. It sends nothing."""

    async def work() -> Verdict:
        async with _connection(out.guard.in_cluster(address), port, None):
            return True, OPEN

    return await _checked(out, address, seconds, work)


async def grpc(
    out: Outbound, address: str, port: int, service: str = "", *, seconds: float = SECONDS, tls: Tls | None = None
) -> CheckResult:
    """Check by grpc.health.v1.Health/Check: healthy if the service is SERVING. An empty name is the whole server."""
    # Imported here because it loads h2: 2 MiB and some 20 ms, which only installations with gRPC checks pay.
    from runbook_operator.egress.grpc_health import Call  # noqa: PLC0415

    async def work() -> Verdict:
        if len(service.encode(errors="replace")) > LONGEST_NAME:
            raise EgressError(Fault.MALFORMED, f"the name of a gRPC service may have at most {LONGEST_NAME} bytes")
        checked = out.guard.in_cluster(address)
        name = (tls and tls.name()) or (str(checked) if checked.version == 4 else f"[{checked}]")  # noqa: PLR2004 # IP's
        async with _connection(checked, port, tls) as (reader, writer):
            call = Call("https" if tls else "http", f"{name}:{port}", service, seconds)
            return await _conversation(call, reader, writer)

    return await _checked(out, address, seconds, work)


async def _checked(out: Outbound, address: str, seconds: float, work: Callable[[], Awaitable[Verdict]]) -> CheckResult:
    outcome, latency = await timed(out.places, address, seconds, work)
    if isinstance(outcome, EgressError):
        return CheckResult(*verdict(outcome.fault), latency, str(outcome))
    return CheckResult(*outcome, latency)


@asynccontextmanager
async def _connection(
    checked: IPAddress, port: int, tls: Tls | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if not 0 < port < 65536:  # noqa: PLR2004 # TCP's own bounds
        raise EgressError(Fault.MALFORMED, "a port must be a number from 1 to 65535")
    context, name = (tls.context("h2"), tls.name() or str(checked)) if tls else (None, None)
    reader, writer = await asyncio.open_connection(str(checked), port, ssl=context, server_hostname=name)
    try:
        yield reader, writer
    finally:
        # Abort: the written bytes are already sent, and an orderly close would wait for the server to close too.
        writer.transport.abort()


async def _conversation(call: "Call", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Verdict:
    writer.write(call.begin())
    left = MOST_READ
    while not call.ended:
        if not (data := await reader.read(left)):
            raise EgressError(Fault.CLOSED if left else Fault.GARBLED)
        left -= len(data)
        writer.write(call.feed(data))
    return call.verdict()
