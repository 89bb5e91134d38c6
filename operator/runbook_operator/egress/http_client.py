"""The only HTTP client for outgoing requests: GET, HEAD or POST to destinations that the guard allows.

Each request has its own connection: two namespaces share no cookie, connection or address. The client follows no
redirect, uses no proxy and sends no credential of the operator. It reads no more than needed. It writes each request
once: no connection is used again, and no request is repeated. `Answer.sent` shows if a caller may repeat one that is
not idempotent.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Literal

from runbook_operator.core import url_policy
from runbook_operator.core.ip_policy import IPAddress, IPNetwork
from runbook_operator.core.references import USER_AGENT
from runbook_operator.egress.egress_guard import (
    SENTENCES,
    ConcurrencyLimit,
    EgressError,
    Fault,
    Guard,
    Resolver,
    SystemResolver,
    Tls,
    timed,
)
from runbook_operator.egress.http1_exchange import Destination, Progress, exchange
from runbook_operator.runtime import clock

Matcher = Callable[[bytes], bool]
"""Pure function, True if a body is as expected; nothing else ever reads a body."""
SECONDS = 5.0
CONNECT_SECONDS = 1.5
"""Longer than the one second after which TCP resends a lost SYN."""
LARGEST = 64 * 1024
LARGEST_REQUEST = 256 * 1024
"""Most bytes of a body to send."""
LONGEST_RETRY = 3600.0
"""A longer Retry-After, in seconds, counts as this."""
FRAME = {"Accept-Encoding": "identity", "Connection": "close"}
HEADERS = 32
HEADER_BYTES = 8 * 1024
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
FRAMING = frozenset(
    {
        *("accept-encoding", "connection", "content-encoding", "content-length", "expect", "keep-alive", "te"),
        *("proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Headers that delimit or route a request; only this client sets them."""


@dataclass(frozen=True)
class Endpoint:
    """A Service or a pod by its IP address, as read from the API server."""

    address: str
    port: int
    path: str = "/"
    scheme: Literal["http", "https"] = "http"


