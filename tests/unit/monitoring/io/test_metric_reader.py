"""What comes of a metric: a number, or why there is none. The sources' client is real, and asks servers on loopback."""

from dataclasses import replace
from datetime import datetime, timedelta
from math import inf, nan
from typing import Any

import pytest
from aiohttp import web

from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import AskMetric, Key, Measure, Reading, Watch
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.samples import QueryError, Sample
from runbook_operator.core.thresholds import parse
from runbook_operator.monitoring.io.metric_reader import ABSENT, INFINITE, STALE_AFTER, Due, Worst, reading, series
from tests.fakes.metric_sources import Sources, Usuals, measuring
from tests.fakes.offset_source import Off
from tests.fakes.prometheus_source import AT, Source, answer, both, client, failure, refuse, refused, serving
from tests.fakes.servers import closed_port

WEEK = timedelta(days=7)
FIXED = Measure(critical=parse("> 2x"), baseline=100.0)
MEDIAN = Measure(critical=parse("> 2x"), baseline=WEEK)


def due(query: str = "up", worst: Worst = "high", namespace: str = "shop", measure: Measure | None = None) -> Due:
    key = Key(Ref(API_VERSION, "Runbook", namespace, "shop"), "Metric", query)
    ask = AskMetric("default", query, worst)
    second = timedelta(seconds=1)
    timing = Timing(second, second, second)
    return Watch(key, ask, second, second, timing, measure or Measure(critical=parse("> 10"))), ask


async def ask(*body: web.Response, query: str = "up", worst: Worst = "high", absent: bool = False) -> Reading:
    """The reading where the source answers so."""

    async def handle(_request: web.Request) -> web.Response:
        return body[0]

    async with serving(handle) as url, client(url) as source:
        watch, declared = due(query, worst)
        declared = replace(declared, zero_where_absent=absent)
        found = await measuring(Sources({"default": source}), Usuals())("default", [(watch, declared)])
    (one,) = found.values()
    return one


def vector(*values: float, at: datetime = AT, **labels: str) -> web.Response:
    """A series for each value; more than one have a label `pod`, from a on."""
    names = [labels | ({"pod": chr(ord("a") + index)} if len(values) > 1 else {}) for index in range(len(values))]
    return answer(
        "vector",
        [{"metric": name, "value": [at.timestamp(), str(value)]} for name, value in zip(names, values, strict=True)],
    )


def told(one: Reading) -> tuple[float | None, str, str, str]:
    assert one.ok is None
    return one.value, one.series, one.reason, one.message


@pytest.mark.parametrize(
    ("values", "worst", "value", "named"),
    [
        ([3.0], "high", 3.0, ""),
        ([1.0, 3.0, 2.0], "high", 3.0, '{pod="b"}'),
        ([1.0, 3.0, 2.0], "low", 1.0, '{pod="a"}'),
        ([2.0, 2.0], "high", 2.0, '{pod="a"}'),
        ([nan, 3.0, nan], "high", 3.0, '{pod="b"}'),
        ([-inf, 3.0], "high", 3.0, '{pod="b"}'),
        ([inf, 3.0, nan], "low", 3.0, '{pod="b"}'),
    ],
)
async def test_worst_of_several_series_is_read_and_named(
    values: list[float], worst: Worst, value: float, named: str
) -> None:
    assert told(await ask(vector(*values), worst=worst)) == (value, named, "", "")


@pytest.mark.parametrize(
    ("values", "worst", "value"),
    [([inf, 3.0, nan], "high", inf), ([3.0, -inf], "low", -inf), ([inf], "low", inf), ([-inf, inf], "high", inf)],
)
async def test_infinite_series_counts_over_a_finite_one(values: list[float], worst: Worst, value: float) -> None:
    found = await ask(vector(*values), worst=worst)

    assert (found.value, found.reason, found.note) == (value, "", INFINITE)


@pytest.mark.parametrize(
    ("response", "value", "reason"),
    [
        (answer("vector", []), 0.0, ""),
        (vector(nan), None, "NotANumber"),
        (vector(3.0), 3.0, ""),
        (failure(503, "unavailable", "starting"), None, "SourceDown"),
    ],
)
async def test_only_an_empty_answer_counts_as_zero_where_declared(
    response: web.Response, value: float | None, reason: str
) -> None:
    found = await ask(response, absent=True)

    assert (found.value, found.reason, found.note == ABSENT) == (value, reason, value == 0.0)


@pytest.mark.parametrize(
    ("response", "reason", "message"),
    [
        (answer("vector", []), "NoData", "the query returns no series"),
        (vector(nan, nan), "NotANumber", "NaN in each of 2 series"),
        (
            *(vector(1.0, at=AT - timedelta(minutes=5)), "StaleSamples"),
            "metric source default returns values of 01:55:00, when it is ",
        ),
        (vector(1.0, at=AT + timedelta(minutes=5)), "StaleSamples", "returns values of 02:05:00"),
        (refused(), "QueryRefused", "metric source default: the source answers 400: bad_data: 1:2: parse error"),
        (failure(503, "unavailable", "starting"), "SourceDown", "the source answers 503"),
        (failure(503, "timeout", "too slow"), "SourceTimeout", "too slow"),
        (web.Response(status=401), "SourceUnauthorized", "does not accept the credentials"),
        (web.Response(text="<html>"), "AnswerMalformed", "not a Prometheus response"),
        (web.Response(body=b"x" * 2_100_000), "QueryTooLarge", "aggregate the query"),
    ],
)
async def test_missing_number_has_its_reason(response: web.Response, reason: str, message: str) -> None:
    value, named, word, text = told(await ask(response))

    assert (value, named, word) == (None, "", reason)
    assert message in text


