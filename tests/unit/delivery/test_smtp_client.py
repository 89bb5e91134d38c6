"""Mails to a real mail server, aiosmtpd, with STARTTLS and with TLS from the beginning."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from runbook_operator.notifiers.notifier_base import Delivered, GiveUp, Judgement, Retry
from tests.fakes.delivery_channels import mail_channel, transport
from tests.fakes.servers import certified
from tests.messages import ACKNOWLEDGE, message

# The server's side of a connection that ends in an error is closed when the test's loop ends.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed transport", "ignore::pytest.PytestUnraisableExceptionWarning")
LOGIN = {"usernameFile": "username", "passwordFile": "password"}


@dataclass
class Mailbox:
    """What the server took; `answers` are what it says to a recipient and to the content."""

    port: int = 0
    recipient: str = "250 OK"
    content: str = "250 OK"
    password: bytes = b"hidden"
    stalls: bool = False
    mails: list[bytes] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 # aiosmtpd's own name and arguments
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        del server
        self.encrypted.append(session.ssl is not None)
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 # aiosmtpd's
        del server, session
        if self.stalls:
            await asyncio.Event().wait()
        self.mails.append(envelope.content if isinstance(envelope.content, bytes) else b"")
        return self.content

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        self.users.append(data.login)
        return AuthResult(success=data.password == self.password, handled=False)


@asynccontextmanager
async def mailbox(box: Mailbox, *, start_tls: bool = True, tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """Serve on the loopback: with STARTTLS, or by TLS from the beginning, or without TLS if both are off."""
    loop = asyncio.get_running_loop()

    def serve() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example.com",
            tls_context=(tls or certified("mail.example.com")) if start_tls else None,
            require_starttls=start_tls,
            authenticator=box.authenticate,
            auth_require_tls=start_tls,
            loop=loop,
        )

    server = await loop.create_server(serve, "127.0.0.1", 0, ssl=None if start_tls else tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


async def attempt(box: Mailbox, **fields: Any) -> Judgement:
    return await transport().attempt(mail_channel(box.port, **fields), message())


async def test_mail_is_delivered_after_starttls() -> None:
    async with mailbox(Mailbox()) as box:
        assert await attempt(box) == Delivered()

    mail = message_from_bytes(box.mails[0], policy=policy.default)
    assert mail["Subject"] == "SEV2 ai/assistant: Assistant API: error-rate is Critical"
    assert ACKNOWLEDGE in mail.get_content()
    assert box.encrypted == [True]


async def test_mail_is_delivered_by_tls_from_the_beginning() -> None:
    async with mailbox(Mailbox(), start_tls=False, tls=certified("mail.example.com")) as box:
        assert await attempt(box, tls="TLS") == Delivered()

    assert box.encrypted == [False]
    assert len(box.mails) == 1


async def test_user_logs_in_before_the_mail() -> None:
    async with mailbox(Mailbox()) as box:
        assert await attempt(box, **LOGIN) == Delivered()

    assert box.users == [b"operator"]


async def test_wrong_password_is_given_up_without_repeating_it() -> None:
    async with mailbox(Mailbox(password=b"other")) as box:
        found = await attempt(box, **LOGIN)

    assert found == GiveUp("the mail server refused the name or the password with 535")
    assert box.mails == []


async def test_server_without_starttls_gets_no_mail() -> None:
    async with mailbox(Mailbox(), start_tls=False) as box:
        found = await attempt(box)

    assert isinstance(found, GiveUp)
    assert "STARTTLS" in found.why
    assert (box.mails, box.encrypted) == ([], [])


@pytest.mark.parametrize("tls", ["StartTLS", "TLS"])
async def test_server_with_a_certificate_of_another_name_gets_no_mail(tls: str) -> None:
    context = certified("other.example.com")
    async with mailbox(Mailbox(), start_tls=tls == "StartTLS", tls=context) as box:
        found = await attempt(box, tls=tls)

    assert isinstance(found, Retry)
    assert "TLS" in found.why
    assert (box.mails, box.encrypted) == ([], [])


@pytest.mark.parametrize(
    ("answers", "judgement"),
    [
        ({"recipient": "450 later"}, Retry("the mail server refused every recipient with 450")),
        ({"recipient": "550 nobody"}, GiveUp("the mail server refused every recipient with 550")),
        ({"content": "451 full"}, Retry("the mail server refused the mail with 451")),
        ({"content": "554 spam"}, GiveUp("the mail server refused the mail with 554")),
    ],
)
async def test_code_of_the_server_decides_if_the_mail_is_sent_again(
    answers: dict[str, str], judgement: Judgement
) -> None:
    async with mailbox(Mailbox(**answers)) as box:  # type: ignore[arg-type] # texts
        assert await attempt(box) == judgement


async def test_server_that_stalls_ends_at_the_timeout() -> None:
    async with mailbox(Mailbox(stalls=True)) as box:
        assert await attempt(box, timeout="500ms") == Retry("the mail server did not answer in time")


async def test_server_that_hangs_up_is_tried_again() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        found = await transport().attempt(mail_channel(server.sockets[0].getsockname()[1]), message())

    assert found == Retry("the mail server closed the connection")


async def test_refused_connection_is_tried_again() -> None:
    assert await transport().attempt(mail_channel(1), message()) == Retry("no connection could be made")


async def test_address_that_is_not_allowed_gets_no_mail() -> None:
    found = await transport(addresses=("169.254.169.254",)).attempt(mail_channel(25), message())

    assert found == GiveUp("the operator may not connect to this address")
