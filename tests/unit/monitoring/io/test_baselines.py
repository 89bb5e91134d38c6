"""What is usual, from a real HTTP server that answers range queries as a test says; the clock is the test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from runbook_operator.core.monitors import Key
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.monitoring.backends.configured_sources import MetricSources
from runbook_operator.monitoring.io import baselines as module
from runbook_operator.monitoring.io.baselines import AT_ONCE, POINTS, Baselines, Worst, times
from tests.fakes.prometheus_source import answer, failure, serving

NOW = datetime(2026, 11, 25, 2, 7, 31, tzinfo=UTC)
WEEK = timedelta(days=7)
MINUTE = 60.0
Series = Callable[[int], Mapping[str, str]]
"""What each series has at a point of the range, by its number from the beginning."""


@dataclass
class Usual:
    """A source, its baselines, and a clock."""

    folder: Path
    series: Series = lambda _: {"": "4"}
    fault: Callable[[], web.Response] | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list)
    seconds: float = 1000.0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most_under_way: int = 0

    @asynccontextmanager
    async def open(self, **entry: Any) -> AsyncIterator["Usual"]:
        self.go_on.set()
        async with serving(self.handle) as url:
            self.say(default={"url": url} | entry, other={"url": url})
            self.sources = await MetricSources.open(str(self.path))
            self.baselines = Baselines(self.sources, self.now, lambda: self.seconds)
            try:
                yield self
            finally:
                await self.baselines.close()
                await self.sources.close()

    @property
    def path(self) -> Path:
        return self.folder / "sources.yaml"

    def say(self, **entries: Any) -> None:
        self.path.write_text(yaml.safe_dump(entries))

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000)

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.go_on.wait()
        self.under_way -= 1
        if self.fault:
            return self.fault()
        start, step = float(form["start"]), float(form["step"])
        points = [start + step * number for number in range(int((float(form["end"]) - start) / step) + 1)]
        values: dict[str, list[Any]] = {}
        for number, point in enumerate(points):
            for name, value in self.series(number).items():
                values.setdefault(name, []).append([point, value])
        return answer("matrix", [{"metric": {"pod": name}, "values": found} for name, found in values.items()])

    async def of(
        self, source: str = "default", namespace: str = "shop", query: str = "up", worst: Worst = "high"
    ) -> float | None:
        return await self.baselines.of(source, key(namespace), query, WEEK, worst)

    def why_not(self, source: str = "default", namespace: str = "shop") -> str:
        return self.baselines.why_not(source, key(namespace), "up", WEEK, "high")

    async def settled(self) -> None:
        """Whatever is under way has ended."""
        tasks = [known.task for known in self.baselines._known.values() if known.task]
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    async def after(self, seconds: float) -> float | None:
        """What a reading gets so much later, once what it has begun is done."""
        self.seconds += seconds
        await self.of()
        await self.settled()
        return await self.of()


def key(namespace: str = "shop") -> Key:
    return Key(Ref(API_VERSION, "Runbook", namespace, "shop"), "Metric", "request-rate")


@pytest.fixture
def usual(tmp_path: Path) -> Usual:
    return Usual(tmp_path)


def broken() -> web.Response:
    return failure(422, "execution", "many-to-many matching not allowed")


async def test_baseline_is_the_median_over_the_window_without_now(usual: Usual) -> None:
    usual.series = lambda number: {"": str(number % 3)}
    async with usual.open():
        assert await usual.of() == 1.0

    (form,) = usual.asked
    start, end, step = (float(form[name]) for name in ("start", "end", "step"))
    assert form["query"] == "up"
    assert timedelta(minutes=15) <= NOW - datetime.fromtimestamp(end, UTC) < timedelta(minutes=15, seconds=step)
    assert WEEK - timedelta(seconds=step) <= timedelta(seconds=end - start) <= WEEK
    assert (start % step, end % step) == (0, 0)


@pytest.mark.parametrize(
    ("window", "step"),
    [("1m", "15s"), ("10m", "15s"), ("1h", "15s"), ("1d", "289s"), ("7d", "2023s"), ("90d", "26007s")],
)
def test_baseline_range_has_enough_points_and_no_finer_step_than_a_scrape(window: str, step: str) -> None:
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    over = int(window[:-1]) * units[window[-1]]

    start, end, every = times(NOW, over)

    assert every == timedelta(seconds=int(step[:-1]))
    assert (end - start) // every + 1 <= POINTS
    assert over - every < end - start <= over
    assert start.timestamp() % every.total_seconds() == 0


@pytest.mark.parametrize(("worst", "expected"), [("high", 9.0), ("low", 1.0)])
async def test_baseline_of_several_series_is_the_median_of_the_worst(
    usual: Usual, worst: Worst, expected: float
) -> None:
    usual.series = lambda _: {"leader": "9", "one": "2", "two": "1", "three": "2", "starting": "NaN", "odd": "+Inf"}
    async with usual.open():
        assert await usual.of(worst=worst) == expected


async def test_baseline_ignores_gaps_shorter_than_half_of_the_window(usual: Usual) -> None:
    usual.series = lambda number: {} if number % 3 == 0 else {"": "4" if number % 2 else "NaN" if number < 50 else "4"}
    async with usual.open():
        assert await usual.of() == 4.0


async def test_baseline_with_less_than_half_of_the_points_is_unknown(usual: Usual) -> None:
    usual.series = lambda number: {"": "4"} if number < 140 else {}
    async with usual.open():
        assert await usual.of() is None
        assert usual.why_not() == "the median over 7d is not known: less than half of that time has values"


async def test_baseline_of_a_slow_source_delays_no_reading(usual: Usual, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    async with usual.open():
        usual.go_on.clear()
        assert await usual.of() is None
        assert await usual.of() is None
        assert usual.why_not() == "the median over 7d is not known: it has not been answered yet"
        usual.go_on.set()
        await usual.settled()
        assert await usual.of() == 4.0
        assert len(usual.asked) == 1


async def test_baseline_is_queried_once_for_concurrent_and_later_uses(usual: Usual) -> None:
    async with usual.open():
        answers = (usual.of(namespace=name) for name in ("shop", "shop", "elsewhere"))
        assert await asyncio.gather(*answers) == [4.0, 4.0, 4.0]
        assert len(usual.asked) == 1

        await usual.of("other")
        await usual.of(query="down")
        await usual.of(worst="low")
        assert len(usual.asked) == 4


async def test_baseline_is_refreshed_hourly_and_the_old_value_used_meanwhile(usual: Usual) -> None:
    async with usual.open():
        assert await usual.of() == 4.0
        usual.series = lambda _: {"": "5"}
        usual.seconds += 59 * MINUTE
        assert await usual.of() == 4.0
        await usual.settled()
        assert len(usual.asked) == 1

        usual.seconds += MINUTE
        assert await usual.of() == 4.0
        await usual.settled()
        assert await usual.of() == 5.0
        assert len(usual.asked) == 2
        assert float(usual.asked[1]["end"]) > float(usual.asked[0]["end"])


@pytest.mark.parametrize(("window", "minutes"), [("1m", 10), ("10h", 10), ("2d", 28.8), ("7d", 60), ("90d", 60)])
async def test_baseline_of_a_shorter_window_is_refreshed_more_often(usual: Usual, window: str, minutes: float) -> None:
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    over = int(window[:-1]) * units[window[-1]]

    async def asked() -> int:
        await usual.baselines.of("default", key(), "up", over, "high")
        await usual.settled()
        return len(usual.asked)

    async with usual.open():
        assert await asked() == 1
        usual.seconds += minutes * MINUTE - 1
        assert await asked() == 1
        usual.seconds += 1
        assert await asked() == 2


async def test_baseline_of_a_failing_source_is_retried_with_back_off_and_kept_a_day(
    usual: Usual,
) -> None:
    async with usual.open():
        assert await usual.of() == 4.0
        usual.fault = broken
        assert await usual.after(60 * MINUTE) == 4.0
        pauses = (30, 60, 120, 240, 480, 600, 600)
        for tries, pause in enumerate(pauses, 2):
            assert await usual.after(pause - 1) == 4.0
            assert len(usual.asked) == tries
            assert await usual.after(1) == 4.0
            assert len(usual.asked) == tries + 1

        assert await usual.after(23 * 60 * MINUTE - sum(pauses) - 1) == 4.0
        assert await usual.after(1) is None
        assert usual.why_not().startswith("the median over 7d is not known: the source answers 422: execution: many-to")

        usual.fault = None
        assert await usual.after(600) == 4.0
        usual.fault = broken
        tries = len(usual.asked)
        await usual.after(60 * MINUTE)
        await usual.after(30)
        assert len(usual.asked) == tries + 2


async def test_baseline_of_a_short_window_is_kept_an_hour(usual: Usual) -> None:
    async def of() -> float | None:
        await usual.baselines.of("default", key(), "up", timedelta(minutes=10), "high")
        await usual.settled()
        return await usual.baselines.of("default", key(), "up", timedelta(minutes=10), "high")

    async with usual.open():
        assert await of() == 4.0
        usual.fault = broken
        usual.seconds += 60 * MINUTE - 1
        assert await of() == 4.0
        usual.seconds += 1
        assert await of() is None


async def test_concurrent_baseline_queries_are_limited(usual: Usual) -> None:
    async with usual.open():
        usual.go_on.clear()
        asking = [asyncio.create_task(usual.of(query=f"metric_{number}")) for number in range(10)]
        while usual.under_way < AT_ONCE:  # noqa: ASYNC110 # the server has no event for each
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert usual.under_way == AT_ONCE
        usual.go_on.set()
        assert await asyncio.gather(*asking) == [4.0] * 10

    assert usual.most_under_way == AT_ONCE
    assert len(usual.asked) == 10


async def test_hanging_source_does_not_delay_baselines_of_another(
    usual: Usual, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    async with serving(hang) as url, usual.open(url=url):
        assert await asyncio.gather(*(usual.of(query=f"metric_{number}") for number in range(5))) == [None] * 5
        monkeypatch.setattr(module, "FIRST_WAIT", 5.0)
        assert await usual.of("other") == 4.0


async def test_baseline_of_a_missing_source_is_unknown(usual: Usual) -> None:
    async with usual.open(namespaces=["shop"]):
        assert await usual.of("none") is None
        assert await usual.of(namespace="elsewhere") is None
        assert usual.asked == []
        assert usual.why_not("none").startswith("no metric source none is declared")
        assert usual.why_not(namespace="elsewhere") == (
            "no metric source default is declared for this namespace; it may use: other"
        )
        assert usual.why_not() == "the median over 7d is not known: it has not been answered yet"


async def test_baseline_survives_a_renewed_token_and_not_the_removal_of_its_source(usual: Usual) -> None:
    token = usual.folder / "token"
    token.write_text("first")
    async with usual.open(tokenFile=str(token)):
        assert await usual.of() == 4.0
        token.write_text("second")
        await usual.sources.refresh()
        assert await usual.of() == 4.0
        assert len(usual.asked) == 1
        assert await usual.after(60 * MINUTE) == 4.0
        assert len(usual.asked) == 2

        usual.say()
        await usual.sources.refresh()
        assert await usual.of() is None


async def test_source_removed_while_queries_wait_gets_no_more_queries(
    usual: Usual, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.05)
    async with usual.open():
        usual.go_on.clear()
        await asyncio.gather(*(usual.of(query=f"metric_{number}") for number in range(3)))
        usual.say()
        await usual.sources.refresh()
        usual.go_on.set()
        await usual.settled()

    assert len(usual.asked) == AT_ONCE


async def test_unused_baseline_is_forgotten(usual: Usual) -> None:
    async with usual.open():
        await usual.of(query="edited")
        usual.seconds += 24 * 60 * MINUTE - 1
        await usual.of(query="a")
        assert {one.query for one in usual.baselines._known} == {"edited", "a"}
        usual.seconds += 1
        await usual.of(query="b")
        assert {one.query for one in usual.baselines._known} == {"a", "b"}
