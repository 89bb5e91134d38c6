"""The administrator's channels, from real files."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from structlog.testing import capture_logs

from runbook_operator.delivery.configured_channels import Channels
from runbook_operator.runtime import watched_entries
from runbook_operator.runtime.watched_entries import FILE
from tests.fakes.servers import ca

HOOK = "https://hooks.slack.com/services/T0/B0/secret"


class ChannelFile:
    """A file of channels in a folder, which tests write again as an administrator does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "channels.yaml"

    def write(self, text: str = "", **entries: Any) -> "ChannelFile":
        self.path.write_text(text or yaml.safe_dump(entries))
        return self

    def secret(self, name: str, content: str) -> str:
        (self.path.parent / name).write_text(content)
        return name

    async def open(self) -> Channels:
        return await Channels.open(str(self.path))


@pytest.fixture
def file(tmp_path: Path) -> ChannelFile:
    made = ChannelFile(tmp_path)
    made.secret("hook", f"{HOOK}\n")
    made.secret("ca.crt", ca().decode())
    made.secret("two-words", "a b")
    made.secret("empty", "\n")
    made.secret("short", "whsec_YWJj")
    return made


async def test_channel_has_the_content_of_its_files(file: ChannelFile) -> None:
    channels = await file.write(chat={"kind": "slack", "urlFile": "hook", "caFile": "ca.crt", "timeout": "3s"}).open()

    assert (channels["chat"].config.url, channels["chat"].seconds, channels["chat"].per_minute) == (HOOK, 3.0, 30)
    assert channels["chat"].config.secrets["ca"].startswith("-----BEGIN")
    assert (list(channels), len(channels), channels.problems) == (["chat"], 1, {})
    assert "secret" not in repr(channels["chat"])


async def test_rate_of_an_entry_replaces_that_of_its_kind(file: ChannelFile) -> None:
    channels = await file.write(chat={"kind": "slack", "urlFile": "hook", "perMinute": 3}).open()

    assert channels["chat"].per_minute == 3


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (None, "it is not a map with a kind"),
        ({}, "kind: it is none of alertmanager, discord, email,"),
        ({"kind": "fax"}, "kind: it is none of"),
        ({"kind": ["slack"]}, "kind: it is none of"),
        ({"kind": "slack"}, "urlFile: Field required"),
        ({"kind": "slack", "url": HOOK, "urlFile": "hook"}, "url: there is no such field"),
        ({"kind": "slack", "urlFile": "nothing"}, "urlFile: "),
        ({"kind": "slack", "urlFile": "empty"}, "urlFile: "),
        ({"kind": "slack", "urlFile": "two-words"}, "urlFile: a URL must have no white space"),
        ({"kind": "slack", "urlFile": "hook", "caFile": "hook"}, "caFile: "),
        ({"kind": "slack", "urlFile": "hook", "timeout": "1h"}, "timeout: it is longer than nothing, and 30s at most"),
        ({"kind": "slack", "urlFile": "hook", "perMinute": 0}, "perMinute: Input should be greater than or equal to 1"),
        ({"kind": "slack", "urlFile": "hook", "severities": ["SEV9"]}, "severities.0: Input should be 'SEV1'"),
        ({"kind": "webhook", "url": HOOK, "tokenFile": "two-words"}, "tokenFile: "),
        ({"kind": "webhook", "url": HOOK, "signingSecretFile": "short"}, "signingSecretFile: a secret is whsec_"),
        ({"kind": "email", "host": "mail.example.com", "from": "a@example.com"}, "set to or domains"),
    ],
)
async def test_entry_that_is_wrong_costs_one_channel_and_names_its_field(
    file: ChannelFile, entry: Any, problem: str
) -> None:
    channels = await file.write(chat=entry, other={"kind": "event"}).open()

    assert list(channels) == ["other"]
    assert channels.problems["chat"].startswith(problem)
    assert "secret" not in channels.problems["chat"].removeprefix("signingSecretFile: a secret is whsec_")


