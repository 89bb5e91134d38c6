"""Writes that the API server checks and does not store: what it would refuse of a throw is found before it."""

import asyncio
from dataclasses import dataclass, field

from runbook_operator import errors
from runbook_operator.act.steps import apply
from runbook_operator.io.paths import Paths
from runbook_operator.model.accounts import Account
from runbook_operator.model.queries import Denied, DryRun, Ruling
from runbook_operator.model.reasons import Reason
from runbook_operator.model.refusals import is_of_trial

AT_ONCE = 4
"""Trials under way, which share the API server with the requests of a throw."""


@dataclass
class Trials:
    """Make it inside the event loop. Asked for idle switches only."""

    paths: Paths
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def answer(self, query: DryRun, account: Account | None) -> Ruling | Denied:
        """The answer of the API server to this write in the name of the account."""
        try:
            async with self._turns:
                await apply(self.paths.as_(account), query.effect, dry_run=True)
        except errors.ApiError as error:
            return _ruling(error)
        return Ruling(allowed=True)


def _ruling(error: errors.ApiError) -> Ruling | Denied:
    """An API server that is away, and an object that moved meanwhile, say nothing about a throw."""
    refused = isinstance(error, errors.ForbiddenError | errors.RefusedError)
    if is_of_trial(str(error)) or not (refused or error.reason == Reason.WEBHOOK_FAILED):
        return Ruling(allowed=False)
    return Denied(Reason(error.reason), f"{error}. {error.user_action}")
