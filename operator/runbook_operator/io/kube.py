"""One thin client for the API server: dict bodies, an explicit timeout per call, errors of our own.

kubernetes.aio's ApiClient carries credentials and connections; its typed models are not used, since the first of
them blocks the loop for a quarter of a second and costs 14 MiB.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
from kubernetes.aio import client, config

from runbook_operator import __version__, errors

Body = dict[str, Any]
MANAGER = "runbook-operator"
USER_AGENT = f"{MANAGER}/{__version__}"
MERGE_PATCH = "application/merge-patch+json"
PAGE = 500
ERRORS: Mapping[int, type[errors.ApiError]] = {
    401: errors.ForbiddenError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.NotFoundError,
    429: errors.UnavailableError,
}


class Kube:
    """Requests to one API server; every method raises OperatorErrors and nothing else.

    `may_write` is asked before each write: a replica that lost its lease writes nothing more.
    """

    def __init__(self, api: client.ApiClient, seconds: float, may_write: Callable[[], bool] = lambda: True) -> None:
        api.user_agent = USER_AGENT
        self._api = api
        self._timeout = seconds
        self.may_write = may_write

    async def get(self, path: str, **query: str) -> Body:
        return await self.request("GET", path, query=query)

    async def create(self, path: str, body: Body) -> Body:
        try:
            return await self.request("POST", path, body=body, query={"fieldManager": MANAGER})
        except errors.ConflictError as error:
            raise errors.AlreadyExistsError(str(error)) from error

    async def merge(self, path: str, body: Body) -> Body:
        """A JSON merge patch; a resourceVersion in the body's metadata is its precondition."""
        return await self.request("PATCH", path, body=body, query={"fieldManager": MANAGER})

    async def replace(self, path: str, body: Body) -> Body:
        return await self.request("PUT", path, body=body, query={"fieldManager": MANAGER})

    async def delete(self, path: str, uid: str) -> None:
        """Delete the object only if it still is the one of that uid."""
        await self.request("DELETE", path, body={"preconditions": {"uid": uid}})

    async def items(self, path: str) -> AsyncIterator[Body]:
        """Every object of a list, page by page; apiVersion and kind are put into each, which a list leaves out."""
        query: dict[str, str] = {"limit": str(PAGE)}
        while True:
            page = await self.get(path, **query)
            names = {"apiVersion": page["apiVersion"], "kind": page["kind"].removesuffix("List")}
            for item in page.get("items") or ():
                yield names | item
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Body:
        if method != "GET" and not self.may_write():
            raise errors.NotLeadingError(f"{method} {path}: this replica does not lead")
        try:
            status, headers, text = await self._send(method, path, body, query or {})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.UnavailableError(f"{method} {path}: {str(error) or type(error).__name__}") from error
        if status >= 400:  # noqa: PLR2004 # HTTP's own boundary
            raise _error(status, headers, text, f"{method} {path}")
        answer: Body = json.loads(text) if text else {}
        return answer

    async def _send(
        self, method: str, path: str, body: Body | None, query: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        content = MERGE_PATCH if method == "PATCH" else "application/json"
        request = await self._api.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
        )
        async with asyncio.timeout(self._timeout):
            response = await self._api.call_api(*request, _request_timeout=self._timeout)
            return response.status, response.getheaders() or {}, await response.read()

    async def close(self) -> None:
        await self._api.close()


async def connect(seconds: float) -> Kube:
    """A client for the cluster that the process runs in, or else for the current kubeconfig context."""
    settings = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=settings)
    return Kube(client.ApiClient(configuration=settings), seconds)


def _error(status: int, headers: Mapping[str, str], text: bytes, what: str) -> errors.ApiError:
    default = errors.UnavailableError if status >= 500 else errors.RefusedError  # noqa: PLR2004 # as above
    after = headers.get("Retry-After", "")
    return ERRORS.get(status, default)(
        f"{what}: {status} {_message(text)}", retry_after=float(after) if after.isdigit() else None
    )


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text).get("message", ""))
    except (ValueError, AttributeError):
        return text[:200].decode(errors="replace")
