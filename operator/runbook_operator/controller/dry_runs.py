"""Writes that the API server checks and does not store: what it would refuse of a throw is found before it.

A write that it would take is checked again after an hour, and sooner where the target or the Runbook has changed: each
dry run passes all admission, and a cluster at rest would be asked for nothing else.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from runbook_operator.controller.target_writes import apply
from runbook_operator.core.accounts import Account
from runbook_operator.core.api_refusals import is_of_trial
from runbook_operator.core.queries import Admission, Denied, DryRun, Ruling
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Effect, Patch
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.runtime import clock

AT_ONCE = 4
"""Trials under way, which share the API server with the requests of a throw."""
ALLOWED_SECONDS = 3600.0
"""A write that the API server would take counts as allowed for so long."""


@dataclass
class Trials:
    """Make it inside the event loop. Asked for idle switches only."""

    paths: Paths
    monotonic: Callable[[], float] = clock.monotonic
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _allowed: dict[Ref, dict[int, tuple[Hashable, float]]] = field(default_factory=dict)
    """Of each switch, by the number of the write: what was checked, and until when the answer counts."""

    async def admitted(self, query: Admission, account: Account | None) -> int | Denied:
        """The replicas that admission leaves of a scale; raises ApiError where nobody can tell now."""
        scale = Patch(query.ref, query.uid, "", {"spec": {"replicas": query.replicas}}, "scale")
        try:
            answer = await apply(self.paths.as_(account), scale, dry_run=True)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            return Denied(Reason(error.reason), f"{error}. {error.user_action}")
        return int(((answer or {}).get("spec") or {}).get("replicas", 0))

    async def answer(self, query: DryRun, account: Account | None, edition: Hashable = None) -> Ruling | Denied:
        """The answer of the API server to this write in the name of the account; `edition` is that of the Runbook."""
        checked, now = (account, edition, *_version(query.effect)), self.monotonic()
        before, until = self._allowed.get(query.switch, {}).get(query.number, (None, now))
        if before == checked and now < until:
            return Ruling(allowed=True)
        try:
            async with self._turns:
                await apply(self.paths.as_(account), query.effect, dry_run=True)
        except errors.ApiError as error:
            self._allowed.get(query.switch, {}).pop(query.number, None)
            return _ruling(error)
        self._allowed.setdefault(query.switch, {})[query.number] = (checked, now + ALLOWED_SECONDS)
        return Ruling(allowed=True)

    def forget(self, switch: Ref) -> None:
        """The switch is gone."""
        self._allowed.pop(switch, None)


def _version(effect: Effect) -> tuple[Hashable, ...]:
    """The object that is written to, at the version that the write was made for."""
    return (effect.ref, effect.uid, effect.resource_version) if isinstance(effect, Patch) else (effect.ref,)


def _ruling(error: errors.ApiError) -> Ruling | Denied:
    """An API server that is away, and an object that moved meanwhile, say nothing about a throw."""
    refused = isinstance(error, errors.ForbiddenError | errors.RefusedError)
    if is_of_trial(str(error)) or not (refused or error.reason == Reason.WEBHOOK_FAILED):
        return Ruling(allowed=False)
    return Denied(Reason(error.reason), f"{error}. {error.user_action}")
