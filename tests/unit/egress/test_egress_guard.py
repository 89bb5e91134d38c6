"""The guard: every attack that we know of in one table, each refused; and who waits for whom."""

import asyncio
import errno
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Literal

import pytest
import trustme

from runbook_operator.core.url_policy import pattern
from runbook_operator.egress import egress_guard
from runbook_operator.egress.egress_guard import (
    ConcurrencyLimit,
    EgressError,
    Fault,
    Guard,
    SystemResolver,
    Tls,
    failure,
    timed,
)
from runbook_operator.egress.http_client import Outbound, RequestOptions
from tests.fakes.servers import Names, ca, certified, plain, saying, silent, talking, watch_connections

PATTERNS = ("http://*.example.com/health/*", "https://*.example.com/health/*")
API_SERVER = "10.96.0.1"
SECONDS = 0.4
"""For what is to run into it; the rest has as long as a busy machine needs."""
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def nobody() -> AsyncIterator[int]:
    yield 9


@dataclass(frozen=True)
class Attack:
    """A URL, what its name leads to at each look-up, and what an administrator was talked into."""

    name: str
    url: str
    fault: Fault | None
    answers: tuple[Sequence[str], ...] = (("8.8.8.8",),)
    patterns: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    serve: Callable[[], AbstractAsyncContextManager[int]] = nobody
    reached: tuple[str, ...] = ()
    status: int | None = None


def malformed(name: str, url: str) -> Attack:
    return Attack(name, url, Fault.MALFORMED)


def not_allowed(name: str, url: str) -> Attack:
    return Attack(name, url, Fault.NOT_ALLOWED)


def literal(name: str, host: str, plain: str = "") -> Attack:
    """An address in a URL that a pattern allows word for word."""
    return Attack(f"{name} itself", f"http://{host}/", Fault.REFUSED, patterns=(f"http://{plain or host}/",))


def leads(name: str, *addresses: str) -> Attack:
    """A name that a pattern allows, and what its owner lets it lead to."""
    return Attack(f"a name that leads to {name}", "http://a.example.com/health/", Fault.REFUSED, (addresses,))


def answers(name: str, fault: Fault | None, *parts: bytes, status: int | None = None, **how: object) -> Attack:
    """A target that may be asked, and what it says."""
    talk = saying(*parts, every=0.02 if how.get("slowly") else 0.0, forever=bool(how.get("forever")))
    return served(name, fault, partial(talking, talk), status=status)


def served(
    name: str, fault: Fault | None, serve: Callable[[], AbstractAsyncContextManager[int]], **more: object
) -> Attack:
    scheme = str(more.get("scheme", "http"))
    status = more.get("status")
    return Attack(
        name,
        f"{scheme}://a.example.com:PORT/health/",
        fault,
        answers=(("127.0.0.1",),),
        patterns=(f"{scheme}://a.example.com:PORT/health/",),
        networks=("127.0.0.0/8",),
        serve=serve,
        reached=("127.0.0.1",),
        status=status if isinstance(status, int) else None,
    )


def with_tls(name: str, context: ssl.SSLContext | None) -> Attack:
    talk = saying(OK, b"\r\n") if context else plain
    return served(name, Fault.TLS, partial(talking, talk, context), scheme="https")


