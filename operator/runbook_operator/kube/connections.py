"""The connections to the API server: those of what is done, of the lease, and of the watches are apart.

No burst delays a renewal of the lease, and each watch keeps one for as long as it lasts.
"""

from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from runbook_operator.kube.client import Kube, connect
from runbook_operator.settings import Settings

AT_MOST = 32
"""For what is done: a hundred that are thrown together take no longer by 32 than by 100, each with its handshake."""
TLS_BUFFER = 32 * 1024
"""What asyncio reads at once, and keeps for each connection: two records of TLS, where its own 256 KiB are sixteen."""


@dataclass(frozen=True)
class Connections:
    """A client for each."""

    work: Kube
    lease: Kube
    watches: Kube


@asynccontextmanager
async def connections(settings: Settings) -> AsyncIterator[Connections]:
    """Open for as long as the context; the API server is the one of the process's cluster or kubeconfig."""
    SSLProtocol.max_size = TLS_BUFFER
    made = Connections(
        await connect(settings.request_timeout, AT_MOST),
        await connect(settings.renew_deadline_seconds),
        await connect(settings.request_timeout),
    )
    for kube in (made.work, made.lease, made.watches):
        kube.is_scoped = bool(settings.namespaces)
    try:
        yield made
    finally:
        for kube in (made.work, made.lease, made.watches):
            await kube.close()
