"""The administrator's sources, from real files and asked over real connections."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from aiohttp import web
from structlog.testing import capture_logs

from runbook_operator.core.samples import Answer
from runbook_operator.monitoring.backends import source_config
from runbook_operator.monitoring.backends.configured_sources import MetricSources
from runbook_operator.monitoring.backends.metric_backend import PATIENCE
from runbook_operator.runtime import clock, watched_entries, watched_files
from runbook_operator.runtime.watched_entries import FILE
from tests.fakes.prometheus_source import AT, Source, answer, error, own, serving
from tests.fakes.servers import ca, certified

TEAM = "shop"


class Sources:
    """A file of sources in a folder, which tests write again as an administrator does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sources.yaml"

    def say(self, text: str = "", **entries: Any) -> "Sources":
        self.path.write_text(text or yaml.safe_dump(entries))
        return self

    def file(self, name: str, content: str | bytes) -> str:
        path = self.path.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MetricSources]:
        made = await MetricSources.open(str(self.path))
        try:
            yield made
        finally:
            await made.close()

    async def problems(self) -> dict[str, str]:
        async with self.open() as made:
            return dict(made.problems)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)


@dataclass
class Served(Source):
    """A source that is there for the whole test."""

    url: str = ""


@pytest.fixture
async def source() -> AsyncIterator[Served]:
    served = Served()
    async with serving(served.handle) as served.url:
        yield served


async def ask(made: MetricSources, name: str = "default", query: str = "up") -> Answer:
    client = made.of(name, TEAM)
    assert client, made.why_not(name, TEAM)
    return (await client.instant([query], AT))[query]


async def test_each_source_is_queried_with_its_configured_credentials(sources: Sources, source: Served) -> None:
    sources.file("basic/username", "shop\n")
    sources.file("basic/password", "p@ss word\n")
    sources.say(
        plain={"url": source.url},
        token={"url": source.url, "tokenFile": sources.file("token", "t0ken\n"), "timeout": "2s500ms"},
        basic={
            "url": source.url,
            "basic": {"usernameFile": "basic/username", "passwordFile": str(sources.path.parent / "basic/password")},
            "tenant": "team-a",
        },
    )
    async with sources.open() as made:
        assert sorted(made) == ["basic", "plain", "token"]
        assert len(made) == 3
        for name in made:
            assert await ask(made, name) == own("up")

    plain, token, basic = source.headers[1], source.headers[2], source.headers[0]
    assert "Authorization" not in plain
    assert token["Authorization"] == "Bearer t0ken"
    assert source.asked[2]["timeout"] == "2500ms"
    assert basic["Authorization"] == "Basic c2hvcDpwQHNzIHdvcmQ="
    assert basic["X-Scope-OrgID"] == "team-a"


async def test_tls_source_is_trusted_only_by_its_authority_file(sources: Sources) -> None:
    async def one(_: web.Request) -> web.Response:
        return answer("vector", [])

    async with serving(one, ssl_context=certified("127.0.0.1")) as plain:
        url = plain.replace("http:", "https:")
        sources.file("ca.crt", b"# f\xc3\xbcr alle\n" + ca())
        sources.file("other.crt", trustme.CA().cert_pem.bytes())
        sources.say(right={"url": url, "caFile": "ca.crt"}, wrong={"url": url, "caFile": "other.crt"})
        async with sources.open() as made:
            assert await ask(made, "right") == ()
            assert "certificate" in error(await ask(made, "wrong")).message


