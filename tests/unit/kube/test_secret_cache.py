"""Keys of Secrets: read seldom, told by nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from runbook_operator.core.accounts import Account
from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.monitors import SecretKeyRef
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.secret_cache import DOUBTED_SECONDS, SECONDS, Secrets
from tests.fakes.watched_cluster import NAMESPACE, Body, Clock, Cluster, cluster, forbids, refused, secret

ACCOUNT, OTHER = Account(NAMESPACE, "deployer"), Account(NAMESPACE, "another")
TOKEN = SecretKeyRef(Ref("v1", "Secret", NAMESPACE, "token"), "token")
PATH = f"/api/v1/namespaces/{NAMESPACE}/secrets/token"


@asynccontextmanager
async def reading(*bodies: Body) -> AsyncIterator[tuple[Cluster, Secrets, Clock]]:
    async with cluster(*bodies) as (there, kube):
        clock = Clock()
        yield there, Secrets(kube, clock), clock


async def why(secrets: Secrets, kept: SecretKeyRef = TOKEN) -> tuple[str, str]:
    with pytest.raises(CheckNotPerformedError) as raised:
        await secrets.value(kept)
    return raised.value.reason, str(raised.value)


async def test_secret_value_is_read_once_a_minute() -> None:
    async with reading(secret(token=b"s3cret")) as (there, secrets, clock):
        for _ in range(100):
            assert await secrets.value(TOKEN) == b"s3cret"
        assert there.asked == [("GET", PATH)]

        there.put(secret(token=b"an0ther"))
        clock.time += SECONDS - 1
        assert await secrets.value(TOKEN) == b"s3cret"
        clock.time += 1
        assert await secrets.value(TOKEN) == b"an0ther"


async def test_concurrent_uses_share_one_secret_read() -> None:
    async with reading(secret(token=b"s3cret")) as (there, secrets, _):
        found = await asyncio.gather(*(secrets.value(TOKEN) for _ in range(50)))

        assert set(found) == {b"s3cret"}
        assert there.count("GET") == 1


async def test_cancelled_waiter_does_not_cancel_the_shared_read() -> None:
    async with reading(secret(token=b"s3cret")) as (_, secrets, _clock):
        first = asyncio.create_task(secrets.value(TOKEN))
        second = asyncio.create_task(secrets.value(TOKEN))
        await asyncio.sleep(0)
        first.cancel()

        assert await second == b"s3cret"


async def test_doubted_secret_value_is_read_again_with_a_minimum_interval() -> None:
    async with reading(secret(token=b"s3cret")) as (there, secrets, clock):
        await secrets.value(TOKEN)
        there.put(secret(token=b"an0ther"))

        secrets.distrust(TOKEN)

        assert await secrets.value(TOKEN) == b"s3cret"
        clock.time += DOUBTED_SECONDS
        assert await secrets.value(TOKEN) == b"an0ther"
        assert there.count("GET") == 2
        secrets.distrust(SecretKeyRef(TOKEN.secret, "never read"))


@pytest.mark.parametrize(
    ("bodies", "reason", "message"),
    [
        ([], "SecretNotFound", "Secret/token does not exist in namespace shop"),
        ([secret(other=b"x")], "SecretKeyNotFound", "Secret/token has no key token"),
        ([secret() | {"data": None}], "SecretKeyNotFound", "Secret/token has no key token"),
    ],
)
async def test_missing_secret_is_reported_and_found_soon_after_creation(
    bodies: list[Body], reason: str, message: str
) -> None:
    async with reading(*bodies) as (there, secrets, clock):
        assert await why(secrets) == (reason, message)
        there.put(secret(token=b"s3cret"))
        assert await why(secrets) == (reason, message)
        assert there.count("GET") == 1

        clock.time += DOUBTED_SECONDS

        assert await secrets.value(TOKEN) == b"s3cret"


async def test_missing_right_is_named_with_its_role() -> None:
    async with reading(secret(token=b"s3cret")) as (there, secrets, _):
        there.fault = forbids("secrets")

        reason, message = await why(secrets)

    assert reason == "MissingRights"
    assert 'cannot list resource "secrets"' in message
    assert message.endswith("The ClusterRole runbook-operator-sensing-secrets has it.")


async def test_failing_api_server_is_reported_as_unavailable() -> None:
    async with reading() as (there, secrets, _):
        there.fault = lambda _verb, _path: refused(500, "etcd is down")

        reason, message = await why(secrets)

    assert reason == "Unavailable"
    assert message.endswith("500 etcd is down")


async def test_concurrent_secret_reads_are_limited() -> None:
    under_way, most = 0, 0

    class Slow:
        def as_(self, _: object) -> "Slow":
            return self

        async def get(self, path: str) -> Body:
            nonlocal under_way, most
            del path
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return secret(token=b"s3cret")

    secrets = Secrets(Slow())  # type: ignore[arg-type] # all that is used of a Kube
    many = [SecretKeyRef(Ref("v1", "Secret", f"team-{number}", "token"), "token") for number in range(100)]

    await asyncio.gather(*map(secrets.value, many))

    assert most == 8


async def test_unused_secret_value_is_forgotten() -> None:
    async with reading(secret(token=b"s3cret", other=b"0ther", third=b"th1rd")) as (_, secrets, clock):
        await secrets.value(TOKEN)
        clock.time += SECONDS / 2
        await secrets.value(SecretKeyRef(TOKEN.secret, "other"))
        clock.time += SECONDS / 2
        await secrets.value(TOKEN)
        clock.time += SECONDS / 2
        await secrets.value(SecretKeyRef(TOKEN.secret, "third"))

        assert [one.key for one in secrets._reads] == ["token", "third"]


async def test_secret_value_appears_in_no_text_or_log() -> None:
    with capture_logs() as logs:
        async with reading(secret(token=b"s3cret")) as (_, secrets, _clock):
            await secrets.value(TOKEN)
            shown = f"{secrets!r} {secrets._reads!r} {list(secrets._reads._loads.values())!r} {TOKEN!r}"

    assert "s3cret" not in shown
    assert "s3cret" not in str(logs)


async def test_secret_read_as_one_account_is_not_shared_with_another() -> None:
    read: list[str] = []

    class Naming(Kube):
        def __init__(self) -> None:
            """Nothing is connected."""

        async def request(self, method: str, path: str, **rest: object) -> Body:
            del method, path, rest
            read.append(self.account.name if self.account else "")
            if self.account == OTHER:
                raise errors.ForbiddenError("403")
            return secret(token=b"s3cret")

    secrets = Secrets(Naming(), requires_account=True)
    theirs, others = (replace(TOKEN, account=account) for account in (ACCOUNT, OTHER))

    assert await secrets.value(theirs) == b"s3cret"
    reason, message = await why(secrets, others)
    assert (reason, "ClusterRole" in message) == ("MissingRights", False)
    assert (await why(secrets))[0] == "ServiceAccountRequired"
    assert read == ["deployer", "another"]