ATTACKS = [
    malformed("a user before the address", "http://a.example.com@169.254.169.254/health/"),
    malformed("a user and a password", "http://a.example.com:80@169.254.169.254/health/"),
    malformed("an empty user", "http://@a.example.com/health/"),
    malformed("an escaped @", "http://a.example.com%40169.254.169.254/health/"),
    malformed("a backslash before an @", "http://a.example.com\\@169.254.169.254/health/"),
    malformed("backslashes as slashes", "http:\\\\a.example.com/health/"),
    malformed("a backslash that ends the host", "http://169.254.169.254\\.example.com/health/"),
    malformed("a tab within the scheme", "ht\ttp://a.example.com/health/"),
    malformed("a line break within the host", "http://169.254.169.254\n.example.com/health/"),
    malformed("a second request in the path", "http://a.example.com/health/ HTTP/1.1\r\nHost: x\r\n\r\nGET /admin"),
    malformed("an escaped line break in the path", "http://a.example.com/health/%0d%0aX: y"),
    malformed("a blank before the scheme", " http://a.example.com/health/"),
    malformed("a zero byte", "http://a.example.com\0.evil.test/health/"),
    malformed("a fragment with an @", "http://a.example.com/health/#@169.254.169.254"),
    malformed("a host after a fragment", "http://169.254.169.254#.example.com/health/"),
    malformed("a file", "file:///etc/passwd"),
    malformed("gopher", "gopher://a.example.com:6379/_FLUSHALL"),
    malformed("no scheme", "//169.254.169.254/health/"),
    malformed("one slash", "http:/169.254.169.254/health/"),
    malformed("three slashes", "http:///169.254.169.254/health/"),
    malformed("two ports", "http://a.example.com:80:22/health/"),
    malformed("a port beyond the last", "http://a.example.com:65616/health/"),
    malformed("a port of other digits", "http://a.example.com:\u0668\u0660/health/"),
    malformed("one decimal number", "http://2852039166/health/"),
    malformed("one hexadecimal number", "http://0xa9fea9fe/health/"),
    malformed("one octal number", "http://025177524776/health/"),
    malformed("four hexadecimal numbers", "http://0xa9.0xfe.0xa9.0xfe/health/"),
    malformed("octal numbers", "http://0251.0376.0251.0376/health/"),
    malformed("mixed numbers", "http://169.0376.43518/health/"),
    malformed("a short address", "http://127.1/health/"),
    malformed("an address that overflows", "http://425.510.425.510/health/"),
    malformed("an address with a zone", "http://[fe80::1%25eth0]/health/"),
    malformed("an escaped address", "http://%31%36%39.254.169.254/health/"),
    malformed("a false international name", "http://xn--a.example.com/health/"),
    malformed("two dots at the end", "http://a.example.com../health/"),
    malformed("a path that climbs", "http://a.example.com/health/../admin"),
    malformed("a path that climbs in escapes", "http://a.example.com/health/%2e%2e/admin"),
    malformed("a path that climbs behind a parameter", "http://a.example.com/health/..;/admin"),
    malformed("a path with an escaped slash", "http://a.example.com/health/..%2fadmin"),
    malformed("a path escaped twice", "http://a.example.com/health/%252e%252e/admin"),
    not_allowed("a name that ends alike", "http://evilexample.com/health/"),
    not_allowed("a name that begins alike", "http://a.example.com.evil.test/health/"),
    not_allowed("a name one label deeper", "http://169.254.169.254.a.example.com/health/"),
    not_allowed("another port", "http://a.example.com:22/health/"),
    not_allowed("another path", "http://a.example.com/admin"),
    not_allowed("what is allowed as a query", "http://evil.test/?http://a.example.com/health/"),
    not_allowed("what is allowed as a path", "http://evil.test/a.example.com/health/"),
    not_allowed("a letter of another alphabet", "http://a.ex\u0430mple.com/health/"),
    not_allowed("metadata by its address", "http://169.254.169.254/latest/meta-data/"),
    literal("loopback", "127.0.0.1"),
    literal("loopback far from its beginning", "127.127.127.127"),
    literal("loopback of IPv6", "[::1]"),
    literal("metadata", "169.254.169.254"),
    literal("metadata in wide digits", "\uff11\uff16\uff19.254.169.254", "169.254.169.254"),
    literal("metadata in circled digits", "\u2460\u2465\u2468.254.169.254", "169.254.169.254"),
    literal("metadata with ideographic stops", "169\u3002254\u3002169\u3002254", "169.254.169.254"),
    literal("metadata with a dot at its end", "169.254.169.254.", "169.254.169.254"),
    literal("metadata mapped into IPv6", "[::ffff:169.254.169.254]"),
    literal("metadata mapped in hexadecimal", "[::ffff:a9fe:a9fe]"),
    literal("metadata in a compatible address", "[::169.254.169.254]"),
    literal("metadata behind NAT64", "[64:ff9b::a9fe:a9fe]"),
    literal("metadata behind 6to4", "[2002:a9fe:a9fe::]"),
    literal("metadata behind Teredo", "[2001:0:808:808::5601:5601]"),
    literal("metadata of AWS in IPv6", "[fd00:ec2::254]"),
    literal("metadata of Alibaba", "100.100.100.200"),
    literal("the unspecified address", "0.0.0.0"),  # noqa: S104 # nothing is bound here
    literal("the unspecified address of IPv6", "[::]"),
    literal("the API server", API_SERVER),
    literal("a private address", "192.168.1.1"),
    leads("loopback", "127.0.0.1"),
    leads("loopback of IPv6", "::1"),
    leads("loopback mapped into IPv6", "::ffff:127.0.0.1"),
    leads("metadata, as an alias of the cloud's own name does", "169.254.169.254"),
    leads("metadata of AWS in IPv6", "fd00:ec2::254"),
    leads("a link-local address with a zone", "fe80::1%eth0"),
    leads("the unspecified address", "0.0.0.0"),  # noqa: S104 # nothing is bound here
    leads("a multicast address", "224.0.0.1"),
    leads("the broadcast address", "255.255.255.255"),
    leads("a private address", "10.0.0.7"),
    leads("a shared address", "100.64.0.7"),
    leads("a unique local address", "fd12:3456::1"),
    leads("a reserved address", "198.18.0.1"),
    leads("the API server", API_SERVER),
    leads("loopback behind NAT64", "64:ff9b::7f00:1"),
    leads("a public address and loopback", "8.8.8.8", "127.0.0.1"),
    leads("many public addresses and metadata at their end", *["8.8.8.8"] * 20, "169.254.169.254"),
    leads("a public address and loopback of IPv6", "8.8.8.8", "::1"),
    Attack("a name that leads nowhere", "http://a.example.com/health/", Fault.UNRESOLVABLE, ((),)),
    Attack("a name that leads to no address", "http://a.example.com/health/", Fault.UNRESOLVABLE, (("x",),)),
    Attack(
        "a name that leads to loopback first and to a public address when it is asked again",
        "http://a.example.com/health/",
        Fault.REFUSED,
        answers=(["127.0.0.1"], ["8.8.8.8"]),
    ),
    Attack(
        "a name that leads to loopback when it is asked again",
        "http://a.example.com:PORT/health/",
        Fault.UNREACHABLE,
        answers=(["127.0.0.2"], ["127.0.0.1"]),
        patterns=("http://a.example.com:PORT/health/",),
        networks=("127.0.0.2/32",),
        serve=partial(talking, saying(OK, b"Content-Length: 6\r\n\r\nsecret")),
        reached=("127.0.0.2",),
    ),
    answers(
        "a redirect to metadata", None, b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", status=302
    ),
    answers("a redirect to itself", None, b"HTTP/1.1 307 Found\r\nLocation: /admin\r\n\r\n", status=307),
    answers("a huge body", Fault.TOO_LARGE, OK, b"Content-Length: 99999999999\r\n\r\n", status=200),
    answers("a body without end", Fault.TOO_LARGE, OK + b"\r\n", b"x" * 9999, forever=True, status=200),
    answers(
        "a body in pieces without end",
        Fault.TOO_LARGE,
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1388\r\n" + b"x" * 5000 + b"\r\n",
        forever=True,
        status=200,
    ),
    answers(
        "a bomb in a packed body",
        Fault.GARBLED,
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 10_000_000),
        status=200,
    ),
    answers("a body that drips", Fault.TIMEOUT, OK + b"\r\n", b"x", slowly=True, forever=True, status=200),
    answers("a head that drips", Fault.TIMEOUT, OK, b"X: y\r\n", slowly=True, forever=True),
    answers("a head of endless lines", Fault.GARBLED, OK, b"X: y\r\n", forever=True),
    answers("a head of one endless line", Fault.GARBLED, OK + b"X: ", b"y" * 999, forever=True),
    answers("promises without end", Fault.TIMEOUT, b"HTTP/1.1 100 Continue\r\n\r\n", slowly=True, forever=True),
    answers("another protocol", Fault.GARBLED, b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    answers("nothing", Fault.CLOSED),
    answers("half a body", Fault.CLOSED, OK + b"Content-Length: 10\r\n\r\nhalf", status=200),
    served("silence", Fault.TIMEOUT, partial(talking, silent)),
    served("silence in place of TLS", Fault.TIMEOUT, partial(talking, silent), scheme="https"),
    with_tls("a certificate of another name", certified("b.example.com")),
    with_tls("a certificate of the address alone", certified("127.0.0.1")),
    with_tls("a certificate of another authority", certified("a.example.com", by=trustme.CA())),
    with_tls("no TLS where it is asked for", None),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_attack_reaches_no_forbidden_address(
    attack: Attack, method: Literal["GET", "POST"], monkeypatch: pytest.MonkeyPatch
) -> None:
    names, connections = Names(*attack.answers), watch_connections(monkeypatch)
    monkeypatch.setattr(egress_guard, "LATE", 60)
    async with attack.serve() as port:
        out = Outbound(
            [pattern(one.replace("PORT", str(port))) for one in PATTERNS + attack.patterns],
            [ip_network(one) for one in attack.networks],
            [ip_address(API_SERVER)],
            resolver=names,
        )
        seconds = SECONDS if attack.fault == Fault.TIMEOUT else 30
        how = RequestOptions(method, seconds=seconds, tls=Tls(ca()), body=b"a message" if method == "POST" else b"")
        answer = await out.ask(attack.url.replace("PORT", str(port)), how, lambda body: b"x" in body)

    assert (answer.fault, answer.status) == (attack.fault, attack.status), answer.why
    assert not answer.matched
    assert tuple(connections) == attack.reached
    assert len(names.asked) <= 1


def test_attack_table_has_forty_distinct_attacks() -> None:
    assert len(ATTACKS) >= 40
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)


