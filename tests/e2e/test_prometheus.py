"""The client against a real Prometheus that scrapes what the test says."""

import math
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.core import promql_batching
from runbook_operator.core.samples import Answer, Matrix, QueryError, Sample, is_stale, median_of_range, worst
from runbook_operator.monitoring.backends.prometheus import Prometheus as Client
from runbook_operator.runtime import clock
from tests.e2e.prometheus import Prometheus, Target, prometheus

MANY = 300
SECOND = timedelta(seconds=1)
PIECES = [*"(){}\"'`\\#\n\t ,=1xü", "up", "[1m]", " or ", "job"]
OTHER = 'label_replace(vector(0), "__runbook_query__", "1", "", "")'
BREAK_OUT = f'up), "__runbook_query__", "0", "", "") or {OTHER} or label_replace((up'


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One for the tests that do not stop it; each uses metrics of its own."""
    rule = {"alert": "HeartbeatTooHigh", "expr": "alerting_heartbeat > 5", "labels": {"namespace": "shop"}}
    with prometheus(tmp_path_factory.mktemp("prometheus"), Target(heartbeat=1), rules=[rule]) as running:
        yield running


@pytest.fixture
def requests() -> list[str]:
    """What came of each request that the client made."""
    return []


@pytest.fixture
async def client(source: Prometheus, requests: list[str]) -> AsyncIterator[Client]:
    made = Client(source.url, observe=lambda kind, _: requests.append(kind))
    yield made
    await made.close()


async def ask(client: Client, query: str, at: datetime | None = None) -> Answer:
    return (await client.instant([query], at or clock.now()))[query]


def values(answer: Answer) -> list[float]:
    assert not isinstance(answer, QueryError), answer
    return [one.value for one in answer]


def scraped(source: Prometheus, **numbers: float) -> None:
    """Set the numbers and wait until Prometheus has them."""
    source.target.values |= numbers
    for name, number in numbers.items():
        source.until_value(name, number)


async def test_instant_query_returns_each_series_with_its_labels(source: Prometheus, client: Client) -> None:
    source.target.values |= {'errors{pod="a"}': 0.2, 'errors{pod="b"}': 0.9, 'errors{pod="c"}': math.nan}
    source.until("errors", lambda result: len(result) == 3)
    at = clock.now()

    found = await ask(client, "errors", at)

    assert not isinstance(found, QueryError)
    high, low = worst(found, "high"), worst(found, "low")
    assert high
    assert low
    assert (high.labels["pod"], high.value) == ("b", 0.9)
    assert (low.labels["pod"], low.value) == ("a", 0.2)
    assert high.labels["__name__"] == "errors"
    assert abs(high.at - at) < SECOND / 500
    assert sum(math.isnan(one.value) for one in found) == 1


async def test_missing_metric_has_no_samples_and_nan_is_no_data(source: Prometheus, client: Client) -> None:
    source.target.values["nothing_yet"] = math.nan
    source.until("nothing_yet", bool)

    empty, nan = await ask(client, "no_such_metric"), await ask(client, "nothing_yet")

    assert empty == ()
    assert not isinstance(nan, QueryError)
    assert len(nan) == 1
    assert worst(nan, "high") is None


async def test_hundreds_of_queries_use_few_requests_with_correct_answers(
    source: Prometheus, client: Client, requests: list[str]
) -> None:
    source.target.values |= {f'load{{app="{number}",pod="{pod}"}}': number for number in range(MANY) for pod in "xy"}
    source.until("count(load)", lambda result: bool(result) and result[0]["value"][1] == str(2 * MANY))
    queries = {f'load{{app="{number}"}}': number for number in range(MANY)}

    answers = await client.instant(queries, clock.now())

    assert {query: values(answers[query]) for query in queries} == {query: [n, n] for query, n in queries.items()}
    pods = [[one.labels["pod"] for one in found] for found in answers.values() if not isinstance(found, QueryError)]
    assert all(sorted(found) == ["x", "y"] for found in pods)
    assert len(requests) <= 10


async def test_batched_query_equals_the_single_query(source: Prometheus, client: Client) -> None:
    """Names, labels and numbers of a combined answer are those of the queries asked one by one at the same time."""
    scraped(source, plain=3, other=4)
    at = clock.now()
    queries = [
        "plain",
        "plain # with a comment )",
        "plain offset 10ms",
        f"plain @ {at.timestamp():.3f}",
        "sum(plain)",
        '{__name__=~"plain|other"}',
        "plain or other",
        "plain and on() other",
        'label_replace(plain, "__runbook_query__", "0", "", "")',
        "time() - time()",
        "scalar(plain)",
        "1",
        "vector(1)",
        "absent(no_such_metric)",
        "topk(1, plain)",
        "max_over_time(plain[1m:100ms])",
        "plain > bool 2",
        "-plain",
        'count_values("number", plain)',
    ]
    alone = {query: await ask(client, query, at) for query in queries}

    for _ in range(10):
        together = await client.instant(queries, at)

        for query in queries:
            # The mark is ours: who sets it in a query gets it back from a query that is asked alone only.
            assert unmarked(together[query]) == unmarked(alone[query]), query


def test_query_that_escapes_its_parentheses_is_not_plain(source: Prometheus) -> None:
    result = source.query(promql_batching.combined([BREAK_OUT, "vector(42)"]))

    assert [one["value"][1] for one in result if one["metric"][promql_batching.MARK] == "1"] == ["0"]
    assert not promql_batching.is_plain(BREAK_OUT)


@given(st.lists(st.sampled_from([*PIECES, BREAK_OUT, OTHER, "up{job='", "') or ("]), max_size=9).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_plain_query_answers_for_another(source: Prometheus, query: str) -> None:
    if not promql_batching.is_plain(query):
        return
    try:
        result = source.query(promql_batching.combined([query, "vector(42)"]))
    except AssertionError:
        return  # nobody is answered, and each is asked alone

    others = [one["value"][1] for one in result if one["metric"][promql_batching.MARK] == "1"]
    assert others == ["42"]


def unmarked(answer: Answer) -> list[Sample]:
    assert not isinstance(answer, QueryError), answer
    kept = (({k: v for k, v in one.labels.items() if k != "__runbook_query__"}, one) for one in answer)
    return sorted((Sample(labels, one.value, one.at) for labels, one in kept), key=str)


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        ("sum(plain", "Refused", "bad_data: invalid parameter"),
        ("plain{", "Refused", "parse error"),
        ("", "Refused", "bad_data"),
        (BREAK_OUT, "Refused", "parse error"),
        ("many + on() many", "Refused", "execution: found duplicate series"),
        ("plain[5m]", "Malformed", "returns a matrix"),
        ('"words"', "Malformed", ""),
        ("no_such_function(plain)", "Refused", "unknown function"),
    ],
)
async def test_bad_query_fails_alone(
    source: Prometheus, client: Client, requests: list[str], bad: str, kind: str, words: str
) -> None:
    scraped(source, plain=3)
    source.target.values |= {'many{a="1"}': 1, 'many{a="2"}': 1}
    source.until("many", lambda result: len(result) == 2)
    good = {f"plain + {number}": 3 + number for number in range(40)}

    for _ in range(8):
        answers = await client.instant([*good, bad], clock.now())

        assert {query: values(answers[query]) for query in good} == {query: [n] for query, n in good.items()}
        found = answers[bad]
        assert isinstance(found, QueryError)
        assert found.kind == kind
        assert words in found.message
        assert "\n" not in found.message
    requests.clear()
    await client.instant([*good, bad], clock.now())
    assert len(requests) == 2


async def test_too_large_answer_is_reported_and_fails_alone(source: Prometheus, client: Client) -> None:
    source.target.values |= {f'wide{{n="{number}"}}': 1 for number in range(600)}
    source.until("count(wide)", lambda result: bool(result) and result[0]["value"][1] == "600")
    much = f'label_replace(wide, "padding", "{"x" * 4000}", "", "")'

    answers = await client.instant([much, "count(wide)", "max(wide)"], clock.now())

    found = answers[much]
    assert isinstance(found, QueryError)
    assert found.kind == "TooLarge"
    assert values(answers["count(wide)"]) == [600]
    assert values(answers["max(wide)"]) == [1]


async def test_median_of_a_range_ignores_spike_and_gap(source: Prometheus, client: Client) -> None:
    begin = clock.now()
    for number, observed in ((5, 6), (900, 7), (5, 10)):
        scraped(source, wave=number)
        source.until(f"count_over_time(wave[1m]) >= {observed}", bool)
    source.target.values["wave"] = math.nan
    source.until("wave != wave", bool)
    end = clock.now()

    found = await client.range_("wave", begin, end, SECOND / 20)

    assert isinstance(found, Matrix)
    assert found.points == (end - begin) // (SECOND / 20) + 1
    assert max(one.value for one in found.samples) == 900
    assert median_of_range(found) == 5


async def test_range_with_most_points_missing_has_no_median(source: Prometheus, client: Client) -> None:
    scraped(source, young=5)
    end = clock.now()

    found = await client.range_("young", end - timedelta(hours=1), end, SECOND)

    assert isinstance(found, Matrix)
    assert median_of_range(found) is None


async def test_clock_of_the_source_equals_ours(client: Client) -> None:
    await ask(client, "heartbeat")

    assert client.ahead is not None
    assert abs(client.ahead) < 3 * SECOND


async def test_missing_target_gives_no_old_number_and_missing_source_no_number(
    tmp_path: Path,
) -> None:
    target = Target(queue=7)
    with prometheus(tmp_path, target) as source:
        client = Client(source.url)
        source.until_value("queue", 7)
        before = clock.now()

        target.stop()
        source.until_value("up", 0)
        assert await ask(client, "queue") == ()
        assert values(await ask(client, "queue", before)) == [7]

        source.stop()
        gone = await ask(client, "queue")
        assert isinstance(gone, QueryError)
        assert gone.kind == "Unreachable"

        target.start()
        source.start()
        source.until_value("queue", 7)
        found = await ask(client, "queue")
        await client.close()
    assert values(found) == [7]
    assert isinstance(found, tuple)
    assert not is_stale(found[0], clock.now(), 60 * SECOND)


async def test_answer_for_an_old_time_is_stale(source: Prometheus, client: Client) -> None:
    scraped(source, plain=3)

    found = await ask(client, "vector(1)", clock.now() - timedelta(minutes=10))

    assert isinstance(found, tuple)
    assert is_stale(found[0], clock.now(), timedelta(minutes=5))


async def test_firing_alert_is_a_series_and_one_that_ended_is_none(source: Prometheus, client: Client) -> None:
    firing = 'ALERTS{alertname="HeartbeatTooHigh",alertstate="firing",namespace="shop"}'
    scraped(source, alerting_heartbeat=1)
    assert values(await ask(client, firing)) == []

    scraped(source, alerting_heartbeat=6)
    source.until(firing, bool)
    assert values(await ask(client, firing)) == [1]

    scraped(source, alerting_heartbeat=1)
    source.until(firing, lambda result: not result)
    assert values(await ask(client, firing)) == []
