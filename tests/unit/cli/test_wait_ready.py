"""`runbook-operator check`, against a server on the loopback."""

from collections.abc import Iterator

import pytest

from runbook_operator.__main__ import main
from runbook_operator.cli import wait_ready
from tests.fakes.ready_server import ReadyServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadyServer]:
    monkeypatch.setattr(wait_ready, "PAUSE", 0.01)
    made = ReadyServer()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_ready_operator_passes(server: ReadyServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", server.url]) == 0

    assert capsys.readouterr().out == f"{server.url}: ok\n"


def test_operator_ready_after_a_moment_passes(server: ReadyServer) -> None:
    server.statuses = [503, 503, 200]

    assert main(["check", server.url]) == 0


def test_unready_operator_fails_with_its_answer(server: ReadyServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.statuses, server.text = [503], b"the first list of all objects is not complete yet"

    assert main(["check", server.url, "--seconds", "0.05"]) == 1

    assert capsys.readouterr().err == f"{server.url}: 503 the first list of all objects is not complete yet\n"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/readyz", "nonsense"])
def test_unreachable_address_fails_with_a_message(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", url, "--seconds", "0"]) == 1

    assert capsys.readouterr().err.startswith(f"{url}: ")


def test_proxy_environment_variable_is_ignored(server: ReadyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    assert main(["check", server.url, "--seconds", "0"]) == 0


def test_ipv6_address_needs_no_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "http://::1:1/readyz", "--seconds", "0"]) == 1
    assert main(["check", "http://[::1]:1/readyz", "--seconds", "0"]) == 1

    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert first.startswith("http://[::1]:1/readyz: <urlopen error [Errno")
