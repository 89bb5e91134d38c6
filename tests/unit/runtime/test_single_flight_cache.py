"""Results that concurrent callers load once, and that count for a time of their own."""

import asyncio

import pytest

from runbook_operator.runtime.single_flight_cache import SingleFlightCache
from tests.fakes.watched_cluster import Clock


class Source:
    """Counts loads, and returns `value` or raises `error` once `gate` is open."""

    def __init__(self) -> None:
        self.loads = 0
        self.value = 60.0
        self.error: Exception | None = None
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self) -> float:
        self.loads += 1
        self.started.set()
        value, error = self.value, self.error
        await self.gate.wait()
        if error is not None:
            raise error
        return value


def cache_of(clock: Clock, most: int = 100) -> SingleFlightCache[str, float]:
    """A cache whose results are the seconds for which they count."""
    return SingleFlightCache(lambda value: value, clock, most)


async def begun(cache: SingleFlightCache[str, float], source: Source) -> asyncio.Task[float]:
    """A caller whose load runs."""
    source.started.clear()
    caller = asyncio.create_task(cache.get("a", source.load))
    await source.started.wait()
    return caller


async def test_concurrent_callers_share_one_load() -> None:
    cache, source = cache_of(Clock()), Source()

    assert await asyncio.gather(*(cache.get("a", source.load) for _ in range(5))) == [60.0] * 5
    assert source.loads == 1


async def test_result_is_loaded_again_when_its_own_time_is_over() -> None:
    clock, source = Clock(), Source()
    cache = cache_of(clock)
    await cache.get("long", source.load)
    source.value = 10.0
    await cache.get("short", source.load)

    clock.time += 10.0
    await cache.get("long", source.load)
    await cache.get("short", source.load)

    assert source.loads == 3


async def test_result_of_no_time_is_loaded_by_each_caller_that_comes_later() -> None:
    cache, source = cache_of(Clock()), Source()
    source.value = 0.0

    for _ in range(3):
        await cache.get("a", source.load)

    assert source.loads == 3


async def test_failed_load_is_raised_to_all_callers_and_not_kept() -> None:
    cache, source = cache_of(Clock()), Source()
    source.error = ValueError("down")

    failed = await asyncio.gather(*(cache.get("a", source.load) for _ in range(3)), return_exceptions=True)
    source.error = None

    assert [str(error) for error in failed] == ["down"] * 3
    assert (await cache.get("a", source.load), source.loads) == (60.0, 2)


async def test_result_that_is_evicted_during_its_load_reaches_its_callers_and_is_not_kept() -> None:
    cache, source = cache_of(Clock()), Source()
    source.gate.clear()
    first = await begun(cache, source)
    cache.evict("a")
    source.value = 30.0
    second = await begun(cache, source)
    source.gate.set()

    assert (await first, await second, source.loads) == (60.0, 30.0, 2)
    assert await cache.get("a", source.load) == 30.0
    assert source.loads == 2


async def test_load_that_fails_after_its_eviction_leaves_the_newer_result() -> None:
    cache, source = cache_of(Clock()), Source()
    source.gate.clear()
    source.error = ValueError("down")
    first = await begun(cache, source)
    cache.evict("a")
    source.error = None
    second = await begun(cache, source)
    source.gate.set()
    await second

    with pytest.raises(ValueError, match="down"):
        await first
    assert (await cache.get("a", source.load), source.loads) == (60.0, 2)


async def test_cancelled_caller_leaves_the_load_to_the_others() -> None:
    cache, source = cache_of(Clock()), Source()
    source.gate.clear()
    first = await begun(cache, source)
    second = asyncio.create_task(cache.get("a", source.load))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()

    assert (await second, source.loads) == (60.0, 1)
    assert first.cancelled()


async def test_cancelled_load_is_not_kept() -> None:
    cache, source = cache_of(Clock()), Source()

    async def cancelled() -> float:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await cache.get("a", cancelled)

    assert await cache.get("a", source.load) == 60.0


async def test_shortened_result_is_loaded_again_sooner_and_never_later() -> None:
    clock, source = Clock(), Source()
    cache = cache_of(clock)
    await cache.get("a", source.load)

    cache.shorten("a", 10.0)
    cache.shorten("a", 1000.0)
    cache.shorten("never loaded", 1.0)
    clock.time += 10.0
    await cache.get("a", source.load)

    assert source.loads == 2


async def test_result_that_is_shortened_during_its_load_is_not_loaded_twice_at_once() -> None:
    clock, source = Clock(), Source()
    cache = cache_of(clock)
    source.gate.clear()
    first = await begun(cache, source)
    cache.shorten("a", 1.0)
    clock.time += 5.0
    second = asyncio.create_task(cache.get("a", source.load))
    await asyncio.sleep(0)
    source.gate.set()
    await asyncio.gather(first, second)

    assert source.loads == 1


async def test_keys_are_evicted_by_predicate() -> None:
    cache, source = cache_of(Clock()), Source()
    for key in ("a1", "a2", "b1"):
        await cache.get(key, source.load)

    cache.evict_where(lambda key: key.startswith("a"))

    assert [*cache] == ["b1"]


async def test_expired_results_and_the_oldest_of_too_many_make_room() -> None:
    clock, source = Clock(), Source()
    cache = cache_of(clock, most=2)
    for key in ("a", "b", "c"):
        await cache.get(key, source.load)
    assert [*cache] == ["b", "c"]

    clock.time += 60.0
    await cache.get("d", source.load)

    assert [*cache] == ["d"]