async def test_api_server_addresses_are_read_at_each_check() -> None:
    own = {ip_address("10.0.0.1")}
    guard = Guard(forbidden=own)

    assert str(guard.in_cluster("10.0.0.2")) == "10.0.0.2"
    own.add(ip_address("10.0.0.2"))
    with pytest.raises(EgressError, match="the API server's own"):
        guard.in_cluster("10.0.0.2")


@pytest.mark.parametrize("text", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0", "fe80::1%eth0"])  # noqa: S104
def test_loopback_endpoint_is_refused(text: str) -> None:
    with pytest.raises(EgressError) as caught:
        Guard().in_cluster(text)

    assert caught.value.fault == Fault.REFUSED


@pytest.mark.parametrize("text", ["", "web.shop.svc", "10.0.0.1/", "10.0.0.1@x", "2130706433"])
def test_endpoint_without_valid_address_is_not_probed(text: str) -> None:
    with pytest.raises(EgressError) as caught:
        Guard().in_cluster(text)

    assert caught.value.fault == Fault.MALFORMED


async def test_slow_name_server_is_unresolvable_and_no_target_timeout() -> None:
    async def slow(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return [host]

    with pytest.raises(EgressError, match="took too long") as caught:
        await Guard(resolver=slow).addresses("a.example.com", 0.02)

    assert caught.value.fault == Fault.UNRESOLVABLE


async def test_unknown_name_is_unresolvable() -> None:
    guard = Guard(resolver=Names(socket.gaierror(socket.EAI_NONAME, "x")))

    with pytest.raises(EgressError) as caught:
        await guard.addresses("a.example.com", 1)

    assert caught.value.fault == Fault.UNRESOLVABLE


async def test_system_resolver_gives_every_address_once_per_family() -> None:
    assert "127.0.0.1" in await SystemResolver()("localhost")


async def test_waiter_for_a_slow_host_takes_no_slot_of_other_hosts() -> None:
    places = ConcurrencyLimit(total=2, each=1)
    async with places.take("slow", 1):
        waiting = asyncio.create_task(_take(places, "slow", 9))
        await asyncio.sleep(0)

        assert await _take(places, "other", 0.5) == "taken"
        waiting.cancel()


async def test_waiter_without_slot_in_time_is_busy() -> None:
    places = ConcurrencyLimit(total=1, each=1)
    async with places.take("a", 1):
        assert await _take(places, "a", 0.01) == Fault.BUSY
        assert await _take(places, "b", 0.01) == Fault.BUSY

    assert await _take(places, "b", 0.01) == "taken"


async def _take(places: ConcurrencyLimit, host: str, seconds: float) -> str:
    try:
        async with places.take(host, seconds):
            return "taken"
    except EgressError as error:
        return error.fault


async def test_queue_time_is_not_counted_as_target_latency() -> None:
    places = ConcurrencyLimit(total=1, each=1)

    async def nap() -> str:
        await asyncio.sleep(0.1)
        return "done"

    took = [latency for _, latency in await asyncio.gather(*(timed(places, "a", 5, nap) for _ in range(3)))]

    assert max(took) < sum(took) / 2


async def test_timeout_noticed_too_late_is_unable_and_no_target_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for late, fault in ((60, Fault.TIMEOUT), (-1, Fault.UNABLE)):
        monkeypatch.setattr(egress_guard, "LATE", late)
        outcome, _ = await timed(ConcurrencyLimit(1, 1), "a", 0.01, partial(asyncio.sleep, 9))
        assert isinstance(outcome, EgressError)
        assert outcome.fault == fault


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError(errno.EMFILE, "x"), Fault.UNABLE),
        (OSError(errno.EADDRNOTAVAIL, "x"), Fault.UNABLE),
        (OSError(errno.ENETUNREACH, "x"), Fault.UNABLE),
        (OSError(errno.ECONNREFUSED, "x"), Fault.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "x"), Fault.UNREACHABLE),
        (OSError(errno.ECONNRESET, "x"), Fault.CLOSED),
        (OSError(errno.EPIPE, "x"), Fault.CLOSED),
        (OSError(errno.EPERM, "x"), Fault.REFUSED),
        (OSError("x"), Fault.UNREACHABLE),
        (TimeoutError(), Fault.TIMEOUT),
        (ssl.SSLError(1, "x"), Fault.TLS),
    ],
)
def test_os_error_is_classified_by_origin(error: OSError, fault: Fault) -> None:
    assert failure(error).fault == fault
    assert "x" not in str(failure(error)).split()


@pytest.mark.parametrize(
    "bundle", [b"nonsense", b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n", b"\xff"]
)
def test_bundle_without_certificates_is_malformed(bundle: bytes) -> None:
    with pytest.raises(EgressError, match="contains no certificate") as caught:
        Tls(bundle).context()

    assert caught.value.fault == Fault.MALFORMED


def test_oversized_bundle_is_refused() -> None:
    with pytest.raises(EgressError, match=r"at most .* bytes"):
        Tls(b"x" * (egress_guard.LARGEST_CA + 1)).context()


def test_server_name_must_be_a_host() -> None:
    assert Tls(server_name="API.Example.com.").name() == "api.example.com"
    with pytest.raises(EgressError, match="server name: "):
        Tls(server_name="a b").name()


def test_tls_contexts_are_shared_and_verify_by_default() -> None:
    assert Tls(ca()).context() is Tls(ca()).context()
    assert (Tls().context().verify_mode, Tls().context().check_hostname) == (ssl.CERT_REQUIRED, True)
    assert Tls(insecure=True).context().verify_mode == ssl.CERT_NONE
    assert Tls(ca()).context().cert_store_stats()["x509_ca"] == 1
