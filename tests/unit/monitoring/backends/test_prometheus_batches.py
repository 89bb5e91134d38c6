"""Many queries to a source: few requests, and no query that is at fault hurts another one."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from runbook_operator.core.promql_batching import MARK, MOST
from runbook_operator.core.samples import QueryError
from runbook_operator.monitoring.backends import prometheus
from runbook_operator.monitoring.backends.metric_backend import PATIENCE
from runbook_operator.monitoring.backends.source_connection import CONNECTIONS, MOST_BYTES
from tests.fakes.prometheus_source import (
    AT,
    Source,
    answer,
    both,
    client,
    error,
    names,
    refuse,
    refused,
    right,
    series,
    serving,
)


async def test_hundreds_of_queries_use_few_requests_and_connections() -> None:
    source = Source()
    peers: set[Any] = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport
        peers.add(request.transport.get_extra_info("peername"))
        return await source.handle(request)

    async with serving(note) as url, client(url) as made:
        for _ in range(3):
            assert right(await made.instant(names(1000), AT))

    assert len(source.asked) == 3 * 1000 / MOST
    assert len(peers) <= CONNECTIONS


async def test_bad_query_is_isolated_and_later_sent_alone() -> None:
    source = Source(faults={"metric_7": refuse})
    async with both(source) as made:
        first = await made.instant(names(60), AT)
        bisecting = len(source.asked)
        rounds = [await made.instant(names(60), AT) for _ in range(10)]
        source.asked.clear()
        last = await made.instant(names(60), AT)

    for answers in (first, *rounds, last):
        assert right(answers, {"metric_7"})
        assert error(answers["metric_7"]).kind == "Refused"
        assert error(answers["metric_7"]).message.endswith("parse error: expected something else")
    assert bisecting < 20
    assert len(source.asked) == 3


async def test_query_that_may_escape_its_parentheses_is_sent_alone() -> None:
    bad = f'up), "{MARK}", "0", "", "") or label_replace(vector(0), "{MARK}", "1", "", "") or label_replace((up'
    source = Source()
    async with both(source) as made:
        assert right(await made.instant(["a", bad, "b"], AT))

    assert [bad] == [query for query in source.queries if bad in query]


async def test_scalar_query_is_learned_and_later_sent_as_a_vector() -> None:
    source, queries = Source(), [*names(8), "time()"]
    async with both(source) as made:
        for _ in range(10):
            assert right(await made.instant(queries, AT))
        source.asked.clear()
        assert right(await made.instant(queries, AT))

    assert len(source.asked) == 1
    assert "vector(time()" in source.queries[0]


async def test_source_that_drops_query_numbers_is_asked_one_by_one() -> None:
    async def forgetful(request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        return answer("vector", [series(query)])

    async with serving(forgetful) as url, client(url) as made:
        assert right(await made.instant(names(5), AT))


async def test_query_with_too_many_series_fails_alone() -> None:
    async def huge() -> web.Response:
        return web.Response(text="x" * (MOST_BYTES + 1))

    source = Source(faults={"metric_3": huge})
    async with both(source) as made:
        answers = await made.instant(names(20), AT)

    assert right(answers, {"metric_3"})
    assert error(answers["metric_3"]).kind == "TooLarge"


async def test_slow_query_is_isolated_within_some_rounds() -> None:
    async def slow() -> web.Response:
        await asyncio.Event().wait()
        return refused()

    source = Source(faults={"metric_3": slow})
    async with both(source, seconds=0.2) as made:
        rounds = [await made.instant(names(20), AT)]
        while not right(rounds[-1], {"metric_3"}) and len(rounds) < 30:
            rounds.append(await made.instant(names(20), AT))

    assert {error(found).kind for found in rounds[0].values()} == {"Timeout"}
    assert "contained 19 other queries" in error(rounds[0]["metric_5"]).message
    assert right(rounds[-1], {"metric_3"})
    assert error(rounds[-1]["metric_3"]) == QueryError("Timeout", "no response within 0.2 s")


async def test_failed_batch_stays_split_while_answers_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "QUICK", 0)
    source = Source(faults={"metric_3": refuse})
    async with both(source) as made:
        await made.instant(names(8), AT)
        source.faults.clear()
        for _ in range(5):
            source.asked.clear()
            assert right(await made.instant(names(8), AT))

    assert len(source.asked) == 4


async def test_hanging_source_gets_few_requests() -> None:
    requests = 0

    async def hang(_: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        await asyncio.Event().wait()
        raise AssertionError

    queries = [f"{name}\\" for name in names(200)]
    async with serving(hang) as url, client(url, seconds=0.1) as made:
        answers = await made.instant(queries, AT)

    assert {error(found).kind for found in answers.values()} == {"Timeout"}
    assert requests <= CONNECTIONS * (PATIENCE + 1)


async def test_unauthorized_or_unreachable_source_is_not_bisected() -> None:
    requests = 0

    async def deny(_: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.Response(status=401 if requests % 2 else 503)

    async with serving(deny) as url, client(url) as made:
        for _ in range(3):
            answers = await made.instant(names(100), AT)

    assert {error(found).kind for found in answers.values()} == {"Unauthorized", "Unreachable"}
    assert requests == 3 * 100 / MOST


async def test_unencodable_query_is_refused_alone() -> None:
    bad = 'up{a="\ud800"}'
    async with both(Source()) as made:
        answers = await made.instant(["a", bad, "b"], AT)

    assert right(answers, {bad})
    assert error(answers[bad]).kind == "Refused"
