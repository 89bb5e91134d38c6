"""Whether a service account exists, and how seldom the API server is asked for that."""

from typing import Any

from runbook_operator.core.queries import HasAccount, ReviewResult
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.service_account_presence import SECONDS, Presence
from tests.builders import ACCOUNT, Body

QUERY = HasAccount(ACCOUNT)


class Accounts(Kube):
    """Has the account unless there is an error. Left out is everything else."""

    def __init__(self, error: errors.ApiError | None = None) -> None:
        self.error, self.asked, self.time = error, list[str](), 0.0

    async def get(self, path: str, **_: Any) -> Body:
        self.asked.append(path)
        if self.error is not None:
            raise self.error
        return {}


def presence(kube: Accounts) -> Presence:
    return Presence(kube, lambda: kube.time)


async def test_existing_account_is_read_once_per_interval() -> None:
    kube = Accounts()
    there = presence(kube)

    assert [await there.answer(QUERY) for _ in range(3)] == [ReviewResult(allowed=True)] * 3

    assert kube.asked == ["/api/v1/namespaces/shop/serviceaccounts/deployer"]
    kube.time = SECONDS + 1
    kube.error = errors.NotFoundError("404")
    assert await there.answer(QUERY) == ReviewResult(allowed=False)


async def test_missing_account_is_read_each_time() -> None:
    kube = Accounts(errors.NotFoundError("404"))
    there = presence(kube)
    assert await there.answer(QUERY) == ReviewResult(allowed=False)

    kube.error = None

    assert await there.answer(QUERY) == ReviewResult(allowed=True)


async def test_account_that_may_not_be_read_counts_as_existing() -> None:
    assert await presence(Accounts(errors.ForbiddenError("403"))).answer(QUERY) == ReviewResult(allowed=True)
