"""A proxy between an operator and the real API server that does what a real one cannot be told to do.

It counts the writes that were accepted and can end the operator after any of them; it drops, delays and holds watch
events; it answers lists from an earlier time; it answers with any status, closes, refuses or stalls connections.
Left out: TLS between operator and proxy, HTTP/2, and everything that the API server itself would do wrong.
"""

import asyncio
import atexit
import base64
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.e2e import account
from tests.e2e.harness import POLL, Body, Operator

HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "keep-alive", "accept-encoding"})


@dataclass(frozen=True)
class Call:
    """One request of the operator."""

    method: str
    path: str
    query: Mapping[str, str]
    token: str = ""

    @property
    def is_watch(self) -> bool:
        return "watch" in self.query

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and not self.is_watch and self.path.endswith("s")

    @property
    def is_write(self) -> bool:
        """Whether it changes something: no review or dry run does. The lease is the elector's own, not counted."""
        if "dryRun" in self.query:
            return False
        return self.method != "GET" and not any(one in self.path for one in ("/leases", "/selfsubject"))


@dataclass(frozen=True)
class Answer:
    """What the proxy says instead of the API server."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=dict)


Match = Callable[[Call], bool]
Event = dict[str, Any]


@dataclass
class Faults:
    """What goes wrong now; tests set and clear these while requests run."""

    answers: list[tuple[Match, Answer]] = field(default_factory=list)
    drop: Callable[[Call, Event], bool] = lambda _call, _event: False
    delay: Callable[[Call, Event], float] = lambda _call, _event: 0.0
    stalled: Match = lambda _call: False
    lists: dict[str, bytes] | None = None
    """Lists as they were at an earlier time, by path; None for as they are."""


class Proxy:
    """Listens on loopback in a thread of its own; `kubeconfig` points an operator to it."""

    def __init__(self, folder: Path) -> None:
        config: Body = json.loads(account.KUBECONFIG.read_text())
        folder.mkdir(parents=True, exist_ok=True)
        cluster = config["clusters"][0]["cluster"]
        self._server = cluster["server"]
        self._tls = ssl.create_default_context(cadata=_certificate(cluster))
        self._config, self._folder = config, folder
        self.faults = Faults()
        self.writes: list[str] = []
        self.calls: list[Call] = []
        self.crash_after = 0
        self.tokens: dict[str, str] | None = None
        """The tokens that are accepted, and what each is to the API server; None passes every token on."""
        self.lose_answer: Match = lambda _call: False
        """The next call that matches is done, and its connection ends without an answer."""
        self.crash: Callable[[], None] = lambda: None
        self._handling: set[asyncio.Task[Any]] = set()
        self._loop = background()
        self._call(self._start())

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of the same user with the proxy as its server."""
        path = self._folder / f"proxy-{self._port}.json"
        clusters = [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self._port}"}}]
        contexts = [{"name": "proxy", "context": {"cluster": "proxy", "user": self._config["users"][0]["name"]}}]
        config = {**self._config, "clusters": clusters, "contexts": contexts, "current-context": "proxy"}
        path.write_text(json.dumps(config))
        return path

    def crash_at(self, write: int, crash: Callable[[], None]) -> None:
        """Call `crash` after the `write`-th write from now was accepted, before the operator hears of it."""
        self.crash, self.crash_after = crash, len(self.writes) + write

    def never_crash(self) -> None:
        """Forget a crash that has not come: fewer writes were made than its number."""
        self.crash_after = 0

    def close_connections(self) -> None:
        """End every request and watch that is under way, as a server that restarts does."""
        self._loop.call_soon_threadsafe(self._break)

    def stop_listening(self) -> None:
        """Refuse connections until start_listening."""
        self._call(self._site.stop())
        self.close_connections()

    def start_listening(self) -> None:
        self._call(self._listen())

    def close(self) -> None:
        self.close_connections()
        self._call(self._runner.cleanup())
        self._call(self._end())

    def snapshot(self) -> dict[str, bytes]:
        """Every list that the operator asked for so far, as it is now."""
        paths = sorted({call.path for call in self.calls if call.is_list})
        return {path: self._call(self._read(path)) for path in paths}

    def _break(self) -> None:
        server = self._runner.server
        assert server is not None
        for connection in server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._port = 0
        await self._listen()

    async def _end(self) -> None:
        for task in self._handling:
            task.cancel()
        await asyncio.gather(*self._handling, return_exceptions=True)
        await self._session.close()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await self._site.start()
        self._port = self._site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr] # it listens

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _read(self, path: str) -> bytes:
        headers = {"Authorization": f"Bearer {self._config['users'][0]['user']['token']}"}
        async with self._session.get(self._server + path, headers=headers, ssl=self._tls) as answer:
            return await answer.read()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Handlers are held on to: one whose connection broke is nobody's, and the test's thread would collect it."""
        task = asyncio.current_task()
        assert task is not None
        self._handling.add(task)
        try:
            return await self._answered(request)
        finally:
            self._handling.discard(task)

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        call = Call(request.method, request.path, request.query, token)
        self.calls.append(call)
        await self._while_stalled(call)
        if self.tokens is not None and token not in self.tokens:
            return web.json_response({"kind": "Status", "code": 401, "message": "Unauthorized"}, status=401)
        for match, answer in self.faults.answers:
            if match(call):
                return web.json_response(answer.body, status=answer.status, headers=dict(answer.headers))
        if call.is_list and self.faults.lists and call.path in self.faults.lists:
            return web.Response(body=self.faults.lists[call.path], content_type="application/json")
        return await self._forward(request, call)

    async def _forward(self, request: web.Request, call: Call) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        if self.tokens is not None:
            headers["Authorization"] = f"Bearer {self.tokens[call.token]}"
        url = self._server + request.path_qs
        body = await request.read()
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method, url, data=body or None, headers=headers, ssl=self._tls, timeout=timeout
        ) as answer:
            if call.is_watch:
                return await self._stream(request, call, answer)
            text = await answer.read()
            if call.is_write and answer.status < web.HTTPBadRequest.status_code:
                self._count(call)
            if self.lose_answer(call):
                self.lose_answer = lambda _call: False
                assert request.transport is not None
                request.transport.close()
            return web.Response(status=answer.status, body=text, headers=_kept(answer.headers))

    def _count(self, call: Call) -> None:
        self.writes.append(f"{call.method} {call.path}")
        if len(self.writes) == self.crash_after:
            self.crash()

    async def _stream(self, request: web.Request, call: Call, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the operator has ended, as it was told to
            async for line in self._lines(call, answer):
                await response.write(line)
        return response

    async def _lines(self, call: Call, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        async for line in answer.content:
            event: Event = json.loads(line)
            if self.faults.drop(call, event):
                continue
            if seconds := self.faults.delay(call, event):
                await asyncio.sleep(seconds)
            await self._while_stalled(call)
            yield line

    async def _while_stalled(self, call: Call) -> None:
        while self.faults.stalled(call):  # noqa: ASYNC110 # the test's thread changes it and has no event of this loop
            await asyncio.sleep(POLL)


def end(operators: Iterable[Operator], proxies: Iterable[Proxy]) -> None:
    """However they are, none of these is there any more."""
    for operator in operators:
        if operator.alive:
            operator.kill()
    for proxy in proxies:
        proxy.close()


@cache
def background() -> asyncio.AbstractEventLoop:
    """One loop for all proxies of this process of tests; connections that are closed end in it in their own time."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # broken connections are what proxies are for
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)
        loop.close()

    atexit.register(end)
    return loop


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP}


def _certificate(cluster: Body) -> str:
    return base64.b64decode(cluster["certificate-authority-data"]).decode()
