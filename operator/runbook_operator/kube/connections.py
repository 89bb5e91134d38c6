"""The connections to the API server: separate pools for work, for the lease, and for watches.

So no burst of work delays a renewal of the lease, and watches, each of which occupies a connection, use only their own.
"""

from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from runbook_operator.kube.client import Kube, connect
from runbook_operator.settings import Settings

AT_MOST = 32
"""Connections for work: 100 switches thrown together take no longer by 32 than by 100, which need more handshakes."""
TLS_BUFFER = 32 * 1024
"""Bytes of asyncio's read buffer per connection: two TLS records, instead of sixteen in its default of 256 KiB."""


@dataclass(frozen=True)
class Connections:
    """A client for each purpose."""

    work: Kube
    lease: Kube
    watches: Kube


@asynccontextmanager
async def connections(settings: Settings) -> AsyncIterator[Connections]:
    """Open the clients for the duration of the context, for the process's cluster or kubeconfig."""
    SSLProtocol.max_size = TLS_BUFFER
    is_scoped = bool(settings.namespaces)
    made = Connections(
        await connect(settings.request_timeout, AT_MOST, is_scoped=is_scoped),
        await connect(settings.renew_deadline_seconds, is_scoped=is_scoped),
        await connect(settings.request_timeout, is_scoped=is_scoped),
    )
    try:
        yield made
    finally:
        for kube in (made.work, made.lease, made.watches):
            await kube.close()
