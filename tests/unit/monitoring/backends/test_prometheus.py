"""One request to a source: what goes along, what an odd answer becomes, and that no words tell a secret."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from runbook_operator.core.samples import Matrix, Sample
from runbook_operator.monitoring.backends.prometheus import Prometheus
from runbook_operator.runtime import clock
from tests.fakes.prometheus_source import (
    AT,
    Source,
    answer,
    ask,
    both,
    client,
    error,
    names,
    own,
    refuse,
    right,
    serving,
)


async def test_single_query_is_sent_unchanged_as_a_form() -> None:
    source = Source()
    async with both(source, token=" t0ken\n", tenant="shop", seconds=2.5) as made:
        answers = await made.instant(["up", "up"], AT)

    assert answers == {"up": own("up")}
    assert source.asked == [
        {
            "query": "up",
            "time": "1795572000.000",
            "timeout": "2500ms",
            "partial_response": "false",
            "deny_partial_response": "1",
        }
    ]
    (headers,) = source.headers
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["X-Scope-OrgID"] == "shop"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"].startswith("runbook-operator/")


async def test_request_without_credentials_sends_none_and_uses_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    source = Source()
    async with both(source) as made:
        assert right(await made.instant(["up"], AT))

    assert not {"Authorization", "X-Scope-OrgID"} & set(source.headers[0])


@pytest.mark.parametrize("where", ["argument", "url"])
async def test_login_may_be_given_apart_or_in_the_url(where: str) -> None:
    source = Source()
    async with serving(source.handle) as url:
        given = {"basic": ("us", "p@ss/ö")} if where == "argument" else {}
        address = url if where == "argument" else url.replace("://", "://us:p%40ss%2F%C3%B6@")
        async with client(f"{address}/tenant/", **given) as made:
            assert right(await made.instant(["up"], AT))

    assert source.headers[0]["Authorization"] == "Basic dXM6cEBzcy/Dtg=="


async def test_path_prefix_of_a_url_is_kept() -> None:
    paths: list[str] = []

    async def note(request: web.Request) -> web.Response:
        paths.append(request.path)
        return answer("vector", [])

    async with serving(note) as url:
        for path in ("", "/", "/prometheus", "/select/0/prometheus/"):
            async with client(url + path) as made:
                await made.instant(["up"], AT)

    assert paths == [
        "/api/v1/query",
        "/api/v1/query",
        "/prometheus/api/v1/query",
        "/select/0/prometheus/api/v1/query",
    ]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("", {}),
        ("prometheus:9090", {}),
        ("ftp://us:hunter2@prometheus", {}),
        ("http://", {}),
        ("http://[hunter2", {}),
        ("http://prometheus/?token=hunter2", {}),
        ("http://prometheus/#hunter2", {}),
        ("http://us:hunter2@prometheus", {"token": "hunter2"}),
        ("http://prometheus", {"token": "hunter2", "basic": ("us", "hunter2")}),
        ("http://prometheus", {"basic": ("us:er", "hunter2")}),
        ("http://prometheus", {"token": "hunter2\nX-Other: 1"}),
        ("http://prometheus", {"tenant": "hunter2\r\nX-Other: 1"}),
        ("https://prometheus", {"ca": "hunter2 für alle"}),
    ],
)
async def test_invalid_source_is_refused_without_its_secrets(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"URL|token|CA|login") as caught:
        Prometheus(url, **options)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "hunter2", "Unauthorized"),
        (403, "hunter2", "Unauthorized"),
        (404, "404 page not found: hunter2", "Unreachable"),
        (500, "hunter2 in a stack", "Unreachable"),
        (503, '{"status":"error","errorType":"timeout","error":"query timed out"}', "Timeout"),
        (400, '{"status":"error","errorType":"bad_data","error":"token hunter2 or dXM6aHVudGVyMg=="}', "Refused"),
        (200, "<html>Sign in, hunter2</html>", "Malformed"),
        (200, '{"status":"success","data":{"resultType":"vector","result":[{"metric":', "Malformed"),
        (200, "[" * 100_000, "Malformed"),
        (200, "", "Malformed"),
    ],
)
async def test_error_answer_is_classified_and_hides_secrets(status: int, body: str, kind: str) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    found = error(await ask(odd, basic=("us", "hunter2")))

    assert found.kind == kind
    assert not any(word in found.message for word in ("hunter2", "dXM6aHVudGVyMg", "http://", "Sign in"))


async def test_range_query_sends_its_times_and_counts_its_points() -> None:
    source = Source()

    async def range_(request: web.Request) -> web.Response:
        await source.handle(request)
        assert request.path == "/api/v1/query_range"
        return answer(
            "matrix", [{"metric": {"pod": "a"}, "values": [[AT.timestamp(), "1"], [AT.timestamp() + 60, "3"]]}]
        )

    async with serving(range_) as url, client(url) as made:
        found = await made.range_("up", AT - timedelta(days=7), AT, timedelta(hours=1))

    later = AT + timedelta(minutes=1)
    assert found == Matrix((Sample({"pod": "a"}, 1, AT), Sample({"pod": "a"}, 3, later)), 169)
    asked = {name: source.asked[0][name] for name in ("query", "start", "end", "step")}
    assert asked == {"query": "up", "start": "1794967200.000", "end": "1795572000.000", "step": "3600.000"}


async def test_failed_range_query_is_an_error() -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(text="{")

    async with serving(broken) as url, client(url) as made:
        assert error(await made.range_("up", AT, AT, timedelta(hours=1))).kind == "Malformed"


async def test_closed_source_answers_unreachable_without_request() -> None:
    source = Source()
    async with both(source) as made:
        await made.close()
        answers = await made.instant(names(100), AT)

    assert {error(found).kind for found in answers.values()} == {"Unreachable"}
    assert source.asked == []


async def test_each_request_is_reported_with_its_result() -> None:
    told: list[tuple[str, float]] = []
    source = Source(faults={"bad": refuse})
    async with both(source, observe=lambda kind, seconds: told.append((kind, seconds))) as made:
        await made.instant(["a", "bad"], AT)
        await made.range_("bad", AT, AT, timedelta(hours=1))

    assert sorted(kind for kind, _ in told) == ["Answered", "Refused", "Refused", "Refused"]
    assert all(seconds >= 0 for _, seconds in told)


@pytest.mark.parametrize(("hours", "off"), [(-1, -3600), (0, 0), (2, 7200)])
async def test_clock_difference_of_the_source_is_measured(hours: int, off: float) -> None:
    now = (datetime.fromtimestamp(clock.now().timestamp(), UTC) + timedelta(hours=hours)).strftime(
        "%a, %d %b %Y %T GMT"
    )

    async def dated(_: web.Request) -> web.Response:
        return answer("vector", [], Date=now)

    began = clock.monotonic()
    async with serving(dated) as url, client(url) as made:
        assert made.ahead is None
        await made.instant(["up"], AT)
    passed = clock.monotonic() - began

    assert made.ahead is not None
    # The header has whole seconds, and was made before the request.
    assert off - passed - 1 <= made.ahead.total_seconds() <= off


async def test_source_without_date_header_has_no_known_clock() -> None:
    async def undated(_: web.Request) -> web.Response:
        return answer("vector", [], Date="yesterday")

    async with serving(undated) as url, client(url) as made:
        await made.instant(["up"], AT)

    assert made.ahead is None
