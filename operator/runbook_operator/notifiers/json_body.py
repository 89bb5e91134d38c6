"""JSON of requests, and the headers that go with it."""

import json
from collections.abc import Mapping
from typing import Any

from runbook_operator.notifiers.notifier_base import JSON, Config, Request


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def post(config: Config, value: Any, headers: Mapping[str, str] | None = None) -> Request:
    """Return a POST of the value to the channel's URL, with its token if there is one."""
    token = config.secrets.get("token")
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    return Request(config.url, encoded(value), {"Content-Type": JSON} | authorization | dict(headers or {}))
