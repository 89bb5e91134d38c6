"""Check with the operator's own rights that the service accounts that Runbooks name exist.

The API server lets the operator act in the name of an account that does not exist. The check is part of deep checks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from runbook_operator.core.accounts import Account
from runbook_operator.core.queries import HasAccount, ReviewResult
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import path_of
from runbook_operator.runtime import clock
from runbook_operator.runtime.single_flight_cache import SingleFlightCache

SECONDS = 300.0
"""Seconds after which an existing account is checked again; a missing one is checked each time."""


@dataclass
class Presence:
    """A cache of existing accounts, shared by all objects that name them."""

    kube: Kube
    monotonic: Callable[[], float] = clock.monotonic
    _found: SingleFlightCache[Account, bool] = field(init=False)

    def __post_init__(self) -> None:
        self._found = SingleFlightCache(lambda exists: SECONDS if exists else 0.0, self.monotonic)

    async def answer(self, query: HasAccount) -> ReviewResult:
        """Return a ReviewResult that is allowed if the account exists; raises ApiError."""
        return ReviewResult(allowed=await self._found.get(query.account, partial(self._exists, query.account)))

    async def _exists(self, account: Account) -> bool:
        """True if the account exists, and also if the operator may not read it."""
        try:
            await self.kube.get(
                path_of(Ref("v1", "ServiceAccount", account.namespace, account.name), "serviceaccounts")
            )
        except errors.NotFoundError:
            return False
        except errors.ForbiddenError:
            return True
        return True
