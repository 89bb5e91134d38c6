"""One limit for the requests to the API server that no person waits for; requests of a throw do not count."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType

MOST = 16
"""Half of the connections for work, so that a throw finds a free one however much runs in the background."""


@dataclass
class BudgetShare:
    """The share of one kind of request: use `async with` for each request, and do not nest it."""

    most: int
    budget: asyncio.Semaphore = field(repr=False)

    def __post_init__(self) -> None:
        self._own = asyncio.Semaphore(self.most)

    async def __aenter__(self) -> None:
        await self._own.acquire()
        try:
            await self.budget.acquire()
        except asyncio.CancelledError:
            self._own.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.budget.release()
        self._own.release()


class BackgroundBudget:
    """The budget. The sum of its shares is larger, so that one kind of request can use turns that others leave free.

    No share is the whole budget: if requests of one kind hang, such as dry runs at a slow webhook, others have turns.
    """

    def __init__(self, most: int = MOST) -> None:
        self._turns = asyncio.Semaphore(most)

    def share(self, most: int) -> BudgetShare:
        """Return a share of at most this many concurrent requests."""
        return BudgetShare(most, self._turns)
