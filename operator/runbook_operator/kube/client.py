"""A thin client for the API server: dict bodies, an explicit time-out per call, and the operator's own errors.

kubernetes.aio's ApiClient carries credentials and connections; its typed models are not used, since the first of
them blocks the loop for a quarter of a second and costs 14 MiB.
"""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import client, config

from runbook_operator.core.accounts import Account
from runbook_operator.core.rbac_advice import advice, refused_impersonator
from runbook_operator.core.references import MANAGER, USER_AGENT
from runbook_operator.kube import error_mapping, errors

Body = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
PAGE = 500
DRY = {"dryRun": "All"}
"""The query of a dry run: the API server checks the write as any other, and stores nothing."""
UNAUTHORIZED = 401
WATCH_GRACE = 2
"""A watch is dead if the server has not ended it this many seconds after its time-out."""
Load = Callable[[], Awaitable[client.ApiClient]]
MayWrite = Callable[[str], bool]


def _yes(path: str) -> bool:
    del path
    return True


@dataclass
class _Clients:
    """The current client, and the one before it, whose requests may still run."""

    current: client.ApiClient
    load: Load
    retired: client.ApiClient | None = None
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def renew(self, failed: client.ApiClient) -> None:
        """Read the credentials again, unless another request has done so."""
        async with self.renewing:
            if self.current is not failed:
                return
            fresh = await self.load()
            if self.retired is not None:
                await self.retired.close()
            self.retired, self.current = failed, fresh


