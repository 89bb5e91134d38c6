"""Send messages in separate workers, with a rate limit per channel and namespace, retries and fallbacks.

`submit` never waits, so no message delays a switch. Delivery is at least once, with the same id at each attempt.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import structlog

from runbook_operator.delivery.channel_config import Channel
from runbook_operator.delivery.configured_channels import Channels
from runbook_operator.delivery.orders import Order, Report, Result
from runbook_operator.delivery.transport import Transport
from runbook_operator.notifiers.notifier_base import Delivered, GiveUp, Judgement, Retry
from runbook_operator.runtime.token_bucket import Bucket

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
WORKERS = 4
PENDING = 1000
"""The most messages that wait for an attempt, the first one or a later one."""
TRIES = 6
"""Attempts through one channel before its fallback; they end within three minutes unless the receiver sets a pause."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds before the second attempt, doubled for each further one; and the longest pause, for a Retry-After too."""
DROPPED = "it was not due any more when it was to be sent"


@dataclass(frozen=True)
class _Work:
    order: Order
    channel: str
    tried: frozenset[str] = frozenset()
    tries: int = 0
    before: int = 0
    """The number of attempts through other channels before this fallback."""


class Sender:
    """Send orders. A stop of the replica loses pending ones, so the caller must keep each order until `done`."""

    def __init__(
        self,
        channels: Channels,
        transport: Transport,
        *,
        observe: Callable[[str, Result], None] = lambda _channel, _result: None,
        first_pause: float = FIRST_PAUSE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._channels = channels
        self._transport = transport
        self._observe = observe
        self._first_pause = first_pause
        self._jitter = jitter
        self._queue: asyncio.Queue[_Work] = asyncio.Queue()
        self._buckets: dict[tuple[str, str, int], Bucket] = {}
        self._over: Counter[tuple[str, str]] = Counter()
        self.pending = 0

    def submit(self, order: Order) -> bool:
        """Queue an order without waiting; return False if too many are pending."""
        if self.pending >= PENDING:
            return False
        self.pending += 1
        self._queue.put_nowait(_Work(order, order.channel))
        return True

    async def run(self, *others: Coroutine[Any, Any, None]) -> None:
        """Send forever; run `others` concurrently and end them with it."""
        async with asyncio.TaskGroup() as group:
            for one in others:
                group.create_task(one)
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._step(await self._queue.get())

    async def _step(self, work: _Work) -> None:
        """Make one attempt, and end the work or queue it again."""
        channel = self._channels.of(work.channel, work.order.namespace)
        if channel is None:
            self._end(work, "NoChannel", self._channels.why_not(work.channel, work.order.namespace))
        elif not work.order.is_due():
            self._end(work, "Dropped", DROPPED)
        elif work.order.message.kind != "notice" and not channel.takes(work.order.message.severity):
            self._end(work, "NotTaken", f"the channel does not deliver {work.order.message.severity}")
        elif not work.tries and not self._within_budget(channel, work):
            self._end(work, "Limited", f"over the limit of {channel.per_minute} messages a minute")
        else:
            tried = replace(work, tries=work.tries + 1)
            self._go_on(tried, channel, await self._transport.attempt(channel, work.order.message))

    def _go_on(self, work: _Work, channel: Channel, judgement: Judgement) -> None:
        if isinstance(judgement, Delivered):
            self._end(work, "Delivered")
        elif isinstance(judgement, Retry) and work.tries < TRIES:
            asyncio.get_running_loop().call_later(self._pause(work, judgement), self._queue.put_nowait, work)
        else:
            self._fall_back(work, channel, judgement)

    def _pause(self, work: _Work, judgement: Retry) -> float:
        """Return the seconds before the next attempt: those that the receiver sets, or a growing pause with jitter."""
        if judgement.after is not None:
            return min(judgement.after.total_seconds(), LONGEST_PAUSE)
        pause: float = min(self._first_pause * 2 ** (work.tries - 1), LONGEST_PAUSE)
        return pause * (0.5 + self._jitter() / 2)

    def _fall_back(self, work: _Work, channel: Channel, judgement: Retry | GiveUp) -> None:
        tried = work.tried | {work.channel}
        fallback = channel.spec.fallback
        log.error("message not delivered", channel=work.channel, id=work.order.message.id, why=judgement.why)
        if fallback and fallback not in tried and self._channels.of(fallback, work.order.namespace):
            self._observe(work.channel, "GivenUp")
            self._queue.put_nowait(_Work(work.order, fallback, tried, before=work.before + work.tries))
        else:
            self._end(work, "GivenUp", judgement.why)

    def _end(self, work: _Work, result: Result, why: str = "") -> None:
        self.pending -= 1
        self._observe(work.channel, result)
        log.info("message", channel=work.channel, id=work.order.message.id, result=result, why=why)
        work.order.done(Report(result, work.channel, work.before + work.tries, why))

    def _within_budget(self, channel: Channel, work: _Work) -> bool:
        """Take a token of the channel's budget for the namespace; without one, return False and plan a notice."""
        if channel.notifier.keeps_state and work.order.message.kind in ("acknowledged", "resolved"):
            return True
        namespace = work.order.namespace
        key = (channel.name, namespace, channel.per_minute)
        bucket = self._buckets.setdefault(key, Bucket(channel.per_minute / 60, channel.per_minute))
        seconds = bucket.take()
        if not seconds:
            return True
        self._over[channel.name, namespace] += 1
        if self._over[channel.name, namespace] == 1:
            asyncio.get_running_loop().call_later(seconds, self._report_dropped, channel.name, work.order)
        return False

    def _report_dropped(self, channel: str, first: Order) -> None:
        """Queue one message about all that were over the budget; it needs no token, since `tries` is not 0."""
        number = self._over.pop((channel, first.namespace))
        message = first.message.replace(
            id=f"{first.message.id[:240]}.over",
            dedup_key=f"{first.message.dedup_key[:240]}.over",
            kind="notice",
            title=f"{number} messages of the namespace {first.namespace} were over the budget of this channel",
            problem=None,
            first_action=None,
            acknowledge="",
            diagnosis=(),
            changes=(),
        )
        self.pending += 1
        self._queue.put_nowait(_Work(Order(channel, first.namespace, message), channel, tries=1))
