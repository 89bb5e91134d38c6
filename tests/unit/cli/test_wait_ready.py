"""`runbook-operator check`, against a server on the loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from runbook_operator.__main__ import main
from runbook_operator.cli import wait_ready


class QuerySupply:
    """A server that answers each request with the next of `statuses`, and with the last one from then on."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.text = b"ok"
        query_supply = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status = query_supply.statuses.pop(0) if len(query_supply.statuses) > 1 else query_supply.statuses[0]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(query_supply.text)

            def log_message(self, *_: object) -> None:
                """Nothing is written to the test's output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/readyz"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def query_supply(monkeypatch: pytest.MonkeyPatch) -> Iterator[QuerySupply]:
    monkeypatch.setattr(wait_ready, "PAUSE", 0.01)
    made = QuerySupply()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_ready_operator_passes(query_supply: QuerySupply, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", query_supply.url]) == 0

    assert capsys.readouterr().out == f"{query_supply.url}: ok\n"


def test_operator_ready_after_a_moment_passes(query_supply: QuerySupply) -> None:
    query_supply.statuses = [503, 503, 200]

    assert main(["check", query_supply.url]) == 0


def test_unready_operator_fails_with_its_answer(query_supply: QuerySupply, capsys: pytest.CaptureFixture[str]) -> None:
    query_supply.statuses, query_supply.text = [503], b"not all objects were listed yet"

    assert main(["check", query_supply.url, "--seconds", "0.05"]) == 1

    assert capsys.readouterr().err == f"{query_supply.url}: 503 not all objects were listed yet\n"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/readyz", "nonsense"])
def test_unreachable_address_fails_with_a_message(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", url, "--seconds", "0"]) == 1

    assert capsys.readouterr().err.startswith(f"{url}: ")


def test_proxy_environment_variable_is_ignored(query_supply: QuerySupply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    assert main(["check", query_supply.url, "--seconds", "0"]) == 0


def test_ipv6_address_needs_no_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "http://::1:1/readyz", "--seconds", "0"]) == 1
    assert main(["check", "http://[::1]:1/readyz", "--seconds", "0"]) == 1

    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert first.startswith("http://[::1]:1/readyz: <urlopen error [Errno")
