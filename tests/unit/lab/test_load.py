"""The traffic of the lab, against a server of the test's own."""

from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lab import load
from lab.monitoring import traffic
from tests.e2e.harness import eventually
from tests.fakes.shop_server import Shop


@pytest.fixture
def shop() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Shop)
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    serving.join()
    server.server_close()


def test_each_answer_is_recorded_with_status_and_version(shop: str, tmp_path: Path) -> None:
    with traffic(shop, rate=100, seconds=30, out=tmp_path / "answers") as answers:
        found: list[Any] = eventually("there are answers", lambda: answers() if len(answers()) > 3 else None)

    assert {one["code"] for one in found} == {200, 500}
    assert {one["version"] for one in found} == {"2"}
    assert [one["at"] for one in found] == sorted(one["at"] for one in found)


def test_load_ends_after_its_seconds(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    load.run(shop, rate=20, seconds=0.2)

    assert 1 <= len(capsys.readouterr().out.splitlines()) <= 5


def test_missing_and_invalid_answers_are_recorded(shop: str) -> None:
    assert load.ask("http://127.0.0.1:1/") == (0, "")
    assert load.ask(shop)[1] == "2"
