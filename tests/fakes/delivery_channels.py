"""Channels to local receivers, as the administrator's file would have them.

Left out: the file, and TLS of the administrator.
"""

from ipaddress import ip_network
from typing import Any

from runbook_operator.delivery.channel_config import Channel
from runbook_operator.delivery.channel_egress import ChannelOutbound
from runbook_operator.delivery.transport import CreateEvent, Transport
from runbook_operator.notifiers import REGISTRY
from runbook_operator.notifiers.notifier_base import Config, Delivered, Judgement, KubernetesEvent
from tests.fakes.servers import Names, ca

HOST = "sink.example.com"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = (ip_network("127.0.0.1/32"),)
FIELDS: dict[str, dict[str, Any]] = {
    "pagerduty": {"routingKeyFile": "key", "caFile": "ca"},
    "alertmanager": {"urlFile": "url", "caFile": "ca", "tokenFile": "token"},
    "webhook": {"urlFile": "url", "caFile": "ca", "signingSecretFile": "secret"},
    "event": {},
}
USUAL = {"urlFile": "url", "caFile": "ca"}


def channel(kind: str, port: int = 0, *, name: str = "", path: str = "/hidden-in-the-url", **fields: Any) -> Channel:
    """A channel of this kind to a receiver at this port, by TLS."""
    url = f"https://{HOST}:{port}{path}"
    given = FIELDS.get(kind, USUAL) | ({"url": url} if kind == "pagerduty" else {}) | fields
    spec = REGISTRY[kind].Spec.model_validate(given)
    secrets = {"url": url, "ca": ca().decode(), "signing_secret": SECRET, "routing_key": "0" * 32, "token": "hidden"}
    named = {one.removesuffix("_file") for one, value in spec if one.endswith("_file") and value}
    return Channel(name or kind, kind, Config(spec, {one: secrets[one] for one in secrets if one in named}))


def mail_channel(port: int, **fields: Any) -> Channel:
    """A channel to a local mail server at this port."""
    usual = {"host": "mail.example.com", "port": port, "from": "runbooks@example.com", "to": ["oncall@example.com"]}
    spec = REGISTRY["email"].Spec.model_validate(usual | {"caFile": "ca"} | fields)
    secrets = {"ca": ca().decode(), "username": "operator", "password": "hidden"}
    return Channel("mail", "email", Config(spec, secrets if spec.username_file else {"ca": secrets["ca"]}))  # type: ignore[attr-defined] # EmailSpec


async def created(event: KubernetesEvent) -> Judgement:
    del event
    return Delivered()


def transport(*, addresses: tuple[str, ...] = ("127.0.0.1",), create: CreateEvent = created) -> Transport:
    """A transport for which every name leads to the loopback, which the administrator allows."""
    return Transport(ChannelOutbound(LOOPBACK, resolver=Names(addresses)), create)