async def test_unreachable_source_is_reported_as_down() -> None:
    async with client(f"http://127.0.0.1:{closed_port()}") as source:
        found = await measuring(Sources({"default": source}), Usuals())("default", [due()])

    (one,) = found.values()
    assert (one.value, one.reason) == (None, "SourceDown")


async def test_unknown_or_forbidden_source_is_not_queried() -> None:
    source = Source()
    async with both(source) as there:
        measure = measuring(Sources({"default": there}, denied=frozenset({"bank"})), Usuals())
        shop, bank = due(), due(namespace="bank")
        found = await measure("default", [shop, bank])
        missing = await measure("thanos", [shop])

    assert found[shop[0].key].value == 2.0
    assert told(found[bank[0].key]) == (None, "", "SourceNotFound", "there is no default for bank, but default")
    assert told(missing[shop[0].key]) == (None, "", "SourceNotFound", "there is no thanos for shop, but default")
    assert source.queries == ["up"]


async def test_all_metrics_of_a_source_cost_one_request_and_a_bad_query_fails_alone() -> None:
    source = Source(faults={"wrong(": refuse})
    dues = [due(f"metric_{number}") for number in range(20)]
    async with both(source) as there:
        measure = measuring(Sources({"default": there}), Usuals())
        await measure("default", dues)
        first = len(source.asked)
        found = await measure("default", [*dues, due("wrong(")])

    assert first == 1
    assert found[due("wrong(")[0].key].reason == "QueryRefused"
    assert all(found[one[0].key].value == len(one[1].query) for one in dues)


async def test_reading_has_its_latency() -> None:
    assert (await ask(vector(1.0))).latency > 0


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_source_with_another_clock_is_queried_for_its_own_time(minutes: int) -> None:
    its = timedelta(minutes=minutes)
    source = Off(its)
    measure = measuring(Sources({"default": source}), Usuals())
    one = due()

    first = (await measure("default", [one]))[one[0].key]
    second = (await measure("default", [one]))[one[0].key]

    # What it was asked for first was long past, or still to come, by its own clock.
    assert (first.value, first.reason) == (None, "StaleSamples")
    assert second.value == 1.0
    assert source.asked == [AT, AT + its]


async def test_small_clock_difference_is_accepted() -> None:
    source = Off(STALE_AFTER / 2)
    one = due()

    assert (await measuring(Sources({"default": source}), Usuals())("default", [one]))[one[0].key].value == 1.0


async def test_reading_has_its_fixed_or_median_baseline() -> None:
    usual = Usuals({"up": 40.0})
    dues = [due("up", measure=MEDIAN), due("fixed", measure=FIXED), due("plain"), due("new", "low", measure=MEDIAN)]
    async with both(Source()) as there:
        found = await measuring(Sources({"default": there}), usual)("default", dues)

    up, fixed, plain, new = (found[one[0].key] for one in dues)
    assert (up.value, up.baseline, up.reason) == (2.0, 40.0, "")
    assert (fixed.value, fixed.baseline, fixed.reason) == (5.0, 100.0, "")
    assert (plain.value, plain.baseline, plain.reason) == (5.0, None, "")
    assert (new.value, new.baseline, new.reason) == (3.0, None, "NoBaseline")
    assert new.message == "nothing is known of new in default over 7 days, low, for new"
    assert usual.asked == [("default", "up", "up", WEEK, "high"), ("default", "new", "new", WEEK, "low")]


async def test_reading_without_number_queries_no_baseline() -> None:
    usual = Usuals({"up": 40.0})

    async def handle(_request: web.Request) -> web.Response:
        return answer("vector", [])

    one = due(measure=MEDIAN)
    async with serving(handle) as url, client(url) as source:
        found = await measuring(Sources({"default": source}), usual)("default", [one])

    assert (found[one[0].key].reason, found[one[0].key].baseline) == ("NoData", None)
    assert usual.asked == []


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({}, ""),
        ({"pod": "a"}, '{pod="a"}'),
        ({"pod": "a", "code": "500"}, '{code="500",pod="a"}'),
        ({"__name__": "up"}, "up"),
        ({"__name__": "up", "pod": "a"}, 'up{pod="a"}'),
        ({"path": 'a"b\\c\nd'}, r'{path="a\"b\\c\nd"}'),
        ({"url": "https://user:s3cret@example.com/"}, '{url="https://***@example.com/"}'),
        ({"name": "Größe\u202e"}, '{name="Größe "}'),
    ],
)
def test_series_is_named_as_promql_does(labels: dict[str, str], text: str) -> None:
    assert series(Sample(labels, 1.0, AT)) == text


def test_series_name_is_limited_in_length() -> None:
    assert len(series(Sample({"path": "x" * 5000}, 1.0, AT))) == 200


@pytest.mark.parametrize("kind", ["Unreachable", "Timeout", "Refused", "TooLarge", "Malformed", "Unauthorized"])
def test_each_error_kind_has_no_number_and_the_message_of_the_source(kind: Any) -> None:
    found = reading("thanos", QueryError(kind, "what it says"), "high", AT)

    assert replace(found, reason="") == Reading(message="metric source thanos: what it says")
    assert found.reason
