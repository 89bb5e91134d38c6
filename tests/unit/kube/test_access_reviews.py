"""Whether who is acted for may do what is declared, as the API server's authorizers say, and how seldom they are asked.

`Judge` is an API server that knows nothing but rights; that a real one answers so is what the e2e tests show.
"""

import asyncio

import pytest

from runbook_operator.cache.read_versions import ReadVersions
from runbook_operator.core.observed_object import absent
from runbook_operator.core.queries import AccessReview, Denied, ReviewResult
from runbook_operator.kube import errors
from runbook_operator.kube.access_reviews import ALLOWED_SECONDS, DENIED_SECONDS, SOMEBODY, Reviews
from runbook_operator.kube.discovery import Paths
from tests.builders import ACCOUNT, NAMESPACE, WEB, Body, observed
from tests.fakes.access_judge import Judge

SCALE_ALL = ("patch", "apps", "deployments/scale", NAMESPACE)
SCALE = AccessReview(*SCALE_ALL, "web")
KEDA = AccessReview("patch", "keda.sh", "scaledobjects", NAMESPACE)
ALLOWED = ReviewResult(allowed=True)


def reviews(judge: Judge) -> Reviews:
    return Reviews(Paths(judge, monotonic=lambda: judge.time), lambda: judge.time)


async def test_namespace_wide_right_is_reviewed_once_for_all_objects() -> None:
    judge = Judge(("deployer", "patch", NAMESPACE, ""))
    asking = reviews(judge)

    answers = [await asking.answer(one, ACCOUNT) for one in (SCALE, AccessReview(*SCALE_ALL, "cart"), SCALE)]

    assert answers == [ALLOWED] * 3
    assert judge.asked == [("deployer", "patch", NAMESPACE, "")]


@pytest.mark.parametrize("error", [errors.UnavailableError("503"), errors.NotLeadingError("the lease had lapsed")])
async def test_failed_review_is_repeated(error: errors.OperatorError) -> None:
    judge = Judge(("deployer", "patch", NAMESPACE, ""))
    asking = reviews(judge)
    judge.error = error
    with pytest.raises(type(error)):
        await asking.answer(SCALE, ACCOUNT)

    judge.error = None

    assert await asking.answer(SCALE, ACCOUNT) == ALLOWED


async def test_role_for_a_single_object_is_found() -> None:
    judge = Judge(("deployer", "patch", NAMESPACE, "web"))

    assert await reviews(judge).answer(SCALE, ACCOUNT) == ALLOWED
    assert await reviews(judge).answer(AccessReview(*SCALE_ALL), ACCOUNT) == ReviewResult(
        allowed=False, user=ACCOUNT.user
    )


async def test_own_rights_are_reviewed_cluster_wide_first() -> None:
    judge = Judge(("", "patch", "", ""))
    asking = reviews(judge)

    assert await asking.answer(SCALE, None) == ALLOWED
    assert await asking.answer(AccessReview("patch", "apps", "deployments/scale", "another"), None) == ALLOWED
    assert judge.asked == [("", "patch", "", "")]


async def test_missing_right_names_the_user_known_to_the_api_server() -> None:
    judge = Judge()
    asking = reviews(judge)

    assert await asking.answer(SCALE, None) == ReviewResult(allowed=False, user="system:serviceaccount:ops:operator")
    assert judge.asked == [("", "patch", "", ""), ("", "patch", NAMESPACE, ""), ("", "patch", NAMESPACE, "web")]
    judge.tells_who = False
    assert await reviews(judge).answer(SCALE, None) == ReviewResult(allowed=False, user=SOMEBODY)
    assert await asking.answer(SCALE, None) == ReviewResult(allowed=False, user="system:serviceaccount:ops:operator")


