"""The InfluxDB backend: which queries it sends and how, and what it makes of the answers."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from runbook_operator.core.samples import Answer, Matrix, QueryError, Sample
from runbook_operator.monitoring.backends import REGISTRY
from runbook_operator.monitoring.backends import influxdb as module
from runbook_operator.monitoring.backends.influxdb import INFLUXQL, RANGE_POINTS, evaluated, mistake, numbers
from runbook_operator.monitoring.backends.metric_backend import MetricBackend, Terms
from tests.fakes.influxdb_source import InfluxDB
from tests.fakes.prometheus_source import Handler, serving

AT = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MEAN = "SELECT mean(value) FROM errors WHERE time > now() - 5m"


@asynccontextmanager
async def client(handle: Handler, files: Mapping[str, str] | None = None, **entry: Any) -> AsyncIterator[MetricBackend]:
    async with serving(handle) as url:
        spec = module.InfluxDBSource.model_validate({"type": "influxdb", "url": url, "database": "shop"} | entry)
        made = REGISTRY["influxdb"].connect(Terms(spec, files or {}), lambda _kind, _seconds: None)
        try:
            yield made
        finally:
            await made.close()


async def answered(status: int, body: Any, query: str = MEAN) -> Answer:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))

    async with client(handle) as made:
        return (await made.instant([query], AT))[query]


def errors_of(answer: Answer | Matrix) -> tuple[str, str]:
    assert isinstance(answer, QueryError)
    return answer.kind, answer.message


def one(**series: Any) -> bytes:
    usual = {"name": "errors", "columns": ["time", "mean"]}
    return json.dumps({"results": [{"statement_id": 0, "series": [usual | series]}]}).encode()


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (MEAN, "SELECT mean(value) FROM errors WHERE (time > 'T' - 5m AND time <= 'T')"),
        ("SELECT a FROM b WHERE TIME >=NOW()", "SELECT a FROM b WHERE (time >= 'T' AND time <= 'T')"),
        (
            "SELECT a FROM b WHERE c = 1 OR time>now()-1h30m AND time < now() - 1m GROUP BY time(1m)",
            "SELECT a FROM b WHERE c = 1 OR (time > 'T' - 1h30m AND time <= 'T') AND time < 'T' - 1m GROUP BY time(1m)",
        ),
    ],
)
def test_query_is_sent_with_its_window_ending_at_the_given_time(query: str, sent: str) -> None:
    assert evaluated(query, AT) == sent.replace("'T'", "'2026-11-30T12:00:00.000Z'")


@pytest.mark.parametrize(
    ("query", "window"),
    [
        (MEAN, 5 * MINUTE),
        ("SELECT a FROM b WHERE time >= now() - 1h30m AND time < now() - 1m", 90 * MINUTE),
        ("SELECT a FROM (SELECT c FROM d WHERE time > now() - 2d) WHERE time > now() - 1500ms", timedelta(days=2)),
        ("SELECT a FROM b WHERE time > now()", timedelta()),
        ("SELECT a FROM b WHERE time > now() - 99999999w", timedelta(days=3650)),
        ("rate(errors[5m])", timedelta()),
        ("", timedelta()),
    ],
)
def test_query_looks_back_as_far_as_its_longest_window(query: str, window: timedelta) -> None:
    assert (INFLUXQL.lookback(query), INFLUXQL.settle(query)) == (window, window)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (MEAN, ""),
        (f"\n {MEAN.lower()}", ""),
        ("DROP DATABASE shop", "the query is not an InfluxQL SELECT"),
        ("SELECTED", "the query is not an InfluxQL SELECT"),
        ("rate(errors[5m])", "the query is not an InfluxQL SELECT"),
        (f"{MEAN}; DROP DATABASE shop", "the query contains ; but may be one statement only"),
        (f"{MEAN} AND pod =~ /'/;DROP DATABASE shop--'", "the query contains ; but may be one statement only"),
        ('SELECT mean(value)INTO"x" FROM errors WHERE time > now() - 5m', "the query contains INTO, which writes"),
        ("SELECT last(value) FROM errors", module.NO_WINDOW),
        ("SELECT a FROM b WHERE now() - 5m < time", module.NO_WINDOW),
    ],
)
async def test_query_that_writes_or_has_no_window_is_refused_unsent(query: str, why: str) -> None:
    there = InfluxDB()
    async with client(there.handle) as made:
        answer = (await made.instant([query], AT))[query]

    assert mistake(query) == INFLUXQL.remark(query, False) == why
    assert bool(there.asked) == (not why)
    if why:
        assert errors_of(answer) == ("Refused", why)


@pytest.mark.parametrize(
    ("entry", "files", "authorization"),
    [
        ({}, {}, None),
        ({"tokenFile": "t"}, {"tokenFile": "s3cret"}, "Token s3cret"),
        (
            {"basic": {"usernameFile": "u", "passwordFile": "p"}},
            {"basic.usernameFile": "shop", "basic.passwordFile": "p@ss word"},
            "Basic c2hvcDpwQHNzIHdvcmQ=",
        ),
    ],
)
async def test_request_names_database_policy_and_credential(
    entry: dict[str, Any], files: dict[str, str], authorization: str | None
) -> None:
    there = InfluxDB(points={"errors": [(AT - MINUTE, "a", 2.0)]}, authorization=authorization or "")
    async with client(there.handle, files, retentionPolicy="week", **entry) as made:
        assert made.ahead is None
        answer = (await made.instant([MEAN, MEAN], AT))[MEAN]
        assert made.ahead is not None

    assert answer == (Sample({"__name__": "errors"}, 2.0, AT),)
    assert there.asked == [{"db": "shop", "rp": "week", "epoch": "ms", "q": evaluated(MEAN, AT)}]
    assert there.headers[0].get("Authorization") == authorization


async def test_each_series_gives_its_number_and_labels() -> None:
    points = [(AT - MINUTE, "a", 1.0), (AT - 2 * MINUTE, "a", 3.0), (AT, "b", 7.0), (AT - 5 * MINUTE, "b", 99.0)]
    there = InfluxDB(points={"errors": [*points, (AT + MINUTE, "a", 50.0)]})
    query = f"{MEAN} GROUP BY pod"
    async with client(there.handle) as made:
        answers = await made.instant([query, MEAN.replace("errors", "nothing")], AT)

    assert answers[query] == (
        Sample({"__name__": "errors", "pod": "a"}, 2.0, AT),
        Sample({"__name__": "errors", "pod": "b"}, 7.0, AT),
    )
    assert answers[MEAN.replace("errors", "nothing")] == ()


@pytest.mark.parametrize(
    ("step", "points"), [(MINUTE, 31), (timedelta(seconds=15), 41), (timedelta(minutes=20), 2), (timedelta(hours=1), 1)]
)
async def test_range_evaluates_the_query_at_a_bounded_number_of_points(step: timedelta, points: int) -> None:
    start = AT - 30 * MINUTE
    values = [(AT - minute * MINUTE, "a", float(minute)) for minute in range(60)]
    there = InfluxDB(points={"errors": values})
    async with client(there.handle) as made:
        found = await made.range_(MEAN, start, AT, step)

    assert isinstance(found, Matrix)
    assert found.points == points == len(there.asked) <= RANGE_POINTS
    assert found.samples[0] == Sample({"__name__": "errors"}, 2.0, AT)
    assert all(start <= one.at <= AT for one in found.samples)


async def test_range_ends_at_the_first_error() -> None:
    there = InfluxDB(database="other")
    async with client(there.handle) as made:
        found = await made.range_(MEAN, AT - 30 * MINUTE, AT, MINUTE)

    assert errors_of(found) == ("Refused", "the source refuses the query: database not found: shop")
    assert len(there.asked) == 1


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([[1, 5], [2, 6.5], [3, None]], 6.5),
        ([[3, 7], [2, 6]], 7.0),
        ([[1, 0]], 0.0),
    ],
)
def test_newest_row_with_a_value_is_the_number(rows: list[list[Any]], value: float) -> None:
    assert numbers(one(values=rows), AT) == (Sample({"__name__": "errors"}, value, AT),)


@pytest.mark.parametrize("rows", [[], [[1, None]]])
def test_series_without_a_value_is_left_out(rows: list[list[Any]]) -> None:
    assert numbers(one(values=rows), AT) == ()


@pytest.mark.parametrize(
    "body",
    [
        one(columns=["time", "mean", "max"], values=[[1, 2, 3]]),
        one(columns=["name"], values=[["shop"]]),
        one(columns=[], values=[]),
        one(values=[[1, "text"]]),
        one(values=[[1, True]]),
        b'{"results": [{"series": [], "partial": true}]}',
        b'{"results": []}',
        b'{"results": [{}, {}]}',
        b"<html>",
        b"[]",
    ],
)
def test_answer_without_one_number_per_series_is_malformed(body: bytes) -> None:
    assert errors_of(numbers(body, AT))[0] == "Malformed"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (200, {"results": [{"error": "query timeout"}]}, "Timeout", "the source refuses the query: query timeout"),
        (400, {"error": "error parsing query: x"}, "Refused", "the source answers 400: error parsing query: x"),
        (404, {"code": "not found", "message": "no bucket"}, "Refused", "the source answers 404: no bucket"),
        (401, {"message": "s3cret"}, "Unauthorized", "the source answers 401: it does not accept the credentials"),
        (403, "", "Unauthorized", "the source answers 403: it does not accept the credentials"),
        (302, "", "Unreachable", "the source answers 302: a redirect, which the operator does not follow"),
        (503, {"error": "timeout"}, "Timeout", "the source answers 503: timeout"),
        (500, {"error": "engine is closed"}, "Unreachable", "the source answers 500: engine is closed"),
        (502, "<html>s3cret", "Unreachable", "the source answers 502, and its body is not an InfluxDB response"),
        (400, "<html>s3cret", "Refused", "the source answers 400, and its body is not an InfluxDB response"),
    ],
)
async def test_error_of_the_source_has_a_kind_and_a_short_message(
    status: int, body: Any, kind: str, message: str
) -> None:
    found = errors_of(await answered(status, body))

    assert found[0] == kind
    assert found[1].startswith(message)
    assert "s3cret" not in found[1]


async def test_token_in_an_error_text_is_hidden() -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"error": "no rights for s3cret"}, status=400)

    async with client(handle, {"tokenFile": "s3cret"}, tokenFile="t") as made:
        answer = (await made.instant([MEAN], AT))[MEAN]

    assert errors_of(answer) == ("Refused", "the source answers 400: no rights for ***")


async def test_query_that_waits_too_long_for_a_connection_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    there = InfluxDB()
    monkeypatch.setattr(module, "PATIENCE", -1)
    async with client(there.handle) as made:
        answer = (await made.instant([MEAN], AT))[MEAN]

    assert errors_of(answer)[0] == "Timeout"
    assert there.asked == []
