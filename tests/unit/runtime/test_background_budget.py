"""The limit of requests that no person waits for."""

import asyncio

import pytest

from runbook_operator.runtime.background_budget import BackgroundBudget, BudgetShare


class Requests:
    """Requests that last until `end`, and how many of them run."""

    def __init__(self) -> None:
        self.running = 0
        self.end = asyncio.Event()

    async def run(self, share: BudgetShare) -> None:
        async with share:
            self.running += 1
            await self.end.wait()
            self.running -= 1


async def settled(*tasks: asyncio.Task[None]) -> None:
    """Let each task run until it waits."""
    await asyncio.wait(tasks, timeout=0)
    for _ in range(3):
        await asyncio.sleep(0)


async def test_requests_of_one_kind_run_up_to_their_share() -> None:
    share, requests = BackgroundBudget(8).share(3), Requests()
    tasks = [asyncio.create_task(requests.run(share)) for _ in range(5)]
    await settled(*tasks)
    assert requests.running == 3

    requests.end.set()
    await asyncio.gather(*tasks)

    assert requests.running == 0


async def test_shares_together_run_up_to_the_budget() -> None:
    budget, requests = BackgroundBudget(4), Requests()
    shares = [budget.share(3), budget.share(3)]
    tasks = [asyncio.create_task(requests.run(share)) for share in shares for _ in range(3)]
    await settled(*tasks)

    assert requests.running == 4
    requests.end.set()
    await asyncio.gather(*tasks)


async def test_request_that_is_cancelled_while_it_waits_keeps_no_turn() -> None:
    budget, requests = BackgroundBudget(1), Requests()
    holder, share = asyncio.create_task(requests.run(budget.share(1))), budget.share(1)
    await settled(holder)
    waiting = asyncio.create_task(requests.run(share))
    await settled(waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    requests.end.set()
    await holder

    await requests.run(share)
    assert requests.running == 0
