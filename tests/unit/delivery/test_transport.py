"""Each kind of channel against a real receiver by TLS."""

from datetime import timedelta
from ipaddress import ip_address

import pytest

from runbook_operator.delivery.channel_egress import ChannelGuard, ChannelOutbound
from runbook_operator.delivery.transport import Transport, creator
from runbook_operator.egress.egress_guard import EgressError
from runbook_operator.kube import errors
from runbook_operator.notifiers.notifier_base import Delivered, GiveUp, Judgement, Retry
from tests import providers
from tests.fakes.delivery_channels import SECRET, channel, created, mail_channel, transport
from tests.fakes.event_cluster import Cluster
from tests.fakes.message_sink import CHECKS, Mood, sink
from tests.fakes.servers import Names, certified
from tests.messages import message

KINDS = sorted(CHECKS)


@pytest.mark.parametrize("kind", KINDS)
async def test_message_is_accepted_by_the_receiver_of_its_kind(kind: str) -> None:
    async with sink(kind, tls=certified("sink.example.com")) as there:
        judgement = await transport().attempt(channel(kind, there.port), message())

    assert (judgement, len(there.bodies)) == (Delivered(), 1)


@pytest.mark.parametrize("kind", ["slack", "webhook"])
@pytest.mark.parametrize(
    ("mood", "judgement"),
    [
        ("refuse", GiveUp("the receiver answered 404")),
        ("throttle", Retry("the receiver answered 429", timedelta(seconds=7))),
        ("break", Retry("the receiver answered 503")),
        ("redirect", GiveUp("the receiver answered 302, a redirect, which is never followed")),
        ("stall", Retry("no response arrived in time")),
        ("cut", Retry("the connection was closed before the response was complete")),
    ],
)
async def test_receiver_that_misbehaves_is_judged_without_its_words_or_its_url(
    kind: str, mood: Mood, judgement: Judgement
) -> None:
    async with sink(kind, mood, tls=certified("sink.example.com")) as there:
        found = await transport().attempt(
            channel(kind, there.port, timeout="3s" if mood == "stall" else "10s"), message()
        )

    assert found == judgement
    assert len(there.bodies) == 1
    assert not any(one in repr(found) for one in ("hidden", "secret", "sink"))


async def test_repetition_after_a_cut_connection_has_the_same_id() -> None:
    async with sink("webhook", "cut", "accept", tls=certified("sink.example.com")) as there:
        out, one = transport(), channel("webhook", there.port)
        judgements = [await out.attempt(one, message()) for _ in range(2)]

    assert isinstance(judgements[0], Retry)
    assert judgements[1] == Delivered()
    assert {headers["webhook-id"] for headers in there.headers} == {message().id}
    for body, headers in zip(there.bodies, there.headers, strict=True):
        providers.webhook(body, headers, SECRET)


async def test_token_and_content_type_reach_the_receiver() -> None:
    async with sink("alertmanager", tls=certified("sink.example.com")) as there:
        await transport().attempt(channel("alertmanager", there.port), message())

    assert there.headers[0]["authorization"] == "Bearer hidden"
    assert there.headers[0]["content-type"] == "application/json; charset=utf-8"


async def test_certificate_of_another_name_delivers_nothing() -> None:
    async with sink("slack", tls=certified("other.example.com")) as there:
        judgement = await transport().attempt(channel("slack", there.port), message())

    assert (judgement, there.bodies) == (Retry("the TLS handshake failed"), [])


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.2", "::1", "fe80::1", "224.0.0.1", "10.96.0.1"])
async def test_address_that_is_not_allowed_is_never_connected_to(address: str) -> None:
    out = ChannelOutbound((), {ip_address("10.96.0.1")}, resolver=Names((address,)))

    judgement = await Transport(out, created).attempt(channel("slack", 443), message())

    assert judgement == GiveUp("the operator may not connect to this address")


async def test_private_address_is_allowed_as_that_of_a_receiver_in_the_cluster() -> None:
    guard = ChannelGuard(resolver=Names(("10.1.2.3", "fd00::1")))

    assert [str(one) for one in await guard.addresses("am.monitoring", 1.0)] == ["10.1.2.3", "fd00::1"]
    assert [str(one) for one in await guard.addresses("10.1.2.3", 1.0)] == ["10.1.2.3"]
    with pytest.raises(EgressError):
        guard.url("http://a b/")


async def test_recipient_that_is_not_allowed_is_given_up() -> None:
    found = await transport().attempt(mail_channel(25), message(recipient="x@evil.example.com"))

    assert found == GiveUp("to: the contact's address is in no domain that the channel allows")


@pytest.mark.parametrize(
    ("failure", "judgement"),
    [
        (None, Delivered()),
        (errors.AlreadyExistsError("there"), Delivered()),
        (errors.ForbiddenError("no"), Retry("the Event was not created: MissingRights")),
    ],
)
async def test_event_is_created_once(failure: errors.ApiError | None, judgement: Judgement) -> None:
    cluster = Cluster(failure)

    found = await transport(create=creator(cluster)).attempt(channel("event"), message())

    assert found == judgement
    assert [path for path, _ in cluster.created] == ["/api/v1/namespaces/ai/events"]
