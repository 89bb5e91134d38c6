"""One HTTP/1.1 exchange on its own connection: write a request, and read only the needed part of the response.

The parser is llhttp, by way of httptools. A client library's sessions, pools and cookies cost four times the exchange
itself, and two checks may not share any of them.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import httptools

from runbook_operator.core.ip_policy import IPAddress
from runbook_operator.egress.egress_guard import EgressError, Fault, failure

LARGEST_HEAD = 64 * 1024
"""Most bytes before the body, including interim responses; the parser itself has no limit."""
INTERIM = frozenset({*range(HTTPStatus.CONTINUE, HTTPStatus.OK)} - {HTTPStatus.SWITCHING_PROTOCOLS})
"""Statuses after which the final response still follows."""
LONGEST_RETRY_AFTER = 64
"""Bytes of a Retry-After header that are kept; a date has 29."""
IDENTITY = b"identity"
PACKED = "the body is compressed, although the request did not allow that"
FRAMING = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True)
class Destination:
    """Destination of a connection: the first of the addresses that accepts, by TLS if there is a context."""

    addresses: Sequence[IPAddress]
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    connect_seconds: float | None = None


@dataclass(frozen=True)
class Response:
    """Status and, if requested, the body; `error` is a problem with the body, next to a valid status."""

    status: int
    body: bytes = field(default=b"", repr=False)
    error: EgressError | None = None
    retry_after: str = ""


@dataclass
class Progress:
    """The progress of an exchange; a caller reads it after an error or a time-out.

    `sent` is set before the first byte of the request is written. `head` is the response up to its body.
    """

    sent: bool = False
    head: Response | None = None


Outcome = asyncio.Future[Response | EgressError]
"""Holds an error as a result, not as an exception: if nothing awaits it any more, asyncio would log an exception."""


async def exchange(to: Destination, request: bytes, largest: int | None, progress: Progress) -> Response:
    """Write the request once and read the response: its status, and with `largest` its body up to that many bytes.

    Raises EgressError and OSError. Only connecting has a time limit here.
    """
    done: Outcome = asyncio.get_running_loop().create_future()
    asked = _StatusReader(done) if largest is None else _BodyReader(done, largest, progress)
    transport = await _connected(to, asked)
    try:
        progress.sent = True
        transport.write(request)
        outcome = await done
    finally:
        transport.abort()
    if isinstance(outcome, EgressError):
        raise outcome
    return outcome


async def _connected(to: Destination, asked: "_StatusReader") -> asyncio.Transport:
    """Connect to the first checked address that accepts; resolves no name. Raises EgressError."""
    loop = asyncio.get_running_loop()
    failed = EgressError(Fault.UNREACHABLE)
    for address in to.addresses:
        try:
            async with asyncio.timeout(to.connect_seconds):
                transport, _ = await loop.create_connection(
                    lambda: asked, str(address), to.port, ssl=to.tls, server_hostname=to.server_name
                )
                return transport
        except TimeoutError:
            failed = EgressError(Fault.UNREACHABLE, "no connection could be made in time")
        except OSError as error:
            failed = failure(error)
    raise failed


class _StatusReader(asyncio.Protocol):
    """Wait for the status. httptools calls this object's on_* methods by name."""

    def __init__(self, done: Outcome) -> None:
        self.done = done
        self.parser = httptools.HttpResponseParser(self)
        self._before = 0
        """Bytes received before the status was known."""

    def data_received(self, data: bytes) -> None:
        if self.done.done():
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            """The status of the upgrade is already taken; nothing after it is read."""
        except httptools.HttpParserError:
            self.end(EgressError(Fault.GARBLED))
        self._before += len(data)
        if self._before > LARGEST_HEAD and self.head_is_missing():
            self.end(EgressError(Fault.GARBLED))

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status not in INTERIM:
            self.take(status)

    def head_is_missing(self) -> bool:
        return not self.done.done()

    def take(self, status: int) -> None:
        """Handle the final status: end the exchange with it."""
        self.end(Response(status))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # whether reset or closed, no more data comes
        self.end(EgressError(Fault.CLOSED))

    def end(self, outcome: Response | EgressError) -> None:
        """Set the outcome; only the first one counts, later data is ignored."""
        if not self.done.done():
            self.done.set_result(outcome)


class _BodyReader(_StatusReader):
    """Wait for the body too. A problem with the body keeps the status; a compressed body is not decompressed."""

    def __init__(self, done: Outcome, largest: int, progress: Progress) -> None:
        super().__init__(done)
        self._largest = largest
        self._progress = progress
        self._head: Response | None = None
        self._body = bytearray()
        self._headers: dict[bytes, bytes] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def head_is_missing(self) -> bool:
        return self._head is None

    def take(self, status: int) -> None:
        retry_after = self._headers.get(b"retry-after", b"")[:LONGEST_RETRY_AFTER]
        self._progress.head = self._head = Response(status, retry_after=retry_after.decode("ascii", "ignore"))
        if self._headers.get(b"content-encoding", IDENTITY).lower() != IDENTITY:
            self._spoilt(Fault.GARBLED, PACKED)
        elif int(self._headers.get(b"content-length", b"0")) > self._largest:
            self._spoilt(Fault.TOO_LARGE)

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > self._largest:
            self._spoilt(Fault.TOO_LARGE)

    def on_message_complete(self) -> None:
        if self._head:
            self.end(replace(self._head, body=bytes(self._body)))

    def eof_received(self) -> None:
        """End a body of undeclared length at the end of the connection."""
        if self._head and not FRAMING & self._headers.keys():
            self.on_message_complete()

    def _spoilt(self, fault: Fault, why: str = "") -> None:
        if self._head:
            self.end(replace(self._head, error=EgressError(fault, why)))
