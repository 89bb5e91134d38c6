"""The connections to the API server: how many, how large, and for whom."""

from asyncio.sslproto import SSLProtocol

import pytest

from runbook_operator.kube import connections as module
from runbook_operator.kube.connections import connections
from runbook_operator.settings import Settings


class _Client:
    """Asks nobody."""

    def __init__(self, seconds: float, most: int | None, *, is_scoped: bool) -> None:
        self.seconds, self.most, self.closed, self.is_scoped = seconds, most, False, is_scoped

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[_Client]:
    """The clients in the order in which they are made; asyncio's buffer is as it was for whoever comes after."""
    found: list[_Client] = []

    async def connect(seconds: float, most: int | None = None, *, is_scoped: bool) -> _Client:
        found.append(_Client(seconds, most, is_scoped=is_scoped))
        return found[-1]

    monkeypatch.setattr(SSLProtocol, "max_size", 256 * 1024)
    monkeypatch.setattr(module, "connect", connect)
    return found


async def test_writes_use_32_connections_apart_from_lease_and_watches(made: list[_Client]) -> None:
    async with connections(Settings(request_timeout=5.0, renew_deadline_seconds=3.0)):
        assert [(one.seconds, one.most) for one in made] == [(5.0, 32), (3.0, None), (5.0, None)]


@pytest.mark.parametrize("namespaces", [(), ("shop",)])
async def test_connections_know_the_served_namespaces(made: list[_Client], namespaces: tuple[str, ...]) -> None:
    async with connections(Settings(namespaces=namespaces)):
        assert [one.is_scoped for one in made] == [bool(namespaces)] * 3


async def test_all_connections_are_closed_at_exit(made: list[_Client]) -> None:
    async with connections(Settings()):
        assert not any(one.closed for one in made)

    assert all(one.closed for one in made)


async def test_connection_reads_into_32_kib() -> None:
    async with connections(Settings()):
        assert SSLProtocol.max_size == 32 * 1024
