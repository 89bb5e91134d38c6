"""Read targets and the operator's own objects, and put the answers into the store."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from runbook_operator.cache.read_versions import ReadVersions
from runbook_operator.cache.store import Store
from runbook_operator.core.accounts import Account
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import Denied, NeedsRead, Query
from runbook_operator.core.references import Meta, Ref, meta_of
from runbook_operator.core.sharding import ObjectFilter, all_objects
from runbook_operator.kube import errors, object_reads
from runbook_operator.kube.client import Body
from runbook_operator.kube.discovery import Paths, own
from runbook_operator.kube.list_cache import Edition
from runbook_operator.kube.query_answers import Queries
from runbook_operator.reconcile.acting_identity import Reader


@dataclass
class ObjectReader:
    """The reads of a leader, and the versions that it has read.

    `wake` requeues objects after an answer has changed the store. The later watch event of that change requeues none.
    """

    paths: Paths
    store: Store
    read_versions: ReadVersions
    queries: Queries
    wake: Callable[[Iterable[Ref]], None]

    async def ask(
        self, needed: NeedsRead, answers: dict[Query, Any], edition: Edition, reader: Reader, *, deleting: bool = False
    ) -> None:
        """Read all needed queries concurrently and put the results into `answers`; store the objects among them.

        If `deleting`, a query without an answer gets Denied, so that it does not delay the restore of other targets.
        """
        asked, shared = list(needed.queries), None if needed.urgent else edition
        answer = self.queries.answer_if_available if deleting else self.queries.answer
        found_all = await asyncio.gather(*(answer(one, shared, reader) for one in asked))
        for query, found in zip(asked, found_all, strict=True):
            if isinstance(found, ObservedObject | Missing) and not isinstance(reader, Denied):
                self.read_versions.note_read(found, reader)
                self.store.learn(found)
            answers[query] = found

    async def read_target(self, ref: Ref, account: Account | None) -> ObservedObject | Missing:
        """Return the whole target, read under the account; the store does not change."""
        return await object_reads.read_target(self.paths.as_(account), ref)

    def note_read(self, visited: Ref, observed: ObservedObject | Missing, account: Account | None) -> None:
        """Store a target from an answer of the API server, and wake its users other than `visited`."""
        self.read_versions.note_read(observed, account)
        self.wake(self.store.learn(observed) - {visited})

    async def read_own(self, ref: Ref, visited: Ref | None = None) -> None:
        """Read a Runbook or Switch again and store it; wake its users other than `visited` (default `ref`)."""
        try:
            self.learn(visited or ref, await self.paths.kube.get(own(ref)))
        except errors.NotFoundError:
            self.wake(self.store.forget(ref) - {visited or ref})

    def learn(self, visited: Ref, body: Body) -> None:
        """Store a Runbook or Switch from an answer, unless it is `visited` and a watch has reported it deleted."""
        learnt = meta_of(body)
        if learnt.ref != visited or self.store.own(visited) is not None:
            self.read_versions.note(learnt.ref, learnt.resource_version)
            self.wake(self.store.read(body) - {visited})

    def deleted(self, visited: Ref, meta: Meta) -> None:
        """Remove an own object that the API server has just deleted."""
        self.wake(self.store.drop(meta.ref, meta.uid) - {visited})

    def evict_unreferenced(self, refs: Iterable[Ref]) -> None:
        """Evict objects that are neither held nor declared: each engagement creates some, with new names."""
        for ref in self.store.unreferenced(refs):
            self.store.targets.pop(ref, None)
            self.read_versions.forget(ref)

    def lead(self, only: ObjectFilter = all_objects) -> None:
        """Begin a leadership term: forget what was read, as the watch may lag behind the previous leader's writes."""
        self.read_versions.clear(only)
        self.store.start_leading(only)
