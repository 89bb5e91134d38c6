"""Sources that speak Prometheus's API on loopback, for the tests of its client.

`Source` is a real HTTP server that knows the marks of combined queries and answers each query as a test says. Left out:
PromQL, which the e2e tests have from a real Prometheus.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from runbook_operator.core.promql_batching import MARK
from runbook_operator.core.samples import Answer, Matrix, QueryError, Sample
from runbook_operator.monitoring.backends.prometheus import Prometheus

AT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
WRAPPED = re.compile(rf'label_replace\((vector)?\((.*?)\n\), "{MARK}", "(\d+)", "", ""\)')
SCALAR = {"time()"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Source:
    """See above. `faults` are the queries that a request fails for, with what it is answered then."""

    faults: dict[str, Callable[[], Awaitable[web.Response]]] = field(default_factory=dict)
    asked: list[Mapping[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def queries(self) -> list[str]:
        return [form["query"] for form in self.asked]

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        self.headers.append(request.headers)
        query = form["query"]
        for fault, respond in self.faults.items():
            if fault in query:
                return await respond()
        parts = WRAPPED.findall(query)
        if any((inner in SCALAR) != bool(vector) for vector, inner, _ in parts):
            return refused()
        if query in SCALAR:
            return answer("scalar", [AT.timestamp(), "1"])
        return answer("vector", [series(inner, mark) for _, inner, mark in parts] or [series(query)])


def series(query: str, mark: str = "") -> dict[str, Any]:
    labels = ({} if query in SCALAR else {"query": query}) | ({MARK: mark} if mark else {})
    return {"metric": labels, "value": [AT.timestamp(), "1" if query in SCALAR else str(len(query))]}


def answer(kind: str, result: Any, **headers: str) -> web.Response:
    return web.json_response({"status": "success", "data": {"resultType": kind, "result": result}}, headers=headers)


def failure(status: int, error_type: str, error: str) -> web.Response:
    body = {"status": "error", "errorType": error_type, "error": error}
    return web.json_response(body, status=status)


def refused() -> web.Response:
    return failure(400, "bad_data", "1:2: parse error: expected something else")


async def refuse() -> web.Response:
    return refused()


@asynccontextmanager
async def serving(handle: Handler, **options: Any) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, keepalive_timeout=options.pop("keepalive", 75))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, **options).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[Prometheus]:
    made = Prometheus(url, **options)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def both(source: Source, **options: Any) -> AsyncIterator[Prometheus]:
    async with serving(source.handle) as url, client(url, **options) as made:
        yield made


async def ask(handle: Handler, query: str = "up", **options: Any) -> Answer:
    async with serving(handle) as url, client(url, **options) as made:
        return (await made.instant([query], AT))[query]


def own(query: str) -> Answer:
    """What the Source answers to a query when nothing goes wrong."""
    return (Sample({} if query in SCALAR else {"query": query}, 1.0 if query in SCALAR else float(len(query)), AT),)


def right(answers: Mapping[str, Answer], but: Collection[str] = ()) -> bool:
    return all(found == own(query) for query, found in answers.items() if query not in but)


def names(count: int) -> list[str]:
    return [f"metric_{number}" for number in range(count)]


def error(found: Answer | Matrix) -> QueryError:
    assert isinstance(found, QueryError)
    return found


@asynccontextmanager
async def talking(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A TCP server that talks to each connection as it is told."""
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
