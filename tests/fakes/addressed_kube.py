"""A ListKube that serves addresses, and one without the operator's CRDs. Left out: what ListKube leaves out."""

import asyncio
from typing import Any

from runbook_operator.kube import errors
from tests.builders import Body
from tests.fakes.list_kube import ListKube


class Addressed(ListKube):
    """An API server that is at an address, and does not say which others it has."""

    host = "192.0.2.1"

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        if "/namespaces/default/" in path:
            raise errors.ForbiddenError(f"{method} {path}: 403")
        return await super().request(method, path, **rest)


class Uninstalled(Addressed):
    """An API server without the CRDs, which says when it was asked for what they define."""

    def __init__(self) -> None:
        super().__init__()
        self._missing = asyncio.Event()

    async def missed(self) -> None:
        await self._missing.wait()

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        if path.startswith("/apis/runbooks.dev/"):
            self._missing.set()
            raise errors.NotFoundError(f"{method} {path}: 404")
        return await super().request(method, path, **rest)
