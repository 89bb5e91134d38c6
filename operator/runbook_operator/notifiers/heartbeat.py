"""heartbeat: a ping to a service that notifies people when the pings stop."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import Config, Notifier, Request, UrlSpec


class HeartbeatSpec(UrlSpec):
    """The URL to ping."""

    method: Literal["GET", "POST"] = Field("POST", description="The method of the request, which has no body.")


class Heartbeat(Notifier):
    """Requests a URL, without content. The service behind it notifies people if no request arrives."""

    kind = "heartbeat"
    Spec = HeartbeatSpec
    schemes = ("https", "http")

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:  # noqa: ARG004 # the base signature
        token = config.secrets.get("token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Request(config.url, b"", headers, config.spec.method)
