"""The sender with real channels and receivers, or with judgements that a test gives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from runbook_operator.delivery import sender as module
from runbook_operator.delivery.channel_config import Channel
from runbook_operator.delivery.configured_channels import Channels
from runbook_operator.delivery.orders import Order, Report
from runbook_operator.delivery.sender import Sender
from runbook_operator.delivery.transport import Transport
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import Delivered, GiveUp, Judgement, Retry
from tests.fakes.delivery_channels import channel, transport
from tests.fakes.message_sink import sink
from tests.fakes.servers import certified
from tests.messages import message


class Given(Channels):
    """Channels without a file."""

    def __init__(self, *channels: Channel) -> None:
        super().__init__(None)
        self.entries = {one.name: one for one in channels}


class Judged(Transport):
    """Gives each attempt the next judgement, and the last one again and again."""

    def __init__(self, *judgements: Judgement) -> None:
        self.judgements = list(judgements)
        self.attempts: list[tuple[str, Message]] = []
        self.made: asyncio.Queue[Message] = asyncio.Queue()

    async def attempt(self, channel: Channel, message: Message) -> Judgement:
        self.attempts.append((channel.name, message))
        self.made.put_nowait(message)
        return self.judgements.pop(0) if len(self.judgements) > 1 else self.judgements[0]


class Outcomes:
    """Collects reports, and waits for them."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[Report] = asyncio.Queue()

    def order(self, name: str, one: Message | None = None, **fields: Any) -> Order:
        return Order(name, "ai", one or message(), done=self.reports.put_nowait, **fields)

    async def next(self) -> Report:
        return await self.reports.get()


@asynccontextmanager
async def sending(
    channels: Sequence[Channel], through: Transport, *, first_pause: float = 0.0, observe: Any = None
) -> AsyncIterator[Sender]:
    made = Sender(
        Given(*channels),
        through,
        first_pause=first_pause,
        jitter=lambda: 1.0,
        observe=observe or (lambda _channel, _result: None),
    )
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()


async def test_message_is_delivered_and_reported() -> None:
    outcomes, results = Outcomes(), list[Any]()
    async with sink("slack", tls=certified("sink.example.com")) as there:
        observe = lambda *one: results.append(one)  # noqa: E731 # a callback
        async with sending([channel("slack", there.port)], transport(), observe=observe) as sender:
            assert sender.submit(outcomes.order("slack"))
            assert await outcomes.next() == Report("Delivered", "slack", 1)

    assert (len(there.bodies), sender.pending, results) == (1, 0, [("slack", "Delivered")])


async def test_message_is_sent_again_with_the_same_content_until_the_receiver_accepts_it() -> None:
    outcomes = Outcomes()
    async with (
        sink("slack", "break", "cut", "accept", tls=certified("sink.example.com")) as there,
        sending([channel("slack", there.port)], transport()) as sender,
    ):
        sender.submit(outcomes.order("slack"))
        assert await outcomes.next() == Report("Delivered", "slack", 3)

    assert len(set(there.bodies)) == 1


async def test_pauses_grow_and_a_receivers_time_is_bounded() -> None:
    made = Sender(Given(), Judged(Delivered()), jitter=lambda: 1.0)
    works = [module._Work(Outcomes().order("slack"), "slack", tries=tries) for tries in (1, 2, 3, 20)]

    assert [made._pause(one, Retry("x")) for one in works] == [5.0, 10.0, 20.0, 300.0]
    assert made._pause(works[0], Retry("x", timedelta(seconds=7))) == 7.0
    assert made._pause(works[0], Retry("x", timedelta(days=1))) == 300.0
    assert Sender(Given(), Judged(Delivered()), jitter=lambda: 0.0)._pause(works[0], Retry("x")) == 2.5


async def test_fallback_delivers_what_the_channel_gives_up() -> None:
    outcomes, through = Outcomes(), Judged(GiveUp("the receiver answered 404"), Delivered())
    async with sending([channel("slack", fallback="event"), channel("event")], through) as sender:
        sender.submit(outcomes.order("slack"))
        assert await outcomes.next() == Report("Delivered", "event", 2)

    assert [name for name, _ in through.attempts] == ["slack", "event"]
    assert len({one.id for _, one in through.attempts}) == 1


async def test_fallback_delivers_after_the_last_try() -> None:
    outcomes, through = Outcomes(), Judged(*[Retry("the receiver answered 503")] * module.TRIES, Delivered())
    async with sending([channel("slack", fallback="event"), channel("event")], through) as sender:
        sender.submit(outcomes.order("slack"))
        assert await outcomes.next() == Report("Delivered", "event", module.TRIES + 1)


