"""Guard outgoing connections to anything but the API server: allowed destinations, concurrency limits, failures.

A host name is resolved once, every address of it is checked, and the connection is made to a checked address. A Fault
and its sentence contain nothing of a response but its outcome.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from typing import TypeVar
from weakref import WeakValueDictionary

from runbook_operator.core import ip_policy, url_policy
from runbook_operator.core.ip_policy import IPAddress, IPNetwork
from runbook_operator.runtime import clock

T = TypeVar("T")
Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""Resolves a host name to its addresses, the preferred one first; raises OSError if there are none."""
RESOLVING_THREADS = 8
RESOLVING_PART = 0.5
"""Fraction of a check's timeout for resolving its name: a slow name server must not count as a slow target."""
LATE = 0.25
"""A timeout noticed this many seconds late means that this process was busy; it is no evidence about the target."""
LARGEST_CA = 256 * 1024
"""Largest CA bundle in bytes. Parsing one blocks the event loop: 20 ms for this size."""
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETUNREACH})


class Fault(StrEnum):
    """The reason why there is no response; nothing else of a failure reaches a status."""

    NOT_ALLOWED = "NotAllowed"
    MALFORMED = "Malformed"
    REFUSED = "Refused"
    UNRESOLVABLE = "Unresolvable"
    BUSY = "Busy"
    UNABLE = "Unable"
    UNREACHABLE = "Unreachable"
    TLS = "TLS"
    TIMEOUT = "Timeout"
    CLOSED = "Closed"
    GARBLED = "Garbled"
    TOO_LARGE = "TooLarge"


SENTENCES: Mapping[Fault, str] = {
    Fault.NOT_ALLOWED: "the URL is not in RUNBOOK_ALLOWED_URLS",
    Fault.MALFORMED: "the check's configuration is not valid",
    Fault.REFUSED: "the operator may not connect to this address",
    Fault.UNRESOLVABLE: "the host name has no address in DNS",
    Fault.BUSY: "too many other checks are running",
    Fault.UNABLE: "the operator itself was not able to send the request",
    Fault.UNREACHABLE: "no connection could be made",
    Fault.TLS: "the TLS handshake failed",
    Fault.TIMEOUT: "no response arrived in time",
    Fault.CLOSED: "the connection was closed before the response was complete",
    Fault.GARBLED: "the response is not valid for the protocol",
    Fault.TOO_LARGE: "the body is larger than the operator reads",
}
NOT_ABOUT_HEALTH = frozenset(
    {
        *(Fault.NOT_ALLOWED, Fault.MALFORMED, Fault.REFUSED, Fault.UNRESOLVABLE),
        *(Fault.BUSY, Fault.UNABLE, Fault.TOO_LARGE),
    }
)
"""Faults that leave the target's health unknown: no request reached it, or its response was not read to the end."""
Verdict = tuple[bool | None, str]
"""True if the target is healthy, None if unknown; and one CamelCase word for its status."""


def verdict(fault: Fault) -> Verdict:
    return None if fault in NOT_ABOUT_HEALTH else False, fault.value


class EgressError(Exception):
    """A request got no response. `why` is a sentence for logs and people, without body, header, user or query."""

    def __init__(self, fault: Fault, why: str = "") -> None:
        super().__init__(why or SENTENCES[fault])
        self.fault = fault


@dataclass(frozen=True)
class Tls:
    """Verification of the server's certificate: by the system's CAs, or only by those in `ca` (PEM)."""

    ca: bytes = b""
    server_name: str = ""
    insecure: bool = False

    def context(self, protocol: str = "") -> ssl.SSLContext:
        """Return the SSL context, shared between equal requests; `protocol` is offered by ALPN. Raises EgressError."""
        if len(self.ca) > LARGEST_CA:
            raise EgressError(Fault.MALFORMED, f"a CA bundle may have at most {LARGEST_CA} bytes")
        try:
            return _context(self.ca, self.insecure, protocol)
        except (ssl.SSLError, ValueError) as error:
            raise EgressError(Fault.MALFORMED, "the CA bundle contains no certificate in PEM format") from error

    def name(self) -> str:
        """Return the server name in canonical spelling, empty if none is set. Raises EgressError."""
        try:
            return url_policy.hostname(self.server_name) if self.server_name else ""
        except url_policy.UrlError as error:
            raise EgressError(Fault.MALFORMED, f"server name: {error}") from error


@lru_cache(maxsize=128)
def _context(ca: bytes, insecure: bool, protocol: str) -> ssl.SSLContext:  # noqa: FBT001 # a key of the cache
    made = ssl.create_default_context(cadata=ca.decode("ascii") or None)
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if protocol:
        made.set_alpn_protocols([protocol])
    return made


