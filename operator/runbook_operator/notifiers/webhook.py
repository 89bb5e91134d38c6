"""webhook: any receiver of JSON, with the signature of Standard Webhooks, and CloudEvents by option."""

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from runbook_operator.notifiers.json_body import encoded, post
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import Config, FileName, Notifier, Request, UnreadableSpecError, UrlSpec

SECRET_BYTES = range(24, 65)
PREFIX = "whsec_"
LARGEST = 19_000
"""Bytes of the data: Standard Webhooks recommends bodies below 20 KB."""


class WebhookSpec(UrlSpec):
    """The receiver, the secret of the signature, and the form of the body."""

    signing_secret_file: FileName | None = Field(
        None,
        description="A file with the secrets of the signature, separated by white space: `whsec_` and 24 to 64 bytes "
        "in base64. Two secrets sign every message twice, so that the receiver can change over.",
    )
    format: Literal["standard", "cloudevents"] = Field(
        "standard", description="`cloudevents` adds the headers of CloudEvents 1.0 and sends the data as the body."
    )


class Webhook(Notifier):
    """Posts the message as JSON, signed as Standard Webhooks has it."""

    kind = "webhook"
    Spec = WebhookSpec
    per_minute = 60
    schemes = ("https", "http")

    @classmethod
    def check(cls, config: Config) -> None:
        super().check(config)
        for secret in config.secrets.get("signing_secret", "").split():
            key(secret)

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:
        what = f"dev.runbooks.incident.{message.kind}.v1"
        data = _data(message)
        if config.spec.format == "cloudevents":
            request = post(config, data, _cloud_event(message, what))
        else:
            request = post(config, {"type": what, "timestamp": _stamp(message.at), "data": data})
        stamp = str(int(now.timestamp()))
        secrets = config.secrets.get("signing_secret", "").split()
        signed = " ".join(signature(secret, message.id, stamp, request.body) for secret in secrets)
        headers = {"webhook-id": message.id, "webhook-timestamp": stamp} | (
            {"webhook-signature": signed} if signed else {}
        )
        return Request(request.url, request.body, {**request.headers, **headers})


def key(secret: str) -> bytes:
    """Return the bytes of a secret; raises UnreadableSpecError if Standard Webhooks does not allow it."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not secret.startswith(PREFIX) or len(found) not in SECRET_BYTES:
        raise UnreadableSpecError("signingSecretFile", f"a secret is {PREFIX} and 24 to 64 bytes in base64")
    return found


def signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    signed = hmac.new(key(secret), f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _data(message: Message) -> dict[str, Any]:
    """Return the fields of the message; the lists at its end are left out if it is larger than receivers expect."""
    whole = message.model_dump(mode="json", by_alias=True, exclude={"recipient"}) | {"summary": message.summary}
    return whole if len(encoded(whole)) <= LARGEST else whole | {"diagnosis": [], "changes": []}


def _cloud_event(message: Message, what: str) -> dict[str, Any]:
    subject = f"{message.namespace}/{message.incident or message.runbook}"
    return {
        "ce-specversion": "1.0",
        "ce-id": message.id,
        "ce-source": _escaped(f"/runbooks.dev/namespaces/{message.namespace}/runbooks/{message.runbook}"),
        "ce-type": what,
        "ce-subject": _escaped(subject),
        "ce-time": _stamp(message.at),
    }


def _escaped(text: str) -> str:
    """Percent-encode what CloudEvents does not allow in a header: anything but visible ASCII, and a few signs."""
    return re.sub(r"[^!#$&-\[\]-~]", lambda found: "".join(f"%{one:02X}" for one in found[0].encode()), text)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
