"""Check writes by dry runs, so that a refusal by the API server is known before a throw.

An accepted write is checked again after an hour, and sooner if the target or the Runbook has changed. More dry runs
would be the main load of an idle cluster, since each one passes all admission.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial

from runbook_operator.controller.target_writes import apply
from runbook_operator.core.accounts import Account
from runbook_operator.core.api_refusals import is_dry_run_only
from runbook_operator.core.queries import Admission, Denied, DryRun, ReviewResult
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Effect, Patch
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.runtime import clock
from runbook_operator.runtime.background_budget import BackgroundBudget, BudgetShare
from runbook_operator.runtime.single_flight_cache import SingleFlightCache

AT_ONCE = 4
"""The most concurrent dry runs."""
ALLOWED_SECONDS = 3600.0
"""The time for which a write that the API server would accept counts as allowed."""


@dataclass
class DryRuns:
    """Dry runs for idle switches. Make it inside the event loop."""

    paths: Paths
    monotonic: Callable[[], float] = clock.monotonic
    budget: BackgroundBudget = field(default_factory=BackgroundBudget)
    _slots: BudgetShare = field(init=False)
    _checked: dict[Ref, dict[int, Hashable]] = field(default_factory=dict)
    """For each switch, by the number of the write, the key of its last dry run."""
    _answers: SingleFlightCache[Hashable, ReviewResult | Denied] = field(init=False)

    def __post_init__(self) -> None:
        self._slots = self.budget.share(AT_ONCE)
        self._answers = SingleFlightCache(_seconds, self.monotonic)

    async def admitted(self, query: Admission, account: Account | None) -> int | Denied:
        """Return the replicas that admission would store for this scale; raises ApiError if that is unknown now."""
        scale = Patch(query.ref, query.uid, "", {"spec": {"replicas": query.replicas}}, "scale")
        try:
            answer = await apply(self.paths.as_(account), scale, dry_run=True)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            return Denied(Reason(error.reason), f"{error}. {error.user_action}")
        return int(((answer or {}).get("spec") or {}).get("replicas", 0))

    async def answer(self, query: DryRun, account: Account | None, edition: Hashable = None) -> ReviewResult | Denied:
        """Return the API server's answer to this write, sent under the account.

        An accepted write is not sent again within an hour, unless the account, the Runbook (`edition`) or the
        resourceVersion of the target changes.
        """
        key = (query.switch, query.number, account, edition, *_version(query.effect))
        checked = self._checked.setdefault(query.switch, {})
        if (before := checked.get(query.number)) != key:
            self._answers.evict(before)
            checked[query.number] = key
        return await self._answers.get(key, partial(self._tried, query, account))

    def forget(self, switch: Ref) -> None:
        """Forget the answers for a deleted switch."""
        for key in self._checked.pop(switch, {}).values():
            self._answers.evict(key)

    async def _tried(self, query: DryRun, account: Account | None) -> ReviewResult | Denied:
        try:
            async with self._slots:
                await apply(self.paths.as_(account), query.effect, dry_run=True)
        except errors.ApiError as error:
            return _ruling(error)
        return ReviewResult(allowed=True)


def _seconds(found: ReviewResult | Denied) -> float:
    """Return the seconds to cache an answer: an hour for an accepted write, 0 for any other."""
    return ALLOWED_SECONDS if isinstance(found, ReviewResult) and found.allowed else 0.0


def _version(effect: Effect) -> tuple[Hashable, ...]:
    """Return the target and, for a patch, the version that the patch was made for."""
    return (effect.ref, effect.uid, effect.resource_version) if isinstance(effect, Patch) else (effect.ref,)


def _ruling(error: errors.ApiError) -> ReviewResult | Denied:
    """Return Denied for a refusal; an unavailable API server or a conflict predicts nothing about a throw."""
    refused = isinstance(error, errors.ForbiddenError | errors.RefusedError)
    if is_dry_run_only(str(error)) or not (refused or error.reason == Reason.WEBHOOK_FAILED):
        return ReviewResult(allowed=False)
    return Denied(Reason(error.reason), f"{error}. {error.user_action}")