class SystemResolver:
    """The system's resolver in its own threads, so that a slow name server delays only name resolution."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        ask = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [str(one[4][0]) for one in found]


@dataclass(frozen=True)
class Guard:
    """The allowed URLs and addresses. `forbidden` has the API server's own addresses and is read at each check."""

    patterns: Sequence[url_policy.Pattern] = ()
    allowed: Sequence[IPNetwork] = ()
    forbidden: Collection[IPAddress] = ()
    resolver: Resolver = field(default_factory=SystemResolver)

    def url(self, text: str) -> url_policy.Url:
        """Return the URL in canonical spelling; raises EgressError if no pattern of the administrator matches it."""
        try:
            found = url_policy.parse(text)
        except url_policy.UrlError as error:
            raise EgressError(Fault.MALFORMED, str(error)) from error
        if not any(one.matches(found) for one in self.patterns):
            raise EgressError(Fault.NOT_ALLOWED)
        return found

    async def addresses(self, host: str, seconds: float) -> tuple[IPAddress, ...]:
        """Resolve a URL's host once and return its addresses; raises EgressError if any one of them is refused."""
        literal = ip_policy.parse(host)
        found = (literal,) if literal else await self._resolved(host, seconds * RESOLVING_PART)
        for one in found:
            if why := ip_policy.refusal(one, allowed=self.allowed, forbidden=self.forbidden):
                raise EgressError(Fault.REFUSED, why)
        return found

    def in_cluster(self, text: str) -> IPAddress:
        """Parse the address of a Service or pod from the API server; raises EgressError if it may not be one."""
        if not (address := ip_policy.parse(text)):
            raise EgressError(Fault.MALFORMED, "the address of a Service or a pod must be an IP address")
        if why := ip_policy.refusal_in_cluster(address, allowed=self.allowed, forbidden=self.forbidden):
            raise EgressError(Fault.REFUSED, why)
        return address

    async def _resolved(self, host: str, seconds: float) -> tuple[IPAddress, ...]:
        try:
            async with asyncio.timeout(seconds):
                found = [ip_policy.parse(one) for one in await self.resolver(host)]
        except TimeoutError as error:
            raise EgressError(Fault.UNRESOLVABLE, "the DNS lookup of the name took too long") from error
        except (OSError, UnicodeError) as error:
            raise EgressError(Fault.UNRESOLVABLE) from error
        if not found or None in found:
            raise EgressError(Fault.UNRESOLVABLE)
        return tuple(one for one in found if one)


class ConcurrencyLimit:
    """Limit of concurrent checks, in total and per host. A check that waits for a slow host takes no place in total."""

    def __init__(self, total: int, each: int) -> None:
        self._total = asyncio.Semaphore(total)
        self._each = each
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, host: str, seconds: float) -> AsyncIterator[None]:
        """Hold a place; raises EgressError with Fault.BUSY if none is free in time, so the target is not blamed."""
        ours = self._hosts.setdefault(host, asyncio.Semaphore(self._each))
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(seconds):
                    await held.enter_async_context(ours)
                    await held.enter_async_context(self._total)
            except TimeoutError as error:
                raise EgressError(Fault.BUSY) from error
            yield


async def timed(
    places: ConcurrencyLimit, host: str, seconds: float, work: Callable[[], Awaitable[T]]
) -> tuple[T | EgressError, float]:
    """Run the work in a place; return its outcome or an EgressError, and the seconds since it got its place."""
    began = clock.monotonic()
    try:
        async with places.take(host, seconds):
            began = clock.monotonic()
            async with asyncio.timeout(seconds):
                return await work(), clock.monotonic() - began
    except (EgressError, OSError) as error:
        took = clock.monotonic() - began
        return error if isinstance(error, EgressError) else failure(error, took - seconds), took


def failure(error: OSError, late: float = 0.0) -> EgressError:
    """Map a socket, TLS or timeout error to an EgressError; `late` is how many seconds late a timeout was noticed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return EgressError(Fault.TLS, f"the certificate was not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return EgressError(Fault.TLS)
    if error.errno in OURS:
        return EgressError(
            Fault.UNABLE, f"the operator itself was not able to send the request: {errno.errorcode[error.errno]}"
        )
    if isinstance(error, TimeoutError):
        return EgressError(Fault.UNABLE if late > LATE else Fault.TIMEOUT)
    kinds = ((PermissionError, Fault.REFUSED), ((ConnectionResetError, BrokenPipeError), Fault.CLOSED))
    return EgressError(next((fault for kind, fault in kinds if isinstance(error, kind)), Fault.UNREACHABLE))
