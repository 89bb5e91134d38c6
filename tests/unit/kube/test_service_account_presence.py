"""Whether a service account exists, and how seldom the API server is asked for that."""

from runbook_operator.core.queries import HasAccount, ReviewResult
from runbook_operator.kube import errors
from runbook_operator.kube.service_account_presence import SECONDS, Presence
from tests.builders import ACCOUNT
from tests.fakes.account_kube import Accounts

QUERY = HasAccount(ACCOUNT)


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
