"""Access reviews: check with the API server whether an account has the rights that a Runbook's actions need.

Only idle objects are reviewed. A positive answer counts for an hour and for all objects of the namespace, so that a
cluster at rest causes almost no reviews. A negative one is checked again soon, since a person may grant the right.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from runbook_operator.core.accounts import Account
from runbook_operator.core.queries import AccessReview, Denied, ReviewResult
from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body
from runbook_operator.kube.discovery import Paths
from runbook_operator.runtime import clock
from runbook_operator.runtime.background_budget import BackgroundBudget, BudgetShare
from runbook_operator.runtime.single_flight_cache import SingleFlightCache

ALLOWED_SECONDS = 3600.0
DENIED_SECONDS = 10.0
AT_ONCE = 8
"""Concurrent reviews."""
ACCESS = "authorization.k8s.io/v1"
WHO = "authentication.k8s.io/v1"
SOMEBODY = "OPERATOR"
"""The placeholder in a command if the API server does not report the operator's user name."""


@dataclass
class Reviews:
    """The reviews with their cache. Create it inside the event loop."""

    paths: Paths
    monotonic: Callable[[], float] = clock.monotonic
    _reviews: SingleFlightCache[tuple[Account | None, AccessReview], bool] = field(init=False)
    budget: BackgroundBudget = field(default_factory=BackgroundBudget)
    _slots: BudgetShare = field(init=False)
    _user: str = ""

    def __post_init__(self) -> None:
        self._slots = self.budget.share(AT_ONCE)
        self._reviews = SingleFlightCache(_seconds, self.monotonic)

    async def answer(self, query: AccessReview, account: Account | None) -> ReviewResult | Denied:
        """Return a ReviewResult, allowed also for a resource that is not served, or Denied. Raises ApiError."""
        try:
            if not await self.paths.serves(query.group, query.resource.partition("/")[0]):
                return ReviewResult(allowed=True)
            for one in _wider(query, account):
                if await self._may(one, account):
                    return ReviewResult(allowed=True)
            return ReviewResult(allowed=False, user=account.user if account else await self._own_name())
        except errors.ForbiddenError as error:
            return Denied(Reason.FORBIDDEN, f"{error}. {error.user_action}")

    async def _may(self, query: AccessReview, account: Account | None) -> bool:
        return await self._reviews.get((account, query), partial(self._reviewed, query, account))

    async def _reviewed(self, query: AccessReview, account: Account | None) -> bool:
        resource, _, subresource = query.resource.partition("/")
        attributes = {"verb": query.verb, "group": query.group, "resource": resource, "namespace": query.namespace}
        asked = attributes | {"subresource": subresource, "name": query.name}
        async with self._slots:
            answer = await self._post(ACCESS, "SelfSubjectAccessReview", account, {"resourceAttributes": asked})
        return bool(answer["status"]["allowed"])

    async def _own_name(self) -> str:
        """Return the operator's user name at the API server, which is read once."""
        if not self._user:
            try:
                answer = await self._post(WHO, "SelfSubjectReview", None, {})
            except errors.NotFoundError:
                return SOMEBODY
            self._user = answer["status"]["userInfo"]["username"]
        return self._user

    async def _post(self, api_version: str, kind: str, account: Account | None, spec: Body) -> Body:
        body = {"apiVersion": api_version, "kind": kind, "metadata": {}} | ({"spec": spec} if spec else {})
        return await self.paths.kube.as_(account).request("POST", f"/apis/{api_version}/{kind.lower()}s", body=body)


def _seconds(allowed: bool) -> float:  # noqa: FBT001 # the cached result
    return ALLOWED_SECONDS if allowed else DENIED_SECONDS


def _wider(query: AccessReview, account: Account | None) -> Iterator[AccessReview]:
    """Yield wider queries, whose answers serve more objects, and then the query itself."""
    for_all = replace(query, name="")
    if account is None:
        yield replace(for_all, namespace="")
    yield for_all
    if query.name:
        yield query
