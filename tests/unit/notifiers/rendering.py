"""Channels of every kind, and the request that each renders for a message."""

from typing import Any

from runbook_operator.notifiers import REGISTRY
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import Config, Rendered, Request
from tests.messages import NOW

URL = "https://hooks.example.com/services/T0/B0/secret"

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

FIELDS: dict[str, dict[str, Any]] = {
    "slack": {"urlFile": "url"},
    "msteams": {"urlFile": "url"},
    "discord": {"urlFile": "url"},
    "mattermost": {"urlFile": "url"},
    "webhook": {"urlFile": "url", "signingSecretFile": "secret"},
    "alertmanager": {"url": "http://alertmanager.monitoring:9093"},
    "heartbeat": {"urlFile": "url"},
    "pagerduty": {"routingKeyFile": "key"},
    "email": {"host": "mail.example.com", "from": "runbooks@example.com", "to": ["oncall@example.com"]},
    "event": {},
}

SECRETS = {"url": URL, "signing_secret": SECRET, "routing_key": "0" * 32}


def config(kind: str, **fields: Any) -> Config:
    spec = REGISTRY[kind].Spec.model_validate(FIELDS[kind] | fields)
    named = {name.removesuffix("_file") for name, value in spec if name.endswith("_file") and value}
    return Config(spec, {name: value for name, value in SECRETS.items() if name in named})


def render(kind: str, message: Message, **fields: Any) -> Rendered:
    return REGISTRY[kind].render(message, config(kind, **fields), NOW)


def body(kind: str, message: Message, **fields: Any) -> bytes:
    rendered = render(kind, message, **fields)
    assert isinstance(rendered, Request)
    return rendered.body
