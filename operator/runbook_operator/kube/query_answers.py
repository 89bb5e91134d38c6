"""Answer the queries of a decision from a review, from a list, or from the API server, in the name of a reader."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from runbook_operator.core.accounts import Account
from runbook_operator.core.queries import AccessReview, Admission, Denied, DryRun, Find, HasAccount, Query, ReviewResult
from runbook_operator.core.reasons import Reason
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.access_reviews import Reviews
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.list_cache import Edition, Lists
from runbook_operator.kube.object_reads import answer
from runbook_operator.kube.service_account_presence import Presence
from runbook_operator.reconcile.acting_identity import Reader

DryRunner = Callable[[DryRun, Account | None, Edition | None], Awaitable[ReviewResult | Denied]]
Admitted = Callable[[Admission, Account | None], Awaitable[int | Denied]]


@dataclass(frozen=True)
class Queries:
    """The sources of answers; each call answers one query, and raises ApiError if that fails."""

    paths: Paths
    out: Outbound
    lists: Lists
    reviews: Reviews
    presence: Presence
    trial: DryRunner
    admitted: Admitted

    async def answer(self, query: Query, shared: Edition | None, reader: Reader) -> Any:
        """Return the answer, or Denied if the reader lacks the right."""
        if isinstance(reader, Denied):
            return reader
        if isinstance(query, AccessReview | HasAccount):
            return await (
                self.reviews.answer(query, reader) if isinstance(query, AccessReview) else self.presence.answer(query)
            )
        if isinstance(query, Find):
            return await self.lists.answer(query, shared, reader)
        if isinstance(query, DryRun):
            return await self.trial(query, reader, shared)
        if isinstance(query, Admission):
            return await self.admitted(query, reader)
        return await answer(self.paths.as_(reader), self.out, query)

    async def answer_if_available(self, query: Query, shared: Edition | None, reader: Reader) -> Any:
        """Return the answer, or Denied also if the API server cannot answer now."""
        try:
            return await self.answer(query, shared, reader)
        except errors.UnavailableError as error:
            return Denied(Reason.UNAVAILABLE, f"{error}. {error.user_action}")
