"""A receiver of messages that speaks each provider's wire format, checks its limits, and misbehaves on request.

Left out: accounts, storage and delivery.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests import providers

Mood = Literal["accept", "refuse", "stall", "throttle", "break", "redirect", "cut"]
CHECKS: dict[str, Callable[[bytes], Any]] = {
    "slack": providers.slack,
    "msteams": providers.msteams,
    "discord": providers.discord,
    "mattermost": providers.mattermost,
    "pagerduty": providers.pagerduty,
    "alertmanager": providers.alertmanager,
    "webhook": len,
    "heartbeat": len,
}
ACCEPTED = {"slack": (200, "ok"), "msteams": (202, ""), "discord": (204, ""), "mattermost": (200, "ok")}
ACCEPTED |= {"pagerduty": (202, '{"status":"success"}'), "alertmanager": (200, "")}
STATUSES: dict[str, tuple[int, dict[str, str]]] = {
    "refuse": (404, {}),
    "throttle": (429, {"Retry-After": "7"}),
    "break": (503, {}),
    "redirect": (302, {"Location": "https://elsewhere.example.com/"}),
}


@dataclass
class Sink:
    """`moods` are taken one for each request, and the last one again and again."""

    kind: str
    moods: list[Mood] = field(default_factory=lambda: ["accept"])
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        mood = self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.arrived.set()
        if mood == "stall":
            await asyncio.Event().wait()
        if mood in STATUSES:
            status, headers = STATUSES[mood]
            return web.Response(status=status, headers=headers, text="a secret of the provider")
        CHECKS[self.kind](body)
        if mood == "cut" and request.transport:
            request.transport.abort()
        status, text = ACCEPTED.get(self.kind, (200, ""))
        return web.Response(status=status, text=text)


@asynccontextmanager
async def sink(kind: str, *moods: Mood, tls: ssl.SSLContext | None = None) -> AsyncIterator[Sink]:
    """Serve on the loopback; with a context by TLS."""
    made = Sink(kind, list(moods) or ["accept"])
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()
