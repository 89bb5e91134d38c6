"""The guard of every connection to what is not the API server: where it may lead, how many at once, and why not.

A name is resolved once, all its answers are checked, and what was checked is what is connected to. Nothing of an answer
but its outcome goes into a Fault or its sentence.
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
"""The addresses of a name, the preferred one first; raises OSError where there are none."""
RESOLVING_THREADS = 8
RESOLVING_PART = 0.5
"""Of a check's time, how much its name may take: a slow name server is not to be told as a slow target."""
LATE = 0.25
"""A time-out that is noticed so many seconds too late says that this process was busy, and nothing of the target."""
LARGEST_CA = 256 * 1024
"""Reading one holds the loop up: 20 ms for so many."""
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETUNREACH})


class Fault(StrEnum):
    """Why there is no answer; the only words of a failure that leave this package for a status."""

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
    Fault.NOT_ALLOWED: "no pattern of the administrator allows this URL",
    Fault.MALFORMED: "what is to be asked cannot be read",
    Fault.REFUSED: "the address may not be connected to",
    Fault.UNRESOLVABLE: "the name leads to no address",
    Fault.BUSY: "too many checks are under way",
    Fault.UNABLE: "the operator itself was not able to ask",
    Fault.UNREACHABLE: "no connection is made",
    Fault.TLS: "TLS is not agreed on",
    Fault.TIMEOUT: "no answer comes in time",
    Fault.CLOSED: "the connection is closed before the answer is complete",
    Fault.GARBLED: "what answers does not speak the protocol",
    Fault.TOO_LARGE: "the body is larger than is read",
}
UNTOLD = frozenset(
    {
        *(Fault.NOT_ALLOWED, Fault.MALFORMED, Fault.REFUSED, Fault.UNRESOLVABLE),
        *(Fault.BUSY, Fault.UNABLE, Fault.TOO_LARGE),
    }
)
"""They say nothing of the target's health: it was not asked, or what it said was not read to its end."""
Verdict = tuple[bool | None, str]
"""Whether a target is well, None where it cannot be told, and a word for its status."""


def verdict(fault: Fault) -> Verdict:
    return None if fault in UNTOLD else False, fault.value


class EgressError(Exception):
    """There is no answer. `why` is a sentence without body, header, user or query, fit for a log and for a person."""

    def __init__(self, fault: Fault, why: str = "") -> None:
        super().__init__(why or SENTENCES[fault])
        self.fault = fault


@dataclass(frozen=True)
class Tls:
    """How the other side is to prove who it is: by the system's CAs, or by those of `ca` (PEM) alone."""

    ca: bytes = b""
    server_name: str = ""
    insecure: bool = False

    def context(self, protocol: str = "") -> ssl.SSLContext:
        """The context, shared by all who ask for the same; `protocol` is what ALPN offers."""
        if len(self.ca) > LARGEST_CA:
            raise EgressError(Fault.MALFORMED, f"a CA bundle has {LARGEST_CA} bytes at most")
        try:
            return _context(self.ca, self.insecure, protocol)
        except (ssl.SSLError, ValueError) as error:
            raise EgressError(Fault.MALFORMED, "the CA bundle holds no certificates in PEM") from error

    def name(self) -> str:
        """The server's name where one is given, in its one spelling."""
        try:
            return url_policy.hostname(self.server_name) if self.server_name else ""
        except url_policy.UrlError as error:
            raise EgressError(Fault.MALFORMED, f"the server name: {error}") from error


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
    """The resolver of the machine, in threads of its own: a slow name server holds up names and nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        ask = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [str(one[4][0]) for one in found]


@dataclass(frozen=True)
class Guard:
    """Which URLs and which addresses may be connected to; `forbidden`, the API server's own, is read at each check."""

    patterns: Sequence[url_policy.Pattern] = ()
    allowed: Sequence[IPNetwork] = ()
    forbidden: Collection[IPAddress] = ()
    resolver: Resolver = field(default_factory=SystemResolver)

    def url(self, text: str) -> url_policy.Url:
        """The URL in its one spelling, if a pattern of the administrator has it."""
        try:
            found = url_policy.parse(text)
        except url_policy.UrlError as error:
            raise EgressError(Fault.MALFORMED, str(error)) from error
        if not any(one.matches(found) for one in self.patterns):
            raise EgressError(Fault.NOT_ALLOWED)
        return found

    async def addresses(self, host: str, seconds: float) -> tuple[IPAddress, ...]:
        """What the host of a URL leads to, looked up once; refused as a whole where one of the answers is."""
        literal = ip_policy.parse(host)
        found = (literal,) if literal else await self._resolved(host, seconds * RESOLVING_PART)
        for one in found:
            if why := ip_policy.refusal(one, allowed=self.allowed, forbidden=self.forbidden):
                raise EgressError(Fault.REFUSED, why)
        return found

    def in_cluster(self, text: str) -> IPAddress:
        """The address of a Service or a pod as the API server gave it, if it is one that they may have."""
        if not (address := ip_policy.parse(text)):
            raise EgressError(Fault.MALFORMED, "the address of a Service or a pod is an IP address")
        if why := ip_policy.refusal_in_cluster(address, allowed=self.allowed, forbidden=self.forbidden):
            raise EgressError(Fault.REFUSED, why)
        return address

    async def _resolved(self, host: str, seconds: float) -> tuple[IPAddress, ...]:
        try:
            async with asyncio.timeout(seconds):
                found = [ip_policy.parse(one) for one in await self.resolver(host)]
        except TimeoutError as error:
            raise EgressError(Fault.UNRESOLVABLE, "the name is not looked up in time") from error
        except (OSError, UnicodeError) as error:
            raise EgressError(Fault.UNRESOLVABLE) from error
        if not found or None in found:
            raise EgressError(Fault.UNRESOLVABLE)
        return tuple(one for one in found if one)


class Places:
    """How many checks may be under way, in all and at one host. Who waits for a slow host takes no place of others."""

    def __init__(self, total: int, each: int) -> None:
        self._total = asyncio.Semaphore(total)
        self._each = each
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, host: str, seconds: float) -> AsyncIterator[None]:
        """Hold a place; who gets none in time is told that it is busy here, not that the target is slow."""
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
    places: Places, host: str, seconds: float, work: Callable[[], Awaitable[T]]
) -> tuple[T | EgressError, float]:
    """The outcome of the work, or why there is none, and how long it took once it had its place."""
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
    """What an error of a socket, of TLS or of time says; `late` is how long after its time it was noticed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return EgressError(Fault.TLS, f"the certificate is not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return EgressError(Fault.TLS)
    if error.errno in OURS:
        return EgressError(Fault.UNABLE, f"the operator itself was not able to ask: {errno.errorcode[error.errno]}")
    if isinstance(error, TimeoutError):
        return EgressError(Fault.UNABLE if late > LATE else Fault.TIMEOUT)
    kinds = ((PermissionError, Fault.REFUSED), ((ConnectionResetError, BrokenPipeError), Fault.CLOSED))
    return EgressError(next((fault for kind, fault in kinds if isinstance(error, kind)), Fault.UNREACHABLE))
