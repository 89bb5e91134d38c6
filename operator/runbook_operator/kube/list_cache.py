"""Cache of the lists that idle switches need: switches of one Runbook share one request for the same list."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from runbook_operator.core.accounts import Account
from runbook_operator.core.queries import Find, Query
from runbook_operator.core.references import Ref
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.object_reads import find
from runbook_operator.runtime import clock
from runbook_operator.runtime.single_flight_cache import SingleFlightCache

Edition = tuple[Ref, int] | tuple[()]
"""A Runbook and its generation; empty for a Switch without a Runbook."""
Bodies = tuple[Mapping[str, Any], ...]


def _untold(query: Find) -> None:
    del query


@dataclass
class Lists:
    """The lists. An answer counts for `seconds`: the switch that needs it is idle, so no write depends on it.

    An edit of the Runbook causes a new request, so that a person who corrects an error sees the result at once.
    """

    paths: Paths
    told: Callable[[Find], Bodies | None] = _untold
    """Return a list from watches with the operator's own rights, None if there is none."""
    seconds: float = 5.0
    monotonic: Callable[[], float] = clock.monotonic
    presumed_seconds: float = 900.0
    """Seconds for which an empty list is presumed to stay empty; deep checks read it more often."""
    _shared: SingleFlightCache[tuple[Edition, Find, Account | None], Any] = field(init=False)
    _usual: dict[str, set[Find]] = field(default_factory=dict)
    """By namespace, the queries that watches have answered: a few kinds."""
    _nothing: dict[tuple[Find, Account | None], float] = field(default_factory=dict)
    """The queries whose last answer was empty, and when that was; the oldest first."""

    def __post_init__(self) -> None:
        self._shared = SingleFlightCache(lambda _found: self.seconds, self.monotonic)

    def at_hand(self, queries: Collection[Query], account: Account | None) -> dict[Query, Any]:
        """Return the answers to all queries if watches have them, {} if one needs a request."""
        finds = [one for one in queries if isinstance(one, Find)]
        told: dict[Query, Any] = {one: self._told(one, account) for one in finds}
        if len(told) < len(queries) or None in told.values():
            return {}
        for one in finds:
            self._usual.setdefault(one.namespace, set()).add(one)
        return told

    def usual(self, namespace: str, account: Account | None) -> dict[Query, Any]:
        """Return the answers from watches to the usual queries of the namespace, so that a throw needs no request."""
        found: dict[Query, Any] = {one: self._told(one, account) for one in self._usual.get(namespace, ())}
        return {one: told for one, told in found.items() if told is not None}

    def nothing(self, queries: Collection[Query], account: Account | None) -> dict[Query, Any]:
        """Return empty answers if the last ones to all queries were empty and recent, else {}."""
        oldest = self.monotonic() - self.presumed_seconds
        told = [self._told(one, account) if isinstance(one, Find) else None for one in queries]
        asked = [one for one, found in zip(queries, told, strict=True) if found is None]
        known = all(isinstance(one, Find) and self._nothing.get((one, account), -math.inf) > oldest for one in asked)
        return dict.fromkeys(queries, ()) if known and not any(told) else {}

    def _told(self, query: Find, account: Account | None) -> Bodies | None:
        return self.told(query) if account is None else None

    def _note(self, query: Find, account: Account | None, found: Any) -> None:
        """Note if the answer was empty, and drop old notes."""
        now = self.monotonic()
        self._nothing.pop((query, account), None)
        if found == ():
            self._nothing[query, account] = now
        while self._nothing and next(iter(self._nothing.values())) <= now - self.presumed_seconds:
            self._nothing.pop(next(iter(self._nothing)))

    async def answer(self, query: Find, edition: Edition | None, account: Account | None = None) -> Any:
        """Return the answer as object_reads.answer does; accounts do not share answers.

        Without an edition the query is urgent, and the answer may be as old as a watch is now.
        """
        if (told := self._told(query, account)) is not None:
            return told
        if edition is None:
            return await self._ask(query, account, cached=True)
        # No turn of the background budget: a visit that waits for a list holds the locks of its targets, which a throw
        # of another switch waits for.
        return await self._shared.get((edition, query, account), partial(self._ask, query, account))

    async def _ask(self, query: Find, account: Account | None, *, cached: bool = False) -> Any:
        found = await find(self.paths.as_(account), query, cached=cached)
        self._note(query, account, found)
        return found