async def test_missing_or_empty_file_configures_no_source(sources: Sources) -> None:
    for path in ("", str(sources.say("# none yet\n").path)):
        made = await MetricSources.open(path)
        await made.refresh()
        assert dict(made) == {}
        assert made.problems == {}
        assert made.why_not("default", TEAM) == (
            "no metric source is configured for this namespace: set metricSources.sources in the chart, or "
            "RUNBOOK_METRIC_SOURCES without it"
        )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "url: Field required"),
        ({"url": "prometheus:9090"}, "url: it must be http:// or https:// with a host and optionally a path"),
        ({"url": "http://[hunter2"}, "url: it must be http:// or https:// with a host and optionally a path"),
        ({"url": "http://a/?x=hunter2"}, "url: it must be http:// or https:// with a host and optionally a path"),
        (
            {"url": "http://us:hunter2@a"},
            "url: it must not contain a name or a password; write them into files, and name the files in",
        ),
        ({"url": "http://a", "tenent": "x"}, "tenent: this field does not exist"),
        ({"url": "http://a", "tenant": "a b"}, "tenant: String should match"),
        ({"url": "http://a", "basic": {"usernameFile": "u"}}, "basic.passwordFile: Field required"),
        ({"url": "http://a", "basic": {"password": "hunter2"}}, "basic.usernameFile: Field required"),
        ({"url": "http://a", "timeout": "2 s"}, "timeout: String should match"),
        ({"url": "http://a", "timeout": "0s"}, "timeout: it must be more than 0s and at most 60s"),
        ({"url": "http://a", "timeout": "61s"}, "timeout: it must be more than 0s and at most 60s"),
        ({"url": "http://a", "namespaces": []}, "namespaces: List should have at least 1 item"),
        (
            {"url": "http://a", "tokenFile": "t", "basic": {"usernameFile": "u", "passwordFile": "p"}},
            "set one of tokenFile and basic, not both",
        ),
        ({"url": "http://a", "tokenFile": "none"}, "tokenFile: {folder}/none cannot be read: No such file"),
        ({"url": "http://a", "tokenFile": "two"}, "tokenFile: {folder}/two must contain one word in visible ASCII"),
        ({"url": "http://a", "tokenFile": "empty"}, "tokenFile: {folder}/empty is empty"),
        ({"url": "http://a", "tokenFile": "binary"}, "tokenFile: {folder}/binary is not text in UTF-8"),
        ({"url": "http://a", "tokenFile": "large"}, "tokenFile: {folder}/large cannot be read: it is larger than 256"),
        ({"url": "http://a", "tokenFile": "a\0b"}, "tokenFile: {folder}/a\0b cannot be read: this is not a file name"),
        ({"url": "https://a", "caFile": "two"}, "caFile: {folder}/two contains no certificate in PEM format"),
        (
            {"url": "http://a", "basic": {"usernameFile": "colon", "passwordFile": "two"}},
            'no client can be created from it: A ":" is not allowed in login',
        ),
        ("http://a", "it must be a map with a url"),
        (None, "it must be a map with a url"),
    ],
)
async def test_invalid_source_names_its_field_and_keeps_the_others(sources: Sources, entry: Any, said: str) -> None:
    sources.file("two", "hunter2 hunter2")
    sources.file("colon", "hunter2:hunter2")
    sources.file("empty", "\n")
    sources.file("binary", b"\xff\xfe")
    sources.file("large", "x" * (watched_files.LARGEST + 1))
    sources.say(bad=entry, good={"url": "http://prometheus:9090"})
    with capture_logs() as logs:
        async with sources.open() as made:
            assert set(made.problems) == {"bad"}
            assert made.problems["bad"].startswith(said.format(folder=sources.path.parent))
            assert list(made) == ["good"]
            assert made.of("bad", TEAM) is None
            why = made.why_not("bad", TEAM)

    assert why == f"the administrator's entry for metric source bad is not valid: {made.problems['bad']}"
    (told,) = [one for one in logs if one["log_level"] == "error"]
    assert told["file"] == str(sources.path)
    assert (told["source"], told["problem"]) == ("bad", made.problems["bad"])
    assert not any("hunter2" in str(one) for one in logs)


