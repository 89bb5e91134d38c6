"""Lists that idle switches ask for: those of one Runbook ask for the same at the same time, and it is asked once."""

import asyncio
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.accounts import Account
from runbook_operator.core.queries import Find, Query
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.object_reads import find
from runbook_operator.runtime import clock

Edition = tuple[Ref, int] | tuple[()]
"""A Runbook at one of its generations; empty for a Switch that has none."""
Bodies = tuple[Mapping[str, Any], ...]


def _untold(query: Find) -> None:
    del query


@dataclass
class Lists:
    """An answer is good for so many `seconds`: nobody has thrown what asks, so that nothing is written for it.

    An edit of the Runbook asks anew: whoever corrects what a switch complains about sees at once whether that helped.
    """

    paths: Paths
    told: Callable[[Find], Bodies | None] = _untold
    """What watches tell the operator itself, None where they do not."""
    seconds: float = 5.0
    monotonic: Callable[[], float] = clock.monotonic
    presumed_seconds: float = 900.0
    """For so long it may be presumed that there is still nothing; close looks ask more often."""
    _asked: dict[tuple[Edition, Find, Account | None], tuple[float, asyncio.Task[Any]]] = field(default_factory=dict)

    _usual: dict[str, set[Find]] = field(default_factory=dict)
    """By namespace, what was at hand when it was asked for: a few kinds."""
    _nothing: dict[tuple[Find, Account | None], float] = field(default_factory=dict)
    """What found nothing when it was asked last, and when that was; the oldest first."""

    def at_hand(self, queries: Collection[Query], account: Account | None) -> dict[Query, Any]:
        """The answers to all of the queries where watches tell them, none where one has to be asked."""
        finds = [one for one in queries if isinstance(one, Find)]
        told: dict[Query, Any] = {one: self._told(one, account) for one in finds}
        if len(told) < len(queries) or None in told.values():
            return {}
        for one in finds:
            self._usual.setdefault(one.namespace, set()).add(one)
        return told

    def usual(self, namespace: str, account: Account | None) -> dict[Query, Any]:
        """The answers to what others have asked for there, as far as watches tell them: a throw need not ask first."""
        found: dict[Query, Any] = {one: self._told(one, account) for one in self._usual.get(namespace, ())}
        return {one: told for one, told in found.items() if told is not None}

    def nothing(self, queries: Collection[Query], account: Account | None) -> dict[Query, Any]:
        """Answers that say nothing is there, as it was lately for all of the queries; none where that is not known."""
        oldest = self.monotonic() - self.presumed_seconds
        told = [self._told(one, account) if isinstance(one, Find) else None for one in queries]
        asked = [one for one, found in zip(queries, told, strict=True) if found is None]
        known = all(isinstance(one, Find) and self._nothing.get((one, account), -math.inf) > oldest for one in asked)
        return dict.fromkeys(queries, ()) if known and not any(told) else {}

    def _told(self, query: Find, account: Account | None) -> Bodies | None:
        return self.told(query) if account is None else None

    def _note(self, query: Find, account: Account | None, found: Any) -> None:
        """That was the answer now."""
        now = self.monotonic()
        self._nothing.pop((query, account), None)
        if found == ():
            self._nothing[query, account] = now
        while self._nothing and next(iter(self._nothing.values())) <= now - self.presumed_seconds:
            self._nothing.pop(next(iter(self._nothing)))

    async def answer(self, query: Find, edition: Edition | None, account: Account | None = None) -> Any:
        """As observe.targets.answer; what one account was told is told to no other.

        Without an edition somebody waits for the answer, and it is what a watch would have told by now.
        """
        if (told := self._told(query, account)) is not None:
            return told
        if edition is None:
            return await self._ask(query, account, cached=True)
        now, key = self.monotonic(), (edition, query, account)
        self._asked = {one: asked for one, asked in self._asked.items() if asked[0] + self.seconds > now}
        if key not in self._asked:
            self._asked[key] = (now, asyncio.create_task(self._ask(query, account)))
        _, task = self._asked[key]
        try:
            return await asyncio.shield(task)
        except errors.ApiError:
            self._asked.pop(key, None)
            raise

    async def _ask(self, query: Find, account: Account | None, *, cached: bool = False) -> Any:
        found = await find(self.paths.as_(account), query, cached=cached)
        self._note(query, account, found)
        return found
