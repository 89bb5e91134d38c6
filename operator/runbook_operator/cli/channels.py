"""List the administrator's channels, and send a test message through one of them."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from kubernetes.aio import config

from runbook_operator.delivery.channel_config import Channel, Found, missing_fallbacks, read
from runbook_operator.delivery.channel_egress import ChannelOutbound
from runbook_operator.delivery.transport import CreateEvent, Transport, creator
from runbook_operator.kube.client import connect
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import Delivered, GiveUp, Judgement, KubernetesEvent, Retry
from runbook_operator.runtime import clock
from runbook_operator.runtime.watched_files import FileError, Files
from runbook_operator.settings import Settings

Outcome = tuple[list[str], int]
"""The lines to print, and the exit status."""
NO_FILE = "no file of channels is set: set RUNBOOK_CHANNELS or --channels; the chart sets it from channels.entries"
HEAD = ("NAME", "KIND", "NAMESPACES", "SEVERITIES", "PER MINUTE", "FALLBACK")


def list_all(settings: Settings) -> Outcome:
    """Return a table of the channels and a line per mistake; the status is 1 if there is a mistake."""
    found = _found(settings)
    problems = [*found.problems.items(), *missing_fallbacks(found.channels)]
    wrong = [f"{name}: {text}" if name else text for name, text in problems]
    rows = [HEAD, *(_row(found.channels[name]) for name in sorted(found.channels))]
    return [*_table(rows), *wrong], 1 if wrong else 0


async def send_test(settings: Settings, name: str, namespace: str) -> Outcome:
    """Send one test message through the channel; return what happened, and 0 if the receiver accepted it."""
    found = _found(settings)
    channel = found.channels.get(name)
    if channel is None or (namespace and not channel.serves(namespace)):
        return [_missing(found, name, namespace)], 1
    transport = Transport(ChannelOutbound(settings.allowed_networks), _creator(settings))
    message = message_for_test(namespace or settings.lease_namespace, clock.now())
    began = clock.monotonic()
    judgement = await transport.attempt(channel, message)
    lines = [_described(channel, judgement, clock.monotonic() - began), f"message id: {message.id}"]
    if isinstance(judgement, Delivered):
        return lines + await _resolved(transport, channel, message), 0
    fallback = [f"a message of a Runbook would then go to {channel.spec.fallback}"] if channel.spec.fallback else []
    return lines + fallback, 1


def message_for_test(namespace: str, now: datetime) -> Message:
    """Return a message that asks for nothing."""
    key = f"test.{uuid.uuid4().hex[:12]}"
    return Message(
        id=key,
        dedup_key=key,
        kind="test",
        at=now,
        severity="SEV4",
        namespace=namespace,
        runbook="test",
        title="Test message of Runbook Operator",
        likely_cause="Somebody ran runbook-operator channels test. Nothing is wrong.",
        next_contact="Nobody: this is a test",
    )


def _found(settings: Settings) -> Found:
    if not settings.channels:
        return Found({}, {"": NO_FILE})
    try:
        return read(Path(settings.channels), Files())
    except FileError as error:
        return Found({}, {"": f"{settings.channels}: {error}"})


def _missing(found: Found, name: str, namespace: str) -> str:
    if name in found.channels:
        return f"{name}: the channel does not serve the namespace {namespace}"
    problem = found.problems.get(name) or found.problems.get("")
    return f"{name}: {problem}" if problem else f"no channel is called {name}; there is: {', '.join(found.channels)}"


async def _resolved(transport: Transport, channel: Channel, message: Message) -> list[str]:
    """Resolve the alert of a test where the receiver would keep it open."""
    if not channel.notifier.keeps_state:
        return []
    judgement = await transport.attempt(channel, message.replace(kind="resolved", id=f"{message.id}.resolved"))
    return ["resolved there" if isinstance(judgement, Delivered) else f"not resolved there: {judgement.why}"]


def _described(channel: Channel, judgement: Judgement, seconds: float) -> str:
    head = f"{channel.name} ({channel.kind})"
    match judgement:
        case Delivered():
            return f"{head}: the receiver accepted the message after {seconds:.1f} s"
        case GiveUp(why):
            return f"{head}: not delivered, and not tried again: {why}"
        case Retry(why, after):
            asked = f", in {after.total_seconds():g} s, as asked" if after is not None else ""
            return f"{head}: not delivered: {why}; the operator would try again{asked}"


def _creator(settings: Settings) -> CreateEvent:
    async def create(event: KubernetesEvent) -> Judgement:
        try:
            kube = await connect(settings.request_timeout)
        except config.ConfigException:
            return GiveUp("no cluster is configured; set KUBECONFIG")
        try:
            return await creator(kube)(event)
        finally:
            await kube.close()

    return create


def _row(channel: Channel) -> tuple[str, ...]:
    spec = channel.spec
    namespaces, severities = ",".join(spec.namespaces or ["all"]), ",".join(spec.severities or ["all"])
    return (channel.name, channel.kind, namespaces, severities, str(channel.per_minute), spec.fallback or "-")


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