@pytest.mark.parametrize("name", ["Default", "a.b", "", "-a", "x" * 64, 7])
async def test_source_name_that_no_runbook_can_write_is_reported(sources: Sources, name: Any) -> None:
    problems = await sources.say(text=yaml.safe_dump({name: {"url": "http://a"}})).problems()

    assert problems == {str(name): problems[str(name)]}
    assert problems[str(name)].startswith("the name of a source must have only")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default: {url: http://a", "it is not YAML: expected ',' or '}', but got '<stream end>' in line 1"),
        ("a: {url: http://a}\n\ta: 1", "it is not YAML: found character '\\t' that cannot start any token in line 2"),
        (
            "a: {url: http://a}\nb: {url: http://b}\na: {url: http://c}",
            "it is not YAML: a key occurs twice in line 1",
        ),
        ('a: "\\UFFFFFFFF"', "it is not YAML: "),
        ("[" * 5000, "it is not YAML: RecursionError"),
        ("- url: http://a", "it is not a map"),
        ("a\0b", "it is not YAML: special characters are not allowed"),
    ],
)
async def test_file_that_is_no_map_of_sources_is_reported(sources: Sources, text: str, said: str) -> None:
    async with sources.say(text).open() as made:
        assert made.problems[FILE].startswith(said)
        assert made.why_not("a", TEAM).startswith(f"the administrator's file of metric sources is not valid: {said}")


async def test_missing_file_is_reported_and_read_once_it_exists(sources: Sources, source: Served) -> None:
    async with sources.open() as made:
        assert made.problems == {FILE: f"{sources.path} cannot be read: No such file or directory"}

        sources.say(default={"url": source.url})
        await made.refresh()

        assert made.problems == {}
        assert await ask(made) == own("up")


async def test_renewed_token_is_used_after_the_next_refresh(sources: Sources, source: Served) -> None:
    """As a kubelet does it: a link to a folder is replaced by one to another folder."""
    sources.file("..1/token", "first")
    sources.file("..2/token", "second")
    data = sources.path.parent / "..data"
    data.symlink_to("..1")
    sources.say(default={"url": source.url, "tokenFile": "..data/token"}, other={"url": source.url})
    async with sources.open() as made:
        other = made["other"]
        await ask(made)
        (sources.path.parent / "..new").symlink_to("..2")
        (sources.path.parent / "..new").rename(data)
        await made.refresh()
        await ask(made)
        assert made["other"] is other

    assert [headers["Authorization"] for headers in source.headers] == ["Bearer first", "Bearer second"]