async def test_denied_right_is_reviewed_again_sooner_than_an_allowed_one() -> None:
    judge = Judge()
    asking = reviews(judge)
    await asking.answer(AccessReview(*SCALE_ALL), ACCOUNT)
    judge.time = DENIED_SECONDS - 1
    await asking.answer(AccessReview(*SCALE_ALL), ACCOUNT)
    assert len(judge.asked) == 1

    judge.allowed.add(("deployer", "patch", NAMESPACE, ""))
    judge.time = DENIED_SECONDS
    assert await asking.answer(AccessReview(*SCALE_ALL), ACCOUNT) == ALLOWED
    judge.time += ALLOWED_SECONDS - 1
    await asking.answer(AccessReview(*SCALE_ALL), ACCOUNT)
    assert len(judge.asked) == 2

    judge.time += 1
    await asking.answer(AccessReview(*SCALE_ALL), ACCOUNT)
    assert len(judge.asked) == 3
    assert len(asking._reviews) == 1


async def test_concurrent_questions_share_one_review() -> None:
    judge = Judge(("deployer", "patch", NAMESPACE, ""))
    asking = reviews(judge)

    await asyncio.gather(*(asking.answer(SCALE, ACCOUNT) for _ in range(20)))

    assert len(judge.asked) == 1


async def test_unserved_resource_needs_no_right() -> None:
    judge = Judge()

    assert await reviews(judge).answer(KEDA, ACCOUNT) == ALLOWED
    assert judge.asked == []


async def test_newly_served_resource_is_reviewed() -> None:
    judge = Judge(served=("keda.sh", "keda.sh/v1alpha1"))
    asking = reviews(judge)

    assert await asking.answer(KEDA, ACCOUNT) == ReviewResult(allowed=False, user=ACCOUNT.user)
    assert await asking.answer(AccessReview("get", "keda.sh", "triggers", NAMESPACE), ACCOUNT) == ALLOWED


async def test_missing_impersonation_right_is_denied_with_the_message() -> None:
    judge = Judge()
    judge.error = errors.ForbiddenError("403 cannot impersonate")

    found = await reviews(judge).answer(SCALE, ACCOUNT)

    assert isinstance(found, Denied)
    assert found.message.startswith("403 cannot impersonate. ")


async def test_failing_api_server_is_asked_again() -> None:
    judge = Judge(("deployer", "patch", NAMESPACE, ""))
    asking = reviews(judge)
    judge.error = errors.UnavailableError("503")
    with pytest.raises(errors.UnavailableError):
        await asking.answer(SCALE, ACCOUNT)
    judge.error = None

    assert await asking.answer(SCALE, ACCOUNT) == ALLOWED


async def test_unserved_group_is_not_requested() -> None:
    asked: list[str] = []

    class Listing(Judge):
        def _serves(self, path: str) -> Body:
            asked.append(path)
            return {"groups": []} if path == "/apis" else super()._serves(path)

    paths = Paths(Listing(), monotonic=lambda: 0.0)
    await paths.refresh()

    assert not await paths.serves("keda.sh", "scaledobjects")
    assert await paths.serves("apps", "deployments")
    assert asked == ["/apis"]


def test_reads_of_one_account_are_not_shared_with_another() -> None:
    certain = ReadVersions()
    certain.note_read(observed(3), ACCOUNT)
    certain.note_read(absent(WEB), None)

    assert certain.version(WEB, ACCOUNT) == observed(3).resource_version
    assert certain.version(WEB) is None
    certain.forget(WEB)
    assert certain.version(WEB, ACCOUNT) is None


def test_object_listed_after_leading_began_counts_as_read() -> None:
    certain = ReadVersions()
    listed = certain.listing()

    listed(WEB, "7")
    assert certain.version(WEB) == "7"
    assert certain.version(WEB, ACCOUNT) is None


def test_older_list_does_not_replace_a_newer_read() -> None:
    certain = ReadVersions()
    certain.note(WEB, "9")

    certain.listing()(WEB, "7")

    assert certain.version(WEB) == "9"


def test_list_begun_before_leading_does_not_count_as_read() -> None:
    certain = ReadVersions()
    listed = certain.listing()

    certain.clear(lambda _: True)
    listed(WEB, "7")

    assert certain.version(WEB) is None