async def test_circle_of_fallbacks_ends_and_the_failure_is_logged() -> None:
    outcomes = Outcomes()
    channels = [channel("slack", fallback="event"), channel("event", fallback="slack")]
    with capture_logs() as logs:
        async with sending(channels, Judged(GiveUp("the receiver answered 404"))) as sender:
            sender.submit(outcomes.order("slack"))
            assert await outcomes.next() == Report("GivenUp", "event", 2, "the receiver answered 404")

    assert [one["channel"] for one in logs if one["log_level"] == "error"] == ["slack", "event"]
    assert "hidden" not in str(logs)


@pytest.mark.parametrize("fallback", ["nothing", "other"])
async def test_fallback_that_is_not_for_the_namespace_is_not_used(fallback: str) -> None:
    outcomes, other = Outcomes(), channel("event", name="other", namespaces=["shop"])
    async with sending([channel("slack", fallback=fallback), other], Judged(GiveUp("no"))) as sender:
        sender.submit(outcomes.order("slack"))
        assert await outcomes.next() == Report("GivenUp", "slack", 1, "no")


async def test_message_that_is_no_longer_due_is_dropped_before_its_second_attempt() -> None:
    outcomes, due, through = Outcomes(), [True, False], Judged(Retry("later"))
    async with sending([channel("slack")], through) as sender:
        sender.submit(outcomes.order("slack", is_due=lambda: due.pop(0)))
        assert (await outcomes.next()).result == "Dropped"

    assert len(through.attempts) == 1


async def test_channel_that_is_not_for_the_namespace_sends_nothing() -> None:
    outcomes, through = Outcomes(), Judged(Delivered())
    async with sending([channel("slack", namespaces=["shop"])], through) as sender:
        sender.submit(outcomes.order("slack"))
        report = await outcomes.next()

    assert (report.result, through.attempts) == ("NoChannel", [])
    assert report.why.startswith("no channel is configured for this namespace")


async def test_channel_delivers_its_severities_alone() -> None:
    outcomes, through = Outcomes(), Judged(Delivered())
    async with sending([channel("slack", severities=["SEV1"])], through) as sender:
        sender.submit(outcomes.order("slack"))
        assert (await outcomes.next()).result == "NotTaken"

    assert through.attempts == []


async def test_notice_is_delivered_whatever_severities_the_channel_takes() -> None:
    outcomes, through = Outcomes(), Judged(Delivered())
    async with sending([channel("slack", severities=["SEV1"])], through) as sender:
        sender.submit(outcomes.order("slack", message(kind="notice")))
        assert (await outcomes.next()).result == "Delivered"


async def test_messages_over_the_budget_become_one_that_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes, through = Outcomes(), Judged(Delivered())
    taken = iter([0.0, 0.0, 0.01, 0.01, 0.01])
    monkeypatch.setattr("runbook_operator.delivery.sender.Bucket.take", lambda _bucket: next(taken))
    async with sending([channel("slack")], through) as sender:
        for number in range(5):
            sender.submit(outcomes.order("slack", message(id=f"m.{number}")))
        results = [(await outcomes.next()).result for _ in range(5)]
        last = [await through.made.get() for _ in range(3)][-1]

    assert results.count("Limited") == 3
    assert (last.kind, last.title) == (
        "notice",
        "3 messages of the namespace ai were over the budget of this channel",
    )


async def test_resolution_of_an_alert_is_never_over_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes, through = Outcomes(), Judged(Delivered())
    monkeypatch.setattr("runbook_operator.delivery.sender.Bucket.take", lambda _bucket: 60.0)
    async with sending([channel("pagerduty")], through) as sender:
        sender.submit(outcomes.order("pagerduty", message(kind="resolved")))
        assert (await outcomes.next()).result == "Delivered"


async def test_order_is_refused_at_once_if_too_many_are_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENDING", 2)
    made = Sender(Given(channel("slack")), Judged(Delivered()))

    assert [made.submit(Outcomes().order("slack")) for _ in range(3)] == [True, True, False]


async def test_channel_that_stalls_delays_no_other_channel() -> None:
    outcomes = Outcomes()
    async with (
        sink("slack", "stall", tls=certified("sink.example.com")) as slow,
        sink("discord", tls=certified("sink.example.com")) as quick,
        sending([channel("slack", slow.port), channel("discord", quick.port)], transport()) as sender,
    ):
        sender.submit(outcomes.order("slack"))
        await slow.arrived.wait()
        sender.submit(outcomes.order("discord"))
        assert await outcomes.next() == Report("Delivered", "discord", 1)
