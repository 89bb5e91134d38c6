"""Serve /metrics, /healthz and /readyz. Each request computes its response; nothing is cached."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from runbook_operator.kube import errors

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True)
class Answers:
    """Callbacks for the responses: `metrics` takes the Accept header; the others return a sentence per problem.

    /readyz shows `warnings` next to `ok`: the replica works, except for what they name.
    """

    metrics: Callable[[str], tuple[bytes, str]]
    unhealthy: Callable[[], list[str]]
    unready: Callable[[], list[str]]
    warnings: Callable[[], list[str]]


async def serve(host: str, port: int, answers: Answers) -> tuple[web.AppRunner, int]:
    """Start serving; return the runner to clean up and the bound port. Raises CannotListenError."""
    app = web.Application()
    app.router.add_get("/metrics", _metrics(answers.metrics))
    app.router.add_get("/healthz", _verdict(answers.unhealthy, list))
    app.router.add_get("/readyz", _verdict(answers.unready, answers.warnings))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    traffic_target = web.TCPSite(runner, host, port)
    try:
        await traffic_target.start()
    except OSError as error:
        await runner.cleanup()
        text = f"cannot listen on {host}:{port} for /metrics and /healthz: {os.strerror(error.errno or 0)}"
        raise errors.CannotListenError(
            f"{text}. Set RUNBOOK_HTTP_HOST and RUNBOOK_HTTP_PORT; port 0 takes any"
        ) from error
    return runner, runner.addresses[0][1]


def _metrics(render: Callable[[str], tuple[bytes, str]]) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        body, content_type = render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return answer


def _verdict(problems: Callable[[], list[str]], warnings: Callable[[], list[str]]) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        found = problems()
        return web.Response(text="\n".join(found or ["ok", *warnings()]), status=503 if found else 200)

    return answer
