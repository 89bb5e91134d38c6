"""The only HTTP client for outgoing requests: GET or HEAD of what the guard allows, reading no more than needed.

Each request has its own connection: two namespaces share no cookie, connection or address. The client follows no
redirect, uses no proxy and sends no credential of the operator.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from runbook_operator.core import url_policy
from runbook_operator.core.ip_policy import IPAddress, IPNetwork
from runbook_operator.core.references import USER_AGENT
from runbook_operator.egress.egress_guard import (
    ConcurrencyLimit,
    EgressError,
    Fault,
    Guard,
    Resolver,
    SystemResolver,
    Tls,
    timed,
)
from runbook_operator.egress.http1_exchange import Destination, exchange

Matcher = Callable[[bytes], bool]
"""Pure function, True if a body is as expected; nothing else ever reads a body."""
SECONDS = 5.0
CONNECT_SECONDS = 1.5
"""Longer than the one second after which TCP resends a lost SYN."""
LARGEST = 64 * 1024
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
    """Options of one request. The caller's headers may be secret, so the repr does not show them."""

    method: Literal["GET", "HEAD"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = SECONDS
    connect_seconds: float = CONNECT_SECONDS
    tls: Tls = field(default_factory=Tls)
    largest: int = LARGEST


@dataclass(frozen=True)
class Answer:
    """Result of a request: a status, or a fault and a sentence; both if the body was unusable or too large."""

    status: int | None = None
    fault: Fault | None = None
    why: str = ""
    matched: bool | None = None
    latency: float = 0.0


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
        try:
            url, checked = (self.guard.url(where), ()) if isinstance(where, str) else self._inside(where)
            _check(how.headers, FRAMING if checked else FRAMING | {"host"})
        except EgressError as error:
            return Answer(fault=error.fault, why=str(error))
        work = partial(self._answer, url, checked, how, match)
        outcome, latency = await timed(self.places, url.host, how.seconds, work)
        if isinstance(outcome, EgressError):
            return Answer(fault=outcome.fault, why=str(outcome), latency=latency)
        return Answer(outcome.status, outcome.fault, outcome.why, outcome.matched, latency)

    def _inside(self, where: Endpoint) -> tuple[url_policy.Url, tuple[IPAddress, ...]]:
        address = self.guard.in_cluster(where.address)
        if not where.path.startswith("/"):
            raise EgressError(Fault.MALFORMED, "a path begins with /")
        host = str(address) if address.version == 4 else f"[{address}]"  # noqa: PLR2004 # IP's own versions
        try:
            return url_policy.parse(f"{where.scheme}://{host}:{where.port}{where.path}"), (address,)
        except url_policy.UrlError as error:
            raise EgressError(Fault.MALFORMED, str(error)) from error

    async def _answer(
        self, url: url_policy.Url, checked: tuple[IPAddress, ...], how: RequestOptions, match: Matcher | None
    ) -> Answer:
        to = _to(url, checked or await self.guard.addresses(url.host, how.seconds), how)
        largest = how.largest if match and how.method != "HEAD" else None
        response = await exchange(to, _request(url, how), largest)
        if response.error:
            return Answer(response.status, response.error.fault, str(response.error))
        return Answer(response.status, matched=match(response.body) if match else None)


def _to(url: url_policy.Url, checked: Sequence[IPAddress], how: RequestOptions) -> Destination:
    if url.scheme == "http":
        return Destination(checked, url.port, connect_seconds=how.connect_seconds)
    # No connect timeout with TLS: connecting includes the handshake, and a server that stalls there is slow, not
    # unreachable.
    return Destination(checked, url.port, how.tls.context(), how.tls.name() or url.host)


def _request(url: url_policy.Url, how: RequestOptions) -> bytes:
    given = {name.lower() for name in how.headers}
    usual = {"Host": url.authority, "User-Agent": USER_AGENT, "Accept": "*/*"}
    headers = {name: value for name, value in usual.items() if name.lower() not in given} | dict(how.headers) | FRAME
    lines = [f"{how.method} {url.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _check(headers: Mapping[str, str], denied: Collection[str]) -> None:
    """Raise EgressError for headers that are malformed or change the framing or, for a URL, the allowed host."""
    if len(headers) > HEADERS or sum(len(name) + len(value) for name, value in headers.items()) > HEADER_BYTES:
        raise EgressError(Fault.MALFORMED, f"a request has {HEADERS} headers of {HEADER_BYTES} bytes at most")
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise EgressError(Fault.MALFORMED, "a header is a token and visible ASCII")
        if name.lower() in denied:
            raise EgressError(Fault.MALFORMED, f"the header {name.lower()} is not the caller's to set")
