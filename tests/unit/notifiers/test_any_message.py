"""Any message fits each provider's limit; its links and commands are whole, and nothing of it is interpreted."""

import re
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings

from runbook_operator.notifiers import REGISTRY
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import KubernetesEvent, Mail, Request
from tests import providers
from tests.messages import messages
from tests.unit.notifiers.rendering import FIELDS, SECRET, body, config, render


def complete(text: str, message: Message) -> bool:
    """Whether the links and the commands are in the text."""
    action = message.first_action.command if message.first_action else ""
    return all(one in text for one in [*(link.url for link in message.links), message.acknowledge, action])


def test_every_kind_has_fields_in_this_test() -> None:
    assert set(FIELDS) == set(REGISTRY)


@pytest.mark.parametrize("kind", ["slack", "msteams", "discord", "mattermost"])
@settings(max_examples=30)
@given(messages())
def test_any_message_fits_a_chat_and_keeps_links_and_commands(kind: str, message: Message) -> None:
    observed = getattr(providers, kind)(body(kind, message))

    assert complete(observed, message)


@settings(max_examples=30)
@given(messages())
def test_any_message_fits_an_event_of_pagerduty(message: Message) -> None:
    observed = providers.pagerduty(body("pagerduty", message))

    assert not observed or complete(observed, message)


@settings(max_examples=30)
@given(messages())
def test_any_message_fits_an_alert(message: Message) -> None:
    assert complete(providers.alertmanager(body("alertmanager", message)), message)


@pytest.mark.parametrize("form", ["standard", "cloudevents"])
@settings(max_examples=30)
@given(messages())
def test_any_message_fits_a_signed_webhook(form: str, message: Message) -> None:
    request = render("webhook", message, format=form)

    assert isinstance(request, Request)
    data = providers.webhook(request.body, request.headers, SECRET)
    assert data["acknowledge"] == message.acknowledge
    assert [one["url"] for one in data["links"]] == [one.url for one in message.links]
    assert all(re.fullmatch(r"[\x21-\x7e][\x20-\x7e]*", value) for value in request.headers.values())


@settings(max_examples=30)
@given(messages())
def test_any_message_is_a_mail_in_plain_text_with_the_operators_headers_alone(message: Message) -> None:
    mail = render("email", message)

    assert isinstance(mail, Mail)
    read = message_from_bytes(mail.content, policy=policy.default)
    assert set(read.keys()) - {"X-Priority"} == {
        *("Subject", "From", "To", "Date", "Message-ID", "References", "In-Reply-To", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }
    assert (read["To"], read.get_content_type()) == ("oncall@example.com", "text/plain")
    assert max(map(len, mail.content.splitlines())) <= 998
    assert complete(read.get_content(), message)


@settings(max_examples=30)
@given(messages())
def test_any_message_fits_an_event_of_the_cluster(message: Message) -> None:
    event = render("event", message)

    assert isinstance(event, KubernetesEvent)
    assert len(event.body["message"]) <= 1024


@settings(max_examples=30)
@given(messages())
def test_heartbeat_contains_no_part_of_a_message(message: Message) -> None:
    assert body("heartbeat", message) == b""


@settings(max_examples=30)
@given(messages())
def test_no_rendered_request_shows_its_url_or_its_content(message: Message) -> None:
    assert "secret" not in repr([render(kind, message) for kind in ("slack", "webhook", "pagerduty", "msteams")])
    assert SECRET not in repr(config("webhook"))
