"""POST through the guard: the bytes of the request, the parts of the response that are kept, and hidden URLs."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from runbook_operator.core.url_policy import pattern
from runbook_operator.egress import egress_guard
from runbook_operator.egress.egress_guard import Fault, Tls
from runbook_operator.egress.http_client import (
    LARGEST_REQUEST,
    LONGEST_RETRY,
    Endpoint,
    Outbound,
    RequestOptions,
    retry_after,
)
from runbook_operator.runtime import clock
from tests.fakes.servers import (
    Names,
    ca,
    certified,
    closed_port,
    saying,
    silent,
    talking,
    watch_connections,
)

LOOPBACK = [ip_network("127.0.0.0/8")]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return watch_connections(monkeypatch)


def outbound(*patterns: str, names: Names | None = None) -> Outbound:
    return Outbound([pattern(one) for one in patterns], LOOPBACK, resolver=names or Names(["127.0.0.1"]))


def here(port: int) -> Endpoint:
    return Endpoint("127.0.0.1", port, "/hook")


def post(body: bytes = b"{}", **options: object) -> RequestOptions:
    return RequestOptions("POST", body=body, **options)  # type: ignore[arg-type] # the options of a test


@dataclass
class Listener:
    """A server that keeps the bytes of each request until its declared end, and answers with `answer`."""

    answer: bytes = OK
    requests: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        self.requests.append(head + await reader.readexactly(int(length.split(b":")[1])))
        writer.write(self.answer)
        self.requests[-1] += await reader.read()


@pytest.mark.parametrize("body", [b"", b"{}", "é\r\n\r\nGET / HTTP/1.1\r\n".encode(), b"\x00" * LARGEST_REQUEST])
async def test_post_sends_its_body_with_its_length_and_type(body: bytes) -> None:
    there = Listener()
    async with talking(there) as port:
        answer = await outbound().ask(here(port), post(body, content_type="application/json; charset=utf-8"))

    assert (answer.status, answer.fault, answer.sent) == (200, None, True)
    head, _, sent = there.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    lines = head.split(b"\r\n")
    assert [one for one in lines if one.lower().startswith(b"content-")] == [
        b"Content-Type: application/json; charset=utf-8",
        b"Content-Length: %d" % len(body),
    ]
    assert sent == body


async def test_content_type_of_the_caller_is_sent_once() -> None:
    there = Listener()
    async with talking(there) as port:
        await outbound().ask(here(port), post(headers={"content-type": "text/plain"}, content_type="a/b"))

    assert there.requests[0].lower().count(b"content-type:") == 1


@pytest.mark.parametrize(
    "how",
    [
        RequestOptions("GET", body=b"a"),
        RequestOptions("HEAD", body=b"a"),
        post(b"a" * (LARGEST_REQUEST + 1)),
        post(content_type="a\r\nX: y"),
        post(content_type="a\nb"),
        post(content_type="é"),
        post(headers={"X": "a\r\nY: b"}),
        post(headers={"X": "a\rb"}),
        post(headers={"X\r\nY": "a"}),
        post(headers={"Content-Length": "0"}),
        post(headers={"Transfer-Encoding": "chunked"}),
        post(headers={"Expect": "100-continue"}),
    ],
    ids=lambda how: repr((how.method, len(how.body), how.content_type, dict(how.headers))),
)
async def test_request_that_cannot_be_written_is_refused_unsent(how: RequestOptions, connections: list[str]) -> None:
    answer = await outbound().ask(here(9), how)

    assert (answer.fault, answer.sent, connections) == (Fault.MALFORMED, False, [])


async def test_url_with_a_host_header_of_its_own_is_refused_for_post() -> None:
    answer = await outbound("http://a.example.com/*").ask("http://a.example.com/", post(headers={"Host": "b"}))

    assert (answer.fault, answer.sent) == (Fault.MALFORMED, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_of_a_post_is_not_followed(status: int, connections: list[str]) -> None:
    there = Listener(b"HTTP/1.1 %d X\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n" % status)
    async with talking(there) as port:
        answer = await outbound().ask(here(port), post())

    assert (answer.status, len(there.requests), connections) == (status, 1, ["127.0.0.1"])


async def test_body_of_the_response_is_kept_on_request_only() -> None:
    async with talking(Listener()) as port:
        kept = await outbound().ask(here(port), post(keep_body=True))
        dropped = await outbound().ask(here(port), post())
        matched = await outbound().ask(here(port), post(), lambda body: body == b"ok")

    assert (kept.body, dropped.body, matched.body, matched.matched) == (b"ok", b"", b"", True)
    assert "ok" not in repr(kept)


async def test_body_of_a_get_is_kept_on_request() -> None:
    async with talking(saying(OK)) as port:
        answer = await outbound().ask(here(port), RequestOptions(keep_body=True))

    assert answer.body == b"ok"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"Content-Length: 99999\r\n\r\n", Fault.TOO_LARGE),
        (b"Content-Length: 10\r\n\r\nhalf", Fault.CLOSED),
        (b"Content-Encoding: gzip\r\n\r\nx", Fault.GARBLED),
    ],
)
async def test_status_and_retry_after_are_kept_where_the_body_is_unusable(said: bytes, fault: Fault) -> None:
    async with talking(saying(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 30\r\n" + said)) as port:
        answer = await outbound().ask(here(port), post(keep_body=True, largest=1000))

    assert (answer.status, answer.fault, answer.retry_after, answer.body) == (429, fault, 30.0, b"")
    assert answer.sent


async def test_status_is_kept_where_the_body_comes_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_guard, "LATE", 60)
    async with talking(saying(b"HTTP/1.1 202 OK\r\n\r\n", b"x", every=0.02, forever=True)) as port:
        answer = await outbound().ask(here(port), post(seconds=0.4))

    assert (answer.status, answer.fault, answer.sent) == (202, Fault.TIMEOUT, True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("9" * 64, LONGEST_RETRY),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Mon, 30 Nov 2026 20:00:30 GMT", 30.0),
        ("Mon, 30 Nov 2026 20:00:30", 30.0),
        ("Mon, 30 Nov 2026 21:00:30 +0100", 30.0),
        ("Mon, 30 Nov 2026 19:00:00 GMT", 0.0),
        ("Tue, 30 Nov 2027 20:00:00 GMT", LONGEST_RETRY),
        ("Mon, 30 Nov 99999 20:00:00 GMT", None),
        ("Mon, 30 Nov 2026 20:00:00 +" + "9" * 30, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(
    text: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 30, 20, tzinfo=UTC))

    assert retry_after(text) == seconds


async def test_post_to_a_closed_connection_is_sent_once_and_reported_as_sent() -> None:
    opened: list[int] = []

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with talking(close) as port:
        answer = await outbound().ask(here(port), post())

    assert (answer.status, answer.fault, answer.sent, len(opened)) == (None, Fault.CLOSED, True, 1)


async def test_two_posts_have_two_connections(connections: list[str]) -> None:
    there = Listener(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
    async with talking(there) as port:
        out = outbound()
        assert [(await out.ask(here(port), post())).status for _ in range(2)] == [200, 200]

    assert connections == ["127.0.0.1"] * 2


@pytest.mark.parametrize(
    ("talk", "tls", "fault", "sent"),
    [
        (None, False, Fault.UNREACHABLE, False),
        (silent, False, Fault.TIMEOUT, True),
        (silent, True, Fault.TIMEOUT, False),
        (saying(), False, Fault.CLOSED, True),
        (saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), False, Fault.GARBLED, True),
    ],
)
async def test_fault_before_the_first_byte_is_reported_as_unsent(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None] | None,
    tls: bool,  # noqa: FBT001 # one row of the table
    fault: Fault,
    sent: bool,  # noqa: FBT001 # one row of the table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress_guard, "LATE", 60)
    async with talking(talk or silent) as port:  # type: ignore[arg-type] # a coroutine function
        to = Endpoint("127.0.0.1", closed_port() if talk is None else port, "/", "https" if tls else "http")
        answer = await outbound().ask(to, post(seconds=0.4 if fault == Fault.TIMEOUT else 30))

    assert (answer.status, answer.fault, answer.sent) == (None, fault, sent)


async def test_next_address_is_tried_before_anything_is_sent(connections: list[str]) -> None:
    there = Listener()
    async with talking(there) as port:
        out = outbound(f"http://a.example.com:{port}/*", names=Names(["127.0.0.3", "127.0.0.1"]))
        answer = await out.ask(f"http://a.example.com:{port}/", post())

    assert (answer.status, connections, len(there.requests)) == (200, ["127.0.0.3", "127.0.0.1"], 1)


async def test_hidden_url_is_in_no_answer_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cret.example.com"
    out = Outbound([pattern("https://s3cret.example.com/*")], (), resolver=Names(["10.11.12.13"]))
    answers = [await out.ask(url, post(hide_url=True)) for url in (
        f"https://{secret}/services/s3cret",
        f"https://{secret}/s3cret\r\n",
        "https://s3cret.example.net/s3cret",
        f"https://s3cret@{secret}/",
    )]  # fmt: skip
    async with talking(saying(OK), certified("b.example.com")) as port:
        reached = outbound(f"https://{secret}:{port}/*")
        how = post(b"s3cret", headers={"Authorization": "s3cret"}, tls=Tls(ca()), hide_url=True)
        answers.append(await reached.ask(f"https://{secret}:{port}/s3cret", how))

    assert [one.fault for one in answers] == [
        *(Fault.REFUSED, Fault.MALFORMED, Fault.NOT_ALLOWED, Fault.MALFORMED),
        Fault.TLS,
    ]
    assert answers[1].why == "a URL must have no white space, control character, backslash or fragment"
    said = " ".join(map(repr, [*answers, how]))
    assert not [one for one in ("s3cret", "example", "10.11.12.13") if one in said + caplog.text]