@dataclass(frozen=True)
class RequestOptions:
    """Options of one request. The caller's headers and body may be secret, so the repr does not show them.

    `content_type` is of the body that a POST sends. `keep_body` keeps the body of the response in the answer, up to
    `largest` bytes. `hide_url` keeps every part of the URL out of `Answer.why`, its host and addresses too.
    """

    method: Literal["GET", "HEAD", "POST"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = SECONDS
    connect_seconds: float = CONNECT_SECONDS
    tls: Tls = field(default_factory=Tls)
    largest: int = LARGEST
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    keep_body: bool = False
    hide_url: bool = False


@dataclass(frozen=True)
class Answer:
    """Result of a request: a status, or a fault and a sentence; both if the body was incomplete, unusable or too large.

    `sent` is False if the server received nothing of the request. `retry_after` is in seconds.
    """

    status: int | None = None
    fault: Fault | None = None
    why: str = ""
    matched: bool | None = None
    latency: float = 0.0
    body: bytes = field(default=b"", repr=False)
    retry_after: float | None = None
    sent: bool = False


@dataclass(frozen=True)
class Limits:
    """Maximum of concurrent checks: `total` in all, `each` per host."""

    total: int = 256
    each: int = 8


class Outbound:
    """Make requests that the guard allows. A failure of the server is an Answer, never an exception."""

    def __init__(
        self,
        patterns: Sequence[url_policy.Pattern] = (),
        allowed_networks: Sequence[IPNetwork] = (),
        forbidden: Collection[IPAddress] = (),
        *,
        resolver: Resolver | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self.guard = Guard(patterns, allowed_networks, forbidden, resolver or SystemResolver())
        self.places = ConcurrencyLimit(limits.total, limits.each)

    async def ask(
        self, where: str | Endpoint, how: RequestOptions = RequestOptions(), match: Matcher | None = None
    ) -> Answer:
        """Request a URL that matches the administrator's patterns, or an endpoint in the cluster."""
        progress = Progress()
        try:
            url, checked = (self.guard.url(where), ()) if isinstance(where, str) else self._inside(where)
            _check(how, FRAMING if checked else FRAMING | {"host"})
        except EgressError as error:
            return _failed(error, how, progress)
        work = partial(self._answer, url, checked, how, match, progress)
        outcome, latency = await timed(self.places, url.host, how.seconds, work)
        return replace(
            _failed(outcome, how, progress) if isinstance(outcome, EgressError) else outcome, latency=latency
        )

    def _inside(self, where: Endpoint) -> tuple[url_policy.Url, tuple[IPAddress, ...]]:
        address = self.guard.in_cluster(where.address)
        if not where.path.startswith("/"):
            raise EgressError(Fault.MALFORMED, "a path must begin with /")
        host = str(address) if address.version == 4 else f"[{address}]"  # noqa: PLR2004 # IP's own versions
        try:
            return url_policy.parse(f"{where.scheme}://{host}:{where.port}{where.path}"), (address,)
        except url_policy.UrlError as error:
            raise EgressError(Fault.MALFORMED, str(error)) from error

    async def _answer(
        self,
        url: url_policy.Url,
        checked: tuple[IPAddress, ...],
        how: RequestOptions,
        match: Matcher | None,
        progress: Progress,
    ) -> Answer:
        to = _to(url, checked or await self.guard.addresses(url.host, how.seconds), how)
        reads = how.method == "POST" or ((match or how.keep_body) and how.method == "GET")
        response = await exchange(to, _request(url, how), how.largest if reads else None, progress)
        if response.error:
            return _failed(response.error, how, Progress(sent=True, head=response))
        return Answer(
            response.status,
            matched=match(response.body) if match else None,
            body=response.body if how.keep_body else b"",
            retry_after=retry_after(response.retry_after),
            sent=True,
        )


def _failed(error: EgressError, how: RequestOptions, progress: Progress) -> Answer:
    """Return the answer for an error; it keeps the status if that had come."""
    # The sentences of these two faults name nothing of the URL. Others name its addresses, or a certificate's host.
    shown = not how.hide_url or error.fault in (Fault.MALFORMED, Fault.NOT_ALLOWED)
    head = progress.head
    return Answer(
        head.status if head else None,
        error.fault,
        str(error) if shown else SENTENCES[error.fault],
        retry_after=retry_after(head.retry_after) if head else None,
        sent=progress.sent,
    )


def retry_after(text: str) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date, between 0 and LONGEST_RETRY; None if invalid."""
    if re.fullmatch(r"[0-9]+", text):
        return min(float(text), LONGEST_RETRY)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is in GMT, as HTTP has it.
    left = (at if at.tzinfo else at.replace(tzinfo=UTC)) - clock.now()
    return min(max(left.total_seconds(), 0.0), LONGEST_RETRY)


def _to(url: url_policy.Url, checked: Sequence[IPAddress], how: RequestOptions) -> Destination:
    if url.scheme == "http":
        return Destination(checked, url.port, connect_seconds=how.connect_seconds)
    # No connect timeout with TLS: connecting includes the handshake, and a server that stalls there is slow, not
    # unreachable.
    return Destination(checked, url.port, how.tls.context(), how.tls.name() or url.host)


def _request(url: url_policy.Url, how: RequestOptions) -> bytes:
    given = {name.lower() for name in how.headers}
    usual = {"Host": url.authority, "User-Agent": USER_AGENT, "Accept": "*/*"}
    if how.content_type:
        usual["Content-Type"] = how.content_type
    frame = FRAME | ({"Content-Length": str(len(how.body))} if how.method == "POST" else {})
    headers = {name: value for name, value in usual.items() if name.lower() not in given} | dict(how.headers) | frame
    lines = [f"{how.method} {url.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + how.body


def _check(how: RequestOptions, denied: Collection[str]) -> None:
    """Raise EgressError for a request that cannot be written, or whose headers change its framing or allowed host."""
    if how.body and how.method != "POST":
        raise EgressError(Fault.MALFORMED, "only a POST has a body")
    if len(how.body) > LARGEST_REQUEST:
        raise EgressError(Fault.MALFORMED, f"a request has a body of {LARGEST_REQUEST} bytes at most")
    if not _VALUE.fullmatch(how.content_type):
        raise EgressError(Fault.MALFORMED, "a content type is visible ASCII")
    _check_headers(how.headers, denied)


def _check_headers(headers: Mapping[str, str], denied: Collection[str]) -> None:
    if len(headers) > HEADERS or sum(len(name) + len(value) for name, value in headers.items()) > HEADER_BYTES:
        raise EgressError(Fault.MALFORMED, f"a request may have at most {HEADERS} headers of {HEADER_BYTES} bytes")
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise EgressError(Fault.MALFORMED, "a header must have a token as its name and visible ASCII as its value")
        if name.lower() in denied:
            raise EgressError(Fault.MALFORMED, f"the header {name.lower()} may not be set")
