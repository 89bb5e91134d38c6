"""Make one attempt to deliver a message through a channel: render it, send it, and judge the answer."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from runbook_operator.delivery import smtp_client
from runbook_operator.delivery.channel_config import Channel
from runbook_operator.delivery.channel_egress import FINAL, ChannelOutbound
from runbook_operator.egress.egress_guard import Fault, Tls
from runbook_operator.egress.http_client import Answer, RequestOptions
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import (
    Delivered,
    GiveUp,
    Judgement,
    KubernetesEvent,
    Mail,
    Reply,
    Request,
    Retry,
    UnreadableSpecError,
)
from runbook_operator.runtime import clock

LARGEST_REPLY = 4096
CreateEvent = Callable[[KubernetesEvent], Awaitable[Judgement]]


class Transport:
    """Deliver through channels of every kind. A failure is returned as a Judgement and never raised."""

    def __init__(self, out: ChannelOutbound, create: CreateEvent) -> None:
        self._out = out
        self._create = create

    async def attempt(self, channel: Channel, message: Message) -> Judgement:
        """Try once. The Judgement never shows the channel's URL, a credential, or more of an answer than its status."""
        try:
            rendered = channel.notifier.render(message, channel.config, clock.now())
        except UnreadableSpecError as error:
            return GiveUp(str(error))
        if isinstance(rendered, KubernetesEvent):
            return await self._create(rendered)
        tls = Tls(channel.config.secrets.get("ca", "").encode())
        if isinstance(rendered, Mail):
            return await smtp_client.send(self._out.guard, rendered, tls, channel.seconds)
        return await self._request(channel, rendered, tls)

    async def _request(self, channel: Channel, request: Request, tls: Tls) -> Judgement:
        how = RequestOptions(
            request.method,
            headers=request.headers,
            seconds=channel.seconds,
            tls=tls,
            largest=LARGEST_REPLY,
            body=request.body,
            keep_body=True,
            hide_url=True,
        )
        answer = await self._out.ask(request.url, how)
        if answer.fault:
            return _of_fault(answer, answer.fault)
        after = {} if answer.retry_after is None else {"retry-after": f"{answer.retry_after:g}"}
        return channel.notifier.judge(Reply(answer.status or 0, after, answer.body), clock.now())


def _of_fault(answer: Answer, fault: Fault) -> Judgement:
    """Judge an exchange without a complete answer: a 2xx status counts as delivered."""
    if answer.status and HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    why = answer.why or fault.value
    return GiveUp(why) if fault in FINAL else Retry(why)


def creator(kube: Kube) -> CreateEvent:
    """Return a function that creates an Event; an existing one counts as delivered by an earlier attempt."""

    async def create(event: KubernetesEvent) -> Judgement:
        try:
            await kube.create(f"/api/v1/namespaces/{event.namespace}/events", dict(event.body))
        except errors.AlreadyExistsError:
            return Delivered()
        except errors.OperatorError as error:
            return Retry(f"the Event was not created: {error.reason}")
        return Delivered()

    return create
