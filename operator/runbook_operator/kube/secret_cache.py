"""Cache of the values of Secret keys, read on demand and kept for a minute to spare the API server a read per check.

Secrets are not watched, since the right to watch them is the right to read all of them. No value is logged or printed.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from runbook_operator.api.rbac_generation import SECRETS
from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.monitors import SecretKeyRef
from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import path_of
from runbook_operator.kube.read_errors import check_error
from runbook_operator.reconcile.acting_identity import UNNAMED
from runbook_operator.runtime import clock
from runbook_operator.runtime.background_budget import BackgroundBudget, BudgetShare
from runbook_operator.runtime.single_flight_cache import SingleFlightCache

SECONDS = 60.0
DOUBTED_SECONDS = 10.0
"""Seconds after which a value is read again if a check's result may come from an old one, or if it was missing."""
AT_ONCE = 8
"""Concurrent reads."""


@dataclass
class Secrets:
    """The cache. Create it inside the event loop."""

    kube: Kube
    monotonic: Callable[[], float] = clock.monotonic
    requires_account: bool = False
    """True if nothing is read for a Runbook that names no service account."""
    budget: BackgroundBudget = field(default_factory=BackgroundBudget, repr=False)
    _reads: SingleFlightCache[SecretKeyRef, bytes | CheckNotPerformedError] = field(init=False, repr=False)
    _slots: BudgetShare = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._slots = self.budget.share(AT_ONCE)
        self._reads = SingleFlightCache(_seconds, self.monotonic)

    async def value(self, kept: SecretKeyRef) -> bytes:
        """Return the value of a Secret's key; raises CheckNotPerformedError."""
        found = await self._reads.get(kept, partial(self._found, kept))
        if isinstance(found, CheckNotPerformedError):
            raise CheckNotPerformedError(found.reason, str(found))
        return found

    def distrust(self, kept: SecretKeyRef) -> None:
        """Shorten the time that a value is kept, after a result that suggests that it has changed."""
        self._reads.shorten(kept, DOUBTED_SECONDS)

    async def _found(self, kept: SecretKeyRef) -> bytes | CheckNotPerformedError:
        if self.requires_account and kept.account is None:
            return CheckNotPerformedError(Reason.NO_ACCOUNT, UNNAMED)
        try:
            async with self._slots:
                body = await self.kube.as_(kept.account).get(path_of(kept.secret, "secrets"))
        except errors.NotFoundError:
            return CheckNotPerformedError(
                "SecretNotFound", f"{kept.secret} does not exist in namespace {kept.secret.namespace}"
            )
        except errors.ApiError as error:
            return check_error(error, "" if kept.account else SECRETS)
        value = (body.get("data") or {}).get(kept.key)
        if value is None:
            return CheckNotPerformedError("SecretKeyNotFound", f"{kept.secret} has no key {kept.key}")
        return base64.b64decode(value)


def _seconds(found: bytes | CheckNotPerformedError) -> float:
    return DOUBTED_SECONDS if isinstance(found, CheckNotPerformedError) else SECONDS