async def test_unchanged_file_is_not_parsed_again(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    sources.say(default={"url": "http://a"})
    async with sources.open() as made:
        before = made["default"]
        os.utime(sources.path)
        monkeypatch.setattr(source_config, "read", None)
        await made.refresh()
        assert made["default"] is before


async def test_invalid_file_keeps_the_earlier_sources_until_corrected(sources: Sources, source: Served) -> None:
    good = {"url": source.url, "namespaces": [TEAM]}
    sources.say(default=good, other=good)
    async with sources.open() as made:
        sources.say(default=good | {"tenent": "x"}, other=good)
        with capture_logs() as logs:
            await made.refresh()
        assert made.problems == {"default": "tenent: this field does not exist"}
        assert await ask(made) == own("up")
        assert made.of("default", "elsewhere") is None
        assert logs[0]["as_before"] is True

        sources.say("default: {")
        await made.refresh()
        assert set(made.problems) == {FILE}
        assert await ask(made) == own("up")
        assert await ask(made, "other") == own("up")

        sources.say(default=good)
        await made.refresh()
        assert made.problems == {}
        assert list(made) == ["default"]


async def test_removed_source_finishes_its_queries_and_is_then_closed(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, asked, go_on = [0.0], asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return answer("vector", [])

    async with serving(slow) as url:
        sources.say(default={"url": url, "timeout": "1s"})
        async with sources.open() as made:
            client = made["default"]
            under_way = asyncio.create_task(client.instant(["up"], AT))
            await asked.wait()
            sources.say("# none\n")
            await made.refresh()
            assert dict(made) == {}
            go_on.set()
            assert await under_way == {"up": ()}

            time[0] = PATIENCE + 0.9
            await made.refresh()
            assert (await client.instant(["up"], AT))["up"] == ()
            time[0] = PATIENCE + 1.0
            await made.refresh()
            assert "no longer configured" in error((await client.instant(["up"], AT))["up"]).message


async def test_source_limited_to_namespaces_is_missing_elsewhere(sources: Sources) -> None:
    sources.say(ours={"url": "http://a", "namespaces": [TEAM]}, everybodys={"url": "http://b"})
    async with sources.open() as made:
        assert made.of("ours", TEAM) is made["ours"]
        assert made.of("ours", "elsewhere") is None
        assert made.why_not("ours", "elsewhere") == (
            "no metric source ours is declared for this namespace; it may use: everybodys"
        )
        assert made.why_not("nobodys", TEAM).endswith("it may use: everybodys, ours")


async def test_each_request_is_counted_by_source(sources: Sources, source: Served) -> None:
    told: list[tuple[str, str]] = []
    sources.say(default={"url": source.url})
    made = await MetricSources.open(str(sources.path), lambda name, kind, _: told.append((name, kind)))
    await ask(made)
    await made.close()

    assert told == [("default", "Answered")]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(watched_entries, "EVERY", 0.001)
        yield


@pytest.mark.usefixtures("often")
async def test_source_files_are_followed_while_running(sources: Sources) -> None:
    sources.say(a={"url": "http://a"})
    async with sources.open() as made:
        running = asyncio.create_task(made.run())
        for names in (["b"], ["c"]):
            sources.say(yaml.safe_dump({name: {"url": "http://a"} for name in names}))
            async with asyncio.timeout(60):
                while list(made) != names:  # noqa: ASYNC110 # what it follows has no event
                    await asyncio.sleep(0.001)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_credentials_do_not_appear_in_parsed_terms(sources: Sources) -> None:
    sources.file("token", "hunter2")
    sources.say(default={"url": "http://a", "tokenFile": "token"})
    async with sources.open() as made:
        assert "hunter2" not in repr(made._terms)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"type": "influx"}, "type: it must be one of influxdb, prometheus"),
        ({"type": 5}, "type: it must be one of influxdb, prometheus"),
        ({"type": "influxdb"}, "database: Field required"),
        ({"type": "influxdb", "database": ""}, "database: String should have at least 1 character"),
        ({"type": "influxdb", "database": "a", "tenant": "b"}, "tenant: this field does not exist"),
        ({"type": "prometheus", "database": "a"}, "database: this field does not exist"),
        ({"type": "influxdb", "database": "a", "tokenFile": "nope"}, "tokenFile: "),
        (
            {
                "type": "influxdb",
                "database": "a",
                "tokenFile": "t",
                "basic": {"usernameFile": "u", "passwordFile": "p"},
            },
            "set one of tokenFile and basic, not both",
        ),
    ],
)
async def test_entry_that_its_backend_cannot_use_names_the_field(
    sources: Sources, entry: dict[str, Any], said: str
) -> None:
    problems = await sources.say(default={"url": "http://a"} | entry).problems()

    assert problems["default"].startswith(said)


async def test_each_source_has_the_language_of_its_type(sources: Sources) -> None:
    sources.say(
        default={"url": "http://a"},
        named={"url": "http://a", "type": "prometheus"},
        influx={"url": "http://a", "type": "influxdb", "database": "a"},
        wrong={"url": "http://a", "type": "flux"},
    )
    async with sources.open() as made:
        before = made.languages
        assert {name: one.name for name, one in before.items()} == {
            "default": "PromQL",
            "named": "PromQL",
            "influx": "InfluxQL",
        }
        sources.say(default={"url": "http://a", "type": "influxdb", "database": "a"})
        await made.refresh()
        assert {name: one.name for name, one in made.languages.items()} == {"default": "InfluxQL"}
        assert before["default"].name == "PromQL"
