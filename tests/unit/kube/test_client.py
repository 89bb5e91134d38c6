"""Requests in the name of a service account: over the same connections, by the same credentials, with one header."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from kubernetes.aio import client

from runbook_operator.core.accounts import Account
from runbook_operator.kube import client as clients
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube, _client, _routed, connect
from runbook_operator.kube.discovery import Paths
from tests.builders import WEB
from tests.fakes.api_listener import Server

DEPLOYER = Account("shop", "deployer")


@asynccontextmanager
async def serving(*, is_scoped: bool = False) -> AsyncIterator[tuple[Server, Kube]]:
    server = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def load() -> client.ApiClient:
        settings = client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
        settings.api_key = {"BearerToken": f"Bearer {server.token}"}
        return _client(_routed(settings))

    kube = Kube(await load(), 2.0, load, is_scoped=is_scoped)
    try:
        yield server, kube
    finally:
        await kube.close()
        await runner.cleanup()


async def test_request_impersonates_only_the_given_account() -> None:
    async with serving() as (server, kube):
        await kube.as_(DEPLOYER).get("/one")
        await kube.get("/two")
        await kube.as_(DEPLOYER).as_(None).get("/three")

    user = "system:serviceaccount:shop:deployer"
    assert [(path, who) for path, who, _ in server.asked] == [("/one", user), ("/two", ""), ("/three", "")]
    assert server.groups == set()


async def test_missing_impersonation_right_names_the_fix() -> None:
    async with serving() as (server, kube):
        refused = 'User "op" cannot impersonate-on:serviceaccount:get resource "x" in API group "" at the cluster scope'
        server.refusal = refused

        with pytest.raises(errors.ForbiddenError) as raised:
            await kube.as_(DEPLOYER).get("/one")

    assert str(raised.value) == (
        "op may not act as the ServiceAccount shop/deployer: it lacks the verb impersonate on serviceaccounts in "
        "namespace shop"
    )
    assert "add shop to the chart's rights.impersonation" in raised.value.user_action
    assert "--namespace=shop" in raised.value.user_action


async def test_scoped_operator_refusal_advises_a_namespace_role() -> None:
    async with serving() as (server, kube):
        kube.is_scoped = True
        server.refusal = 'User "op" cannot list resource "runbooks" in API group "runbooks.dev" in the namespace "shop"'

        with pytest.raises(errors.ForbiddenError) as raised:
            await kube.get("/one")

    assert raised.value.user_action.startswith("Grant it: kubectl create role runbook-")
    assert "--namespace=shop --verb=list --resource=runbooks.runbooks.dev" in raised.value.user_action


async def test_renewed_credentials_apply_to_all_accounts() -> None:
    async with serving() as (server, kube):
        account = kube.as_(DEPLOYER)
        server.token = "second"

        await account.get("/one")
        await kube.get("/two")

        assert [token for _, _, token in server.asked] == ["second", "second"]
        assert kube.as_(None) is kube


async def test_standby_replica_writes_for_no_account() -> None:
    async with serving() as (server, kube):
        account = kube.guarded(lambda _path: False).as_(DEPLOYER)

        assert not account.may_write("/any")
        assert server.asked == []


async def test_discovery_uses_the_operators_own_rights_for_all_accounts() -> None:
    async with serving() as (server, kube):
        paths = Paths(kube)

        assert await paths.as_(DEPLOYER).resource(WEB) is not None
        assert not await paths.as_(DEPLOYER).serves("keda.sh", "scaledobjects")

    assert [who for _, who, _ in server.asked if who] == []


async def test_request_waits_for_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as (server, kube):

        async def never(*_: object) -> None:
            raise AssertionError("a thread is asked")

        monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", never)
        await kube.get("/apis")

    assert server.asked == [("/apis", "", "first")]


@pytest.mark.parametrize(
    ("environment", "used"),
    [
        ({}, None),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "10.0.0.1,.svc"}, None),
        ({"http_proxy": "http://proxy:3128"}, None),
    ],
)
def test_proxy_environment_variables_apply_to_the_api_server(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], used: str | None
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert _routed(client.Configuration(host="https://10.0.0.1:443")).proxy == used


def test_kubeconfig_proxy_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")

    assert (
        _routed(client.Configuration(host="https://10.0.0.1:443", proxy="http://own:3128")).proxy == "http://own:3128"
    )


@pytest.mark.parametrize(("most", "used"), [(2, 2), (None, 6)])
async def test_concurrent_requests_share_the_connection_limit(
    monkeypatch: pytest.MonkeyPatch, most: int | None, used: int
) -> None:
    async with serving() as (server, kube):
        configuration = kube._clients.current.configuration

        async def credentials() -> client.Configuration:
            return configuration

        monkeypatch.setattr(clients, "credentials", credentials)
        few = await connect(2.0, most)
        await asyncio.gather(*(few.get("/apis") for _ in range(6)))
        await few.close()

    assert len(server.ports) == used
