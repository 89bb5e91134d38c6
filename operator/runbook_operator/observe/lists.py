"""Lists that idle switches ask for: those of one Runbook ask for the same at the same time, and it is asked once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runbook_operator import errors
from runbook_operator.io import clock
from runbook_operator.io.paths import Paths
from runbook_operator.model.accounts import Account
from runbook_operator.model.queries import Find
from runbook_operator.model.refs import Ref
from runbook_operator.observe.targets import find

Edition = tuple[Ref, int] | tuple[()]
"""A Runbook at one of its generations; empty for a Switch that has none."""


@dataclass
class Lists:
    """An answer is good for so many `seconds`: nobody has thrown what asks, so that nothing is written for it.

    An edit of the Runbook asks anew: whoever corrects what a switch complains about sees at once whether that helped.
    """

    paths: Paths
    seconds: float = 5.0
    monotonic: Callable[[], float] = clock.monotonic
    _asked: dict[tuple[Edition, Find, Account | None], tuple[float, asyncio.Task[Any]]] = field(default_factory=dict)

    async def answer(self, query: Find, edition: Edition, account: Account | None = None) -> Any:
        """As observe.targets.answer; what one account was told is told to no other."""
        now, key = self.monotonic(), (edition, query, account)
        self._asked = {one: asked for one, asked in self._asked.items() if asked[0] + self.seconds > now}
        if key not in self._asked:
            self._asked[key] = (now, asyncio.create_task(find(self.paths.as_(account), query)))
        _, task = self._asked[key]
        try:
            return await asyncio.shield(task)
        except errors.ApiError:
            self._asked.pop(key, None)
            raise
