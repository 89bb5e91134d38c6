"""A real Alertmanager on the loopback; the program is lab/alertmanager."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.monitoring import Alertmanager
from tests.e2e.harness import eventually

LOOPBACK = "127.0.0.1"


@contextmanager
def alertmanager(folder: Path) -> Iterator[Alertmanager]:
    """An Alertmanager that answers."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
    running = Alertmanager(folder, port)
    running.start()
    try:
        eventually("Alertmanager answers", lambda: alerts(running) is not None)
        yield running
    finally:
        running.stop()


def alerts(running: Alertmanager) -> list[dict[str, Any]] | None:
    """Return the alerts that are active there, None if it does not answer yet."""
    try:
        with urllib.request.urlopen(f"{running.url}/api/v2/alerts?active=true", timeout=5) as answer:  # noqa: S310 # our own
            found: list[dict[str, Any]] = json.load(answer)
            return found
    except (urllib.error.URLError, ConnectionError):
        return None
