"""The work queue: one at a time per key, once per burst, back-off."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.runtime.work_queue import LONGEST_RETRY, WorkQueue, backoff


async def visits(queue: WorkQueue[str], until: int) -> list[str]:
    """Let two workers visit until `until` visits were made."""
    observed: list[str] = []
    enough = asyncio.Event()

    async def visit(key: str) -> None:
        observed.append(key)
        await asyncio.sleep(0)
        if len(observed) >= until:
            enough.set()

    workers = [asyncio.create_task(queue.work(visit)) for _ in range(2)]
    await asyncio.wait_for(enough.wait(), 60)
    await queue.idle()
    for worker in workers:
        worker.cancel()
    return observed


async def test_repeated_key_is_visited_once() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    for key in ("a", "a", "b", "a"):
        queue.add(key)

    assert await visits(queue, 2) == ["a", "b"]


async def test_urgent_key_is_visited_first() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    for key in ("a", "b", "c"):
        queue.add(key)
    queue.add("c", urgent=True)
    queue.add("c")
    queue.add_later("c", 0)
    assert len(queue) == 3

    assert await visits(queue, 3) == ["c", "a", "b"]


async def test_reserved_worker_visits_urgent_keys_while_others_are_busy() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    stuck, visited = asyncio.Event(), asyncio.Event()

    async def visit(key: str) -> None:
        if key == "slow":
            await stuck.wait()
        elif key == "lever":
            visited.set()

    workers = [asyncio.create_task(queue.work(visit)), asyncio.create_task(queue.work(visit, urgent=True))]
    queue.add("slow")
    await asyncio.sleep(0)
    queue.add("next")
    queue.add("lever", urgent=True)

    await asyncio.wait_for(visited.wait(), 60)
    assert len(queue) == 2
    stuck.set()
    await queue.idle()
    for worker in workers:
        worker.cancel()


async def test_queue_has_urgent_work_from_add_until_visited() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    told: list[bool] = []

    async def visit(key: str) -> None:
        told.append(queue.has_urgent)
        queue.forget(key)

    queue.add("usual")
    told.append(queue.has_urgent)
    queue.add("lever", urgent=True)
    told.append(queue.has_urgent)
    worker = asyncio.create_task(queue.work(visit))
    await asyncio.sleep(0.01)
    worker.cancel()

    assert told == [False, True, True, False]
    assert not queue.has_urgent


async def test_visits_without_waiting_yield_to_the_loop() -> None:
    queue: WorkQueue[int] = WorkQueue(paused=False)
    found: list[int] = []

    async def visit(key: int) -> None:
        found.append(key)

    for key in range(100):
        queue.add(key)
    worker = asyncio.create_task(queue.work(visit))
    while not found:  # noqa: ASYNC110 # one turn of the loop after the other
        await asyncio.sleep(0)
    worker.cancel()

    assert len(found) < 3


async def test_key_is_crowded_only_by_other_urgent_keys() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    told: list[tuple[str, bool]] = []

    async def visit(key: str) -> None:
        told.append((key, queue.is_crowded("lever")))

    for key in ("other", "lever"):
        queue.add(key, urgent=True)
    queue.add("usual")
    assert queue.is_crowded("lever")
    worker = asyncio.create_task(queue.work(visit))
    await asyncio.sleep(0.01)
    worker.cancel()

    assert told == [("other", True), ("lever", False), ("usual", False)]


async def test_paused_queue_has_no_urgent_work() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=True)

    queue.add("lever", urgent=True)

    assert not queue.has_urgent


async def test_key_urgent_during_its_visit_is_visited_next() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    observed: list[str] = []
    done = asyncio.Event()

    async def visit(key: str) -> None:
        observed.append(key)
        if len(observed) == 1:
            queue.add(key, urgent=True)
            queue.add(key)
        elif len(observed) == 3:
            done.set()
        await asyncio.sleep(0)

    for key in ("a", "b"):
        queue.add(key)
    worker = asyncio.create_task(queue.work(visit))

    await asyncio.wait_for(done.wait(), 60)
    worker.cancel()
    assert observed == ["a", "a", "b"]


async def test_key_wakes_one_worker_and_an_urgent_key_the_reserved_one() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    by: list[tuple[str, str]] = []

    async def visit(key: str) -> None:
        task = asyncio.current_task()
        by.append((key, task.get_name() if task else ""))

    workers = [asyncio.create_task(queue.work(visit), name=f"worker {number}") for number in range(3)]
    workers.append(asyncio.create_task(queue.work(visit, urgent=True), name="reserve"))
    await asyncio.sleep(0)
    waiting = list(queue._waiting)

    queue.add("usual")
    assert [worker.done() for worker in waiting] == [True, False, False]
    await asyncio.sleep(0.01)
    queue.add("lever", urgent=True)
    await asyncio.sleep(0.01)
    for worker in workers:
        worker.cancel()

    assert by == [("usual", "worker 0"), ("lever", "reserve")]


async def test_worker_cancelled_while_woken_wakes_another() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    observed: asyncio.Queue[str] = asyncio.Queue()
    first, second = (asyncio.create_task(queue.work(observed.put)) for _ in range(2))
    await asyncio.sleep(0)

    queue.add("a")
    first.cancel()

    assert await asyncio.wait_for(observed.get(), 60) == "a"
    second.cancel()


async def test_paused_queue_keeps_its_keys() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert len(queue) == 1

    queue.resume()

    assert await visits(queue, 1) == ["a"]
    queue.pause()
    queue.add("b")
    assert len(queue) == 1


async def test_foreign_key_is_dropped_and_lost_key_is_not_visited() -> None:
    ours = {"a", "b"}
    queue: WorkQueue[str] = WorkQueue(paused=False)
    queue.limit(ours.__contains__)
    for key in ("a", "b", "c"):
        queue.add(key)
    queue.add("d", urgent=True)
    assert len(queue) == 2
    ours.remove("a")

    assert await visits(queue, 1) == ["b"]
    assert len(queue) == 0


async def test_key_being_visited_is_listed() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    observed: list[str] = []

    async def visit(key: str) -> None:
        observed.extend((key, *queue.busy))

    worker = asyncio.create_task(queue.work(visit))
    queue.add("a")
    await asyncio.sleep(0)
    await queue.idle()
    worker.cancel()

    assert observed == ["a", "a"]
    assert not queue.busy


async def test_key_is_never_visited_twice_concurrently_and_added_once_more() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    busy, most, count = 0, 0, 0
    twice = asyncio.Event()

    async def visit(key: str) -> None:
        nonlocal busy, most, count
        busy += 1
        most, count = max(most, busy), count + 1
        if count == 1:
            queue.add(key)
            queue.add(key)
        await asyncio.sleep(0)
        busy -= 1
        if count == 2:
            twice.set()

    workers = [asyncio.create_task(queue.work(visit)) for _ in range(3)]
    queue.add("a")
    await asyncio.wait_for(twice.wait(), 60)
    await queue.idle()
    for worker in workers:
        worker.cancel()

    assert (most, count) == (1, 2)


async def test_failed_visit_is_retried_later_and_success_resets_the_back_off() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)

    first, asked = queue.retry("a"), queue.retry("b", after=0.001)
    queue.forget("b")

    assert 0 < first <= 0.05
    assert asked == 0.001
    assert await visits(queue, 2) == ["b", "a"]


async def test_earlier_of_two_times_counts() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)
    queue.add_later("a", 60)
    queue.add_later("a", 0.001)
    queue.add_later("a", 60)

    assert await visits(queue, 1) == ["a"]
    queue.add("b")
    queue.add_later("b", 60)
    assert await visits(queue, 1) == ["b"]


@given(failures=st.integers(0, 10_000), jitter=st.floats(0, 1))
def test_back_off_is_bounded(failures: int, jitter: float) -> None:
    assert 0 < backoff(failures, lambda: jitter) <= LONGEST_RETRY


async def hurried_visits(queue: WorkQueue[str], urgent: float) -> list[str]:
    """What is begun and ended, in its order, by two workers: an urgent visit takes so many seconds, others none."""
    observed: list[str] = []

    async def visit(key: str) -> None:
        observed.append(key)
        await asyncio.sleep(urgent if key == "lever" else 0)
        observed.append(f"{key} ends")

    workers = [asyncio.create_task(queue.work(visit)) for _ in range(2)]
    queue.add("lever", urgent=True)
    queue.add("usual")
    async with asyncio.timeout(60):
        while len(observed) < 4:  # noqa: ASYNC110 # it waits for the workers
            await asyncio.sleep(0.01)
    for worker in workers:
        worker.cancel()
    return observed


async def test_no_other_visit_starts_during_an_urgent_one() -> None:
    queue: WorkQueue[str] = WorkQueue(paused=False)

    assert await hurried_visits(queue, 0.05) == ["lever", "lever ends", "usual", "usual ends"]


async def test_slow_urgent_visit_delays_others_only_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook_operator.runtime.work_queue.YIELD_SECONDS", 0.05)
    queue: WorkQueue[str] = WorkQueue(paused=False)

    assert await hurried_visits(queue, 0.5) == ["lever", "usual", "usual ends", "lever ends"]