class Kube:
    """Requests to one API server in the name of `account`, None for the operator; it raises only OperatorErrors.

    Each write calls `may_write` with its path first, so that a replica without the lease, or without that shard, writes
    nothing there.
    """

    account: Account | None = None
    may_write: MayWrite = staticmethod(_yes)
    is_scoped = False
    """True if the operator serves some namespaces only, so that Roles of these grant its rights."""

    def __init__(self, api: client.ApiClient, seconds: float, load: Load, *, is_scoped: bool = False) -> None:
        """`load` makes a client with the current credentials; it is called when the old ones are rejected."""
        self._clients = _Clients(api, load)
        self._timeout = seconds
        self.is_scoped = is_scoped

    @property
    def host(self) -> str:
        """The name or the address of the API server that the client uses."""
        return urlsplit(self._clients.current.configuration.host).hostname or ""

    def as_(self, account: Account | None) -> Self:
        """Return a client with the same connections that makes requests in the name of the account."""
        if account == self.account:
            return self
        other = copy.copy(self)
        other.account = account
        return other

    def guarded(self, may_write: MayWrite) -> Self:
        """Return a client with the same connections that writes only where `may_write` allows it."""
        other = copy.copy(self)
        other.may_write = may_write
        return other

    async def get(self, path: str, **query: str) -> Body:
        return await self.request("GET", path, query=query)

    async def create(self, path: str, body: Body, *, dry_run: bool = False) -> Body:
        try:
            return await self.request("POST", path, body=body, query=_written(dry_run=dry_run))
        except errors.ConflictError as error:
            raise error_mapping.taken(error) from error

    async def merge(self, path: str, body: Body, *, dry_run: bool = False) -> Body:
        """Send a JSON merge patch; a resourceVersion in the body's metadata is its precondition."""
        return await self.request("PATCH", path, body=body, query=_written(dry_run=dry_run))

    async def patch(self, path: str, operations: list[Body]) -> Body:
        """Send a JSON patch; its `test` operations are preconditions: RefusedError means that one failed."""
        query = {"fieldManager": MANAGER}
        return await self.request("PATCH", path, body=operations, query=query)

    async def replace(self, path: str, body: Body) -> Body:
        return await self.request("PUT", path, body=body, query={"fieldManager": MANAGER})

    async def delete(self, path: str, uid: str, version: str = "", *, dry_run: bool = False) -> Body:
        """Delete the object of that uid, and of that resourceVersion if given.

        Return the object if finalizers still keep it, else a Status.
        """
        expected = {"uid": uid} | ({"resourceVersion": version} if version else {})
        return await self.request("DELETE", path, body={"preconditions": expected}, query=DRY if dry_run else {})

    async def items(
        self, path: str, labels: str = "", *, fields: str = "", cached: bool = False
    ) -> AsyncIterator[Body]:
        """Yield every object of a list, page by page, with its apiVersion and kind, which a list leaves out.

        A `cached` list may be as old as a watch is now. A consistent one may wait a tenth of a second until the API
        server's own watch has caught up.
        """
        async for page in self._pages(path, labels, fields, cached=cached):
            for item in _items(page):
                yield item

    async def pages(self, path: str) -> AsyncIterator[tuple[list[Body], str]]:
        """Yield the pages of a list as `items` has them, each with the resourceVersion from which to watch."""
        async for page in self._pages(path):
            yield _items(page), page["metadata"]["resourceVersion"]

    async def watch(self, path: str, version: str, seconds: int) -> AsyncIterator[tuple[str, Body]]:
        """Yield the type and object of each event after `version`, also BOOKMARKs, until the server ends the watch.

        It does so within `seconds`. Raises NotFoundError if the version is too old, UnavailableError if the connection
        breaks.
        """
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        query["allowWatchBookmarks"] = "true"
        try:
            # A caller that stops early releases the connection at once.
            with closing(await self._open("GET", path, None, query, seconds + WATCH_GRACE)) as response:
                if response.status >= 400:  # noqa: PLR2004 # HTTP's own boundary
                    raise self._error(response.status, {}, await response.read(), f"watch {path}")
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise errors.NotFoundError(f"watch {path}: {event['object'].get('message', '')}")
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise errors.UnavailableError(f"watch {path}: {str(error) or type(error).__name__}") from error

    async def _pages(
        self, path: str, labels: str = "", fields: str = "", *, cached: bool = False
    ) -> AsyncIterator[Body]:
        query: dict[str, str] = {"resourceVersion": "0"} if cached else {"limit": str(PAGE)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            page = await self.get(path, **query)
            yield page
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Body | list[Body] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Body:
        if method != "GET" and not self.may_write(path):
            raise errors.NotLeadingError(f"{method} {path}: this replica does not lead there")
        used = self._clients.current
        try:
            status, headers, text = await self._send(method, path, body, query or {})
            if status == UNAUTHORIZED:
                await self._clients.renew(used)
                status, headers, text = await self._send(method, path, body, query or {})
        except (aiohttp.ClientError, TimeoutError, OSError, config.ConfigException) as error:
            raise errors.UnavailableError(f"{method} {path}: {str(error) or type(error).__name__}") from error
        if status >= 400:  # noqa: PLR2004 # HTTP's own boundary
            raise self._error(status, headers, text, f"{method} {path}")
        answer: Body = json.loads(text) if text else {}
        return answer

    async def _send(
        self, method: str, path: str, body: Body | list[Body] | None, query: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with asyncio.timeout(self._timeout):
            response = await self._open(method, path, body, query, self._timeout)
            return response.status, response.headers, await response.read()

    async def _open(
        self, method: str, path: str, body: Body | list[Body] | None, query: Mapping[str, str], seconds: float
    ) -> aiohttp.ClientResponse:
        """Return the response, which must begin within `seconds`; its body is still to be read."""
        patch = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
        content = patch if method == "PATCH" else "application/json"
        api = self._clients.current
        request = await api.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content} | _in_the_name_of(self.account),
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = await api.call_api(*request, _request_timeout=seconds)
        response: aiohttp.ClientResponse = answer.response
        return response

    def _error(self, status: int, headers: Mapping[str, str], text: bytes, what: str) -> errors.ApiError:
        error = error_mapping.error(status, headers, text, what)
        if isinstance(error, errors.ForbiddenError):
            way = advice(str(error), self.account.namespace if self.account else "", scoped=self.is_scoped)
            if self.account and (sentence := refused_impersonator(str(error), self.account)):
                error = errors.ForbiddenError(sentence, retry_after=error.retry_after)
            error.user_action = way
        return error

    async def close(self) -> None:
        for api in (self._clients.current, self._clients.retired):
            if api is not None:
                await api.close()


async def connect(seconds: float, connections: int | None = None, *, is_scoped: bool = False) -> Kube:
    """Return a client for the cluster that the process runs in, or else for the current kubeconfig context.

    `connections` is the maximum, None for the library's 100; a request waits for a free one within its time-out.
    """
    load = partial(_load, connections)
    return Kube(await load(), seconds, load, is_scoped=is_scoped)


async def credentials() -> client.Configuration:
    """Read the API server's address, the proxy to it, and the credentials again."""
    found = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=found)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=found)
    return _routed(found)


async def _load(connections: int | None) -> client.ApiClient:
    found = await credentials()
    found.connection_pool_maxsize = connections or found.connection_pool_maxsize
    return _client(found)


def _client(found: client.Configuration) -> client.ApiClient:
    api = client.ApiClient(configuration=found)
    api.user_agent = USER_AGENT
    return api


def _routed(found: client.Configuration) -> client.Configuration:
    """Set the proxy from the environment once; the library would read it in a thread for each request."""
    found.client_session_kwargs = {"trust_env": False}
    found.proxy = found.proxy or _proxy_to(found.host)
    return found


def _proxy_to(server: str) -> str | None:
    to = urlsplit(server)
    return None if proxy_bypass(to.hostname or "") else getproxies().get(to.scheme)


def _written(*, dry_run: bool) -> Mapping[str, str]:
    """Return the query of a write: the field manager, and dryRun if wanted."""
    return {"fieldManager": MANAGER} | (DRY if dry_run else {})


def _in_the_name_of(account: Account | None) -> dict[str, str]:
    """Return the impersonation header. The API server adds a service account's groups, so none need a right."""
    return {"Impersonate-User": account.user} if account else {}


def _items(page: Body) -> list[Body]:
    names = {"apiVersion": page["apiVersion"], "kind": page["kind"].removesuffix("List")}
    return [names | item for item in page.get("items") or ()]
