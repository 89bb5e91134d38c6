"""The operator's own endpoints, where they cannot be served."""

import socket
from collections.abc import Iterator
from typing import Never

import pytest

from runbook_operator.__main__ import main
from runbook_operator.kube import errors
from runbook_operator.telemetry.http_server import Answers, serve

ANSWERS = Answers(metrics=lambda _: (b"", ""), unhealthy=list, unready=list, warnings=list)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another process listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_port_in_use_is_named_with_its_settings(taken: int) -> None:
    with pytest.raises(errors.CannotListenError) as raised:
        await serve("127.0.0.1", taken, ANSWERS)

    assert f"cannot listen on 127.0.0.1:{taken} for /metrics and /healthz: " in str(raised.value)
    assert "Set RUNBOOK_HTTP_HOST and RUNBOOK_HTTP_PORT" in str(raised.value)


def test_operator_that_cannot_listen_exits_with_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Root:
        @staticmethod
        async def run(_settings: object) -> Never:
            raise errors.CannotListenError("cannot listen on 127.0.0.1:8080")

    monkeypatch.setattr("runbook_operator.__main__._root", Root)

    assert main(["run"]) == 2
    assert capsys.readouterr().err == "runbook-operator: cannot listen on 127.0.0.1:8080\n"
