"""A webhook receiver on the loopback that keeps every message, and the administrator's file of channels for it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

HOST = "127.0.0.2"
"""A loopback address that is not the API server's, which no channel may reach."""
LOOPBACK = {"RUNBOOK_ALLOWED_NETWORKS": f"{HOST}/32"}


@dataclass
class Receiver:
    """The bodies of the messages by the path of their channel. It answers nothing while `stalled` is clear."""

    port: int = 0
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)

    def messages(self, channel: str, kind: str = "") -> list[dict[str, Any]]:
        """The data of the messages of a channel, of all kinds or of one."""
        found = [body["data"] for path, body in self.received if path == f"/{channel}"]
        return [one for one in found if kind in ("", one["kind"])]

    def configure(self, folder: Path, *channels: str) -> dict[str, str]:
        """Write the file of channels; return the settings that name it."""
        folder.mkdir(parents=True, exist_ok=True)
        entries = {}
        for name in channels:
            (folder / f"{name}-url").write_text(f"http://{HOST}:{self.port}/{name}")
            entries[name] = {"kind": "webhook", "urlFile": f"{name}-url"}
        path = folder / "channels.yaml"
        path.write_text(yaml.safe_dump(entries))
        return LOOPBACK | {"RUNBOOK_CHANNELS": str(path)}


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """Receive on this port, or on a free one."""
    found = Receiver()
    found.answers.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.received.append((self.path, json.loads(body) | {"id": self.headers["webhook-id"]}))
            found.answers.wait()
            self.send_response(HTTPStatus.OK)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer((HOST, port), Handler) as server:
        found.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield found
        finally:
            found.answers.set()
            server.shutdown()