async def test_names_that_no_runbook_can_write_are_refused(file: ChannelFile) -> None:
    channels = await file.write("Pager: {kind: event}\n1: {kind: event}").open()

    assert set(channels.problems) == {"Pager", "1"}
    assert not channels


async def test_error_in_a_changed_entry_keeps_the_old_channel(file: ChannelFile) -> None:
    channels = await file.write(chat={"kind": "slack", "urlFile": "hook"}).open()

    file.write(chat={"kind": "slack", "urlFile": "nothing"})
    await channels.refresh()

    assert channels["chat"].config.url == HOOK
    assert channels.problems["chat"].startswith("urlFile: ")


async def test_error_in_the_file_keeps_all_channels(file: ChannelFile) -> None:
    channels = await file.write(chat={"kind": "slack", "urlFile": "hook"}).open()

    file.write("- a")
    await channels.refresh()

    assert (list(channels), channels.problems) == (["chat"], {FILE: "it is not a map"})


async def test_renewed_secret_is_used_and_a_removed_channel_is_gone(file: ChannelFile) -> None:
    channels = await file.write(chat={"kind": "slack", "urlFile": "hook"}, other={"kind": "event"}).open()

    file.secret("hook", "https://hooks.slack.com/services/new")
    file.write(chat={"kind": "slack", "urlFile": "hook"})
    await channels.refresh()

    assert channels["chat"].config.url == "https://hooks.slack.com/services/new"
    assert list(channels) == ["chat"]


async def test_fallback_that_does_not_exist_is_logged_and_costs_nothing(file: ChannelFile) -> None:
    with capture_logs() as logs:
        channels = await file.write(chat={"kind": "event", "fallback": "pager"}).open()

    assert list(channels) == ["chat"]
    assert "fallback: no channel is called pager" in [one.get("problem") for one in logs]


async def test_no_log_line_has_a_secret(file: ChannelFile) -> None:
    with capture_logs() as logs:
        await file.write(
            chat={"kind": "slack", "urlFile": "hook"}, bad={"kind": "slack", "urlFile": "two-words"}
        ).open()

    assert "services" not in str(logs)


async def test_channel_serves_its_namespaces_and_severities_alone(file: ChannelFile) -> None:
    entry = {"kind": "event", "namespaces": ["shop"], "severities": ["SEV1"]}
    channels = await file.write(chat=entry, all={"kind": "event"}).open()

    assert channels.of("chat", "shop") is channels["chat"]
    assert channels.of("chat", "ai") is None
    assert (channels["chat"].takes("SEV1"), channels["chat"].takes("SEV2"), channels["all"].takes("SEV2")) == (
        True,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("chat: {kind: event, namespaces: [shop]}", "chat", Channels.none),
        ("chat: {kind: event}", "pager", "no channel pager is declared for this namespace; it may use: chat"),
        ("chat: {kind: fax}", "chat", "the administrator's entry for channel chat is not valid: kind: it is none of"),
        ("- a", "chat", "the administrator's file of channels is not valid: it is not a map"),
    ],
)
async def test_author_learns_why_a_channel_is_not_there(file: ChannelFile, text: str, name: str, why: str) -> None:
    channels = await file.write(text).open()

    assert channels.why_not(name, "ai").startswith(why)


async def test_no_file_is_no_channel() -> None:
    assert len(await Channels.open("")) == 0


async def test_running_channels_follow_the_file(file: ChannelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    channels = await file.write(a={"kind": "event"}).open()
    monkeypatch.setattr(watched_entries, "EVERY", 0.0)
    file.write(b={"kind": "event"})

    taken = asyncio.Event()
    refresh = channels.refresh

    async def refresh_and_tell() -> None:
        await refresh()
        taken.set()

    monkeypatch.setattr(channels, "refresh", refresh_and_tell)
    running = asyncio.create_task(channels.run())
    await taken.wait()
    running.cancel()

    assert list(channels) == ["b"]
