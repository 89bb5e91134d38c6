"""email: a mail by SMTP, with TLS from the beginning or by STARTTLS, never without."""

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from runbook_operator.core import url_policy
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.message_sections import sections
from runbook_operator.notifiers.notifier_base import Config, FileName, Mail, Notifier, TlsSpec, UnreadableSpecError
from runbook_operator.notifiers.text_markup import PLAIN

ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9.-]+)")
LARGEST_LOCAL = 64
LARGEST_ADDRESS = 254


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError("it is not a mail address in ASCII, such as oncall@example.com")
    return text


def _host(text: str) -> str:
    return url_policy.hostname(text)


MailAddress = Annotated[str, AfterValidator(_address)]


class EmailSpec(TlsSpec):
    """The server, the sender and the recipients."""

    host: Annotated[str, AfterValidator(_host)] = Field(description="The mail server that takes the mail.")
    port: int = Field(587, ge=1, le=65535, description="Its port: 587 for `StartTLS`, 465 for `TLS`.")
    tls: Literal["StartTLS", "TLS"] = Field(
        "StartTLS", description="TLS by STARTTLS or from the beginning. A server without TLS gets no mail."
    )
    username_file: FileName | None = Field(None, description="A file with the user's name.")
    password_file: FileName | None = Field(None, description="A file with the password.")
    sender: MailAddress = Field(alias="from", description="The address that the mail is from.")
    to: list[MailAddress] = Field([], max_length=20, description="The recipients if the contact names none.")
    domains: list[Annotated[str, AfterValidator(_host)]] = Field(
        [], max_length=50, description="The domains that the `to` of a contact may be in; none if absent."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> "EmailSpec":
        if bool(self.username_file) != bool(self.password_file):
            raise ValueError("set both of usernameFile and passwordFile, or none")
        if not self.to and not self.domains:
            raise ValueError("set to or domains; without them a mail has no recipient")
        return self


class Email(Notifier):
    """Sends a mail in plain text. All mails about one incident are one thread."""

    kind = "email"
    Spec = EmailSpec
    per_minute = 20

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Mail:
        spec: EmailSpec = config.spec
        recipients = _recipients(message, spec)
        secrets = config.secrets
        user = (secrets["username"], secrets["password"]) if "username" in secrets else None
        content = _mail(message, spec, recipients, now).as_bytes(policy=SMTP)
        return Mail(spec.host, spec.port, spec.tls == "StartTLS", spec.sender, recipients, content, user)


def is_address(text: str) -> bool:
    found = ADDRESS.fullmatch(text)
    if not found or len(text) > LARGEST_ADDRESS or len(text.rpartition("@")[0]) > LARGEST_LOCAL:
        return False
    try:
        return bool(url_policy.hostname(found[1]))
    except url_policy.UrlError:
        return False


def _recipients(message: Message, spec: EmailSpec) -> tuple[str, ...]:
    """Return the recipients: the contact's if it names one, whose domain the administrator must allow."""
    if not message.recipient:
        if spec.to:
            return tuple(spec.to)
        raise UnreadableSpecError("to", "the contact names no address, and the channel has none of its own")
    if not is_address(message.recipient):
        raise UnreadableSpecError("to", "the contact's address is not a mail address in ASCII")
    if url_policy.hostname(message.recipient.rpartition("@")[2]) not in spec.domains:
        raise UnreadableSpecError("to", "the contact's address is in no domain that the channel allows")
    return (message.recipient,)


def _mail(message: Message, spec: EmailSpec, recipients: tuple[str, ...], now: datetime) -> EmailMessage:
    domain = spec.sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = message.subject
    mail["From"] = Address("Runbook Operator", addr_spec=spec.sender)
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(now.astimezone(UTC))
    mail["Message-ID"] = _message_id(message.id, domain)
    thread = _message_id(f"thread {message.dedup_key}", domain)
    mail["References"] = thread
    mail["In-Reply-To"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity in ("SEV1", "SEV2") and message.kind in ("opened", "escalated"):
        mail["X-Priority"] = "1"
    mail.set_content("\n\n".join([message.headline, *map(PLAIN.render, sections(message))]) + "\n", cte="base64")
    return mail


def _message_id(text: str, domain: str) -> str:
    """Return the Message-ID of a text: the same whenever the message is sent, and short enough for any header line."""
    return f"<{sha256(text.encode()).hexdigest()[:40]}@{domain}>"
