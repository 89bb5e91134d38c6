"""`runbook-operator channels`, as an administrator runs it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio.config import kube_config

from runbook_operator.__main__ import main
from runbook_operator.cli import channels
from runbook_operator.cli.channels import NO_FILE
from runbook_operator.settings import Settings
from tests.fakes.message_sink import Mood, sink
from tests.fakes.servers import ca, certified


def written(folder: Path, **entries: Any) -> str:
    """The path of a file of channels with these entries, beside the files that they name."""
    path = folder / "channels.yaml"
    (folder / "ca").write_bytes(ca())
    (folder / "key").write_text("0" * 32)
    path.write_text(yaml.safe_dump(entries))
    return str(path)


def slack(folder: Path, port: int, **fields: Any) -> dict[str, Any]:
    (folder / "url").write_text(f"https://127.0.0.1:{port}/hidden-in-the-url")
    return {"kind": "slack", "urlFile": "url", "caFile": "ca", "timeout": "3s"} | fields


async def run(path: str, name: str, namespace: str = "") -> tuple[list[str], int]:
    settings = Settings(channels=path, allowed_networks='["127.0.0.1/32"]')
    return await channels.send_test(settings, name, namespace)


def test_list_shows_each_channel_and_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(
        tmp_path,
        chat=slack(tmp_path, 443, namespaces=["shop", "ai"], severities=["SEV1"], perMinute=5, fallback="log"),
        bad={"kind": "fax"},
        log={"kind": "event", "fallback": "nothing"},
    )

    assert main(["channels", "list", "--channels", path]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["NAME", "KIND", "NAMESPACES", "SEVERITIES", "PER", "MINUTE", "FALLBACK"],
        ["chat", "slack", "shop,ai", "SEV1", "5", "log"],
        ["log", "event", "all", "all", "60", "nothing"],
    ]
    assert lines[3].startswith("bad: kind: it is none of alertmanager")
    assert lines[4] == "log: fallback: no channel is called nothing"


def test_list_of_a_file_without_mistakes_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["channels", "list", "--channels", written(tmp_path, log={"kind": "event"})]) == 0
    assert "log" in capsys.readouterr().out


def test_list_without_a_file_names_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["channels", "list"]) == 1
    assert NO_FILE in capsys.readouterr().out


def test_wrong_setting_ends_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["channels", "list", "--http-port", "many"]) == 2
    assert "--http-port" in capsys.readouterr().err


def test_test_of_an_unknown_channel_names_those_that_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["channels", "test", "chat", "--channels", written(tmp_path, log={"kind": "event"})]) == 1
    assert capsys.readouterr().out == "no channel is called chat; there is: log\n"


async def test_accepted_message_is_reported(tmp_path: Path) -> None:
    async with sink("slack", tls=certified("127.0.0.1")) as there:
        lines, status = await run(written(tmp_path, chat=slack(tmp_path, there.port)), "chat")

    assert (status, len(there.bodies)) == (0, 1)
    assert lines[0].startswith("chat (slack): the receiver accepted the message after ")
    assert b"SEV4 test: Test message of Runbook Operator" in there.bodies[0]


@pytest.mark.parametrize(
    ("mood", "line"),
    [
        ("refuse", "chat (slack): not delivered, and not tried again: the receiver answered 404"),
        (
            "throttle",
            "chat (slack): not delivered: the receiver answered 429; the operator would try again, in 7 s, as asked",
        ),
        ("stall", "chat (slack): not delivered: no response arrived in time; the operator would try again"),
    ],
)
async def test_failure_is_reported_without_the_url(tmp_path: Path, mood: Mood, line: str) -> None:
    async with sink("slack", mood, tls=certified("127.0.0.1")) as there:
        path = written(tmp_path, chat=slack(tmp_path, there.port, fallback="log"), log={"kind": "event"})
        lines, status = await run(path, "chat")

    assert (lines[0], status) == (line, 1)
    assert lines[2] == "a message of a Runbook would then go to log"
    assert "hidden" not in str(lines)


async def test_alert_of_a_test_is_resolved_again(tmp_path: Path) -> None:
    async with sink("pagerduty", tls=certified("127.0.0.1")) as there:
        url = f"https://127.0.0.1:{there.port}/v2/enqueue"
        path = written(tmp_path, pager={"kind": "pagerduty", "url": url, "routingKeyFile": "key", "caFile": "ca"})
        lines, status = await run(path, "pager")

    assert (lines[2], status) == ("resolved there", 0)
    assert [b'"trigger"' in there.bodies[0], b'"resolve"' in there.bodies[1]] == [True, True]


async def test_alert_that_cannot_be_resolved_is_reported(tmp_path: Path) -> None:
    async with sink("pagerduty", "accept", "break", tls=certified("127.0.0.1")) as there:
        url = f"https://127.0.0.1:{there.port}/v2/enqueue"
        path = written(tmp_path, pager={"kind": "pagerduty", "url": url, "routingKeyFile": "key", "caFile": "ca"})
        lines, status = await run(path, "pager")

    assert (lines[2], status) == ("not resolved there: the receiver answered 503", 0)


@pytest.mark.parametrize(
    ("name", "namespace", "line"),
    [
        ("log", "ai", "log: the channel does not serve the namespace ai"),
        ("bad", "", "bad: kind: it is none of"),
    ],
)
async def test_channel_that_cannot_be_used_is_explained(tmp_path: Path, name: str, namespace: str, line: str) -> None:
    path = written(tmp_path, log={"kind": "event", "namespaces": ["shop"]}, bad={"kind": "fax"})

    lines, status = await run(path, name, namespace)

    assert status == 1
    assert lines[0].startswith(line)


async def test_file_that_is_no_map_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "channels.yaml"
    await asyncio.to_thread(path.write_text, "- a")

    assert await run(str(path), "chat") == ([f"chat: {path}: it is not a map"], 1)


async def test_event_without_a_cluster_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "nothing"))
    monkeypatch.setenv("HOME", str(tmp_path))

    lines, status = await run(written(tmp_path, log={"kind": "event"}), "log")

    assert status == 1
    assert "no cluster is configured; set KUBECONFIG" in lines[0]
