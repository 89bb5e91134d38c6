"""A real Prometheus on the loopback, which scrapes what a test says; the program is lab/prometheus."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from lab.monitoring import Scraper
from tests.e2e.harness import eventually

LOOPBACK = "127.0.0.1"
EVERY = "200ms"
"""Also the time that a scrape may take, which a busy machine needs."""
Result = list[dict[str, Any]]


class Target:
    """What is scraped: each series by its text, such as `errors{pod="a"}`, and the number that it has now."""

    def __init__(self, **values: float) -> None:
        self.values: dict[str, float] = dict(values)
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Begin to answer, after a stop again on the same port."""
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "".join(f"{series} {value}\n" for series, value in list(target.values.items())).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                with suppress(ConnectionError):  # a scrape that was given up
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing is written to the test's output."""

        self._server = ThreadingHTTPServer((LOOPBACK, self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Answer no more: Prometheus marks its series as stale at the next scrape."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class Prometheus(Scraper):
    """The process, which is waited for and asked."""

    def __init__(self, folder: Path, target: Target, every: str = EVERY, rules: Sequence[Any] = ()) -> None:
        super().__init__(folder, [f"{LOOPBACK}:{target.port}"], every, rules=rules)
        self.target = target

    def start(self) -> None:
        """Start it and wait until it has scraped the target."""
        super().start()
        self.until("up == 1", bool)

    def query(self, query: str) -> Result:
        """What it answers to an instant query now."""
        form = urllib.parse.urlencode({"query": query}).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query", form, timeout=5) as answer:  # noqa: S310 # our own
                result: Result = json.load(answer)["data"]["result"]
                return result
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def until(self, query: str, check: Callable[[Result], Any]) -> Result:
        """Ask until the result is as wanted, and return it."""

        def asked() -> tuple[Result] | None:
            result = self.query(query)
            return (result,) if check(result) else None

        found: tuple[Result] = eventually(query, asked)
        return found[0]

    def until_value(self, query: str, value: float) -> None:
        """Ask until the only series of the result has this number."""
        self.until(query, lambda result: [float(one["value"][1]) for one in result] == [value])


@contextmanager
def prometheus(folder: Path, target: Target, every: str = EVERY, rules: Sequence[Any] = ()) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the target until the block is left; both may be stopped and started inside of it."""
    target.start()
    running = Prometheus(folder, target, every, rules)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        target.stop()
