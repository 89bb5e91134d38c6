"""The details of each provider's wire format."""

import json
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from pydantic import ValidationError

from runbook_operator.notifiers import REGISTRY
from runbook_operator.notifiers.email import is_address
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import (
    Config,
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
from runbook_operator.notifiers.webhook import signature
from tests import providers
from tests.messages import ACKNOWLEDGE, NOW, message
from tests.unit.notifiers.rendering import SECRET, URL, body, config, render


def sent(kind: str, one: Message, **fields: Any) -> Any:
    return json.loads(body(kind, one, **fields))


def mail(one: Message, **fields: Any) -> EmailMessage:
    rendered = cast("Mail", render("email", one, **fields))
    return message_from_bytes(rendered.content, policy=policy.default)


@pytest.mark.parametrize(
    ("reply", "judgement"),
    [
        (Reply(200, body=b"ok"), Delivered()),
        (Reply(200, body=b'{"ok":false,"error":"invalid_auth"}'), GiveUp("Slack did not answer ok")),
        (Reply(404, body=b"no_service"), GiveUp("the receiver answered 404")),
        (Reply(429, {"retry-after": "3"}), Retry("the receiver answered 429", timedelta(seconds=3))),
    ],
)
def test_slack_accepts_a_message_by_the_word_ok(reply: Reply, judgement: Judgement) -> None:
    assert REGISTRY["slack"].judge(reply, NOW) == judgement


def test_slack_shows_the_headline_the_action_and_the_command_in_this_order() -> None:
    text = providers.slack(body("slack", message()))

    assert text.index("SEV2: Assistant API") < text.index("error-rate is 12 %") < text.index("First action: Engage")
    assert text.index("assistant-rollback") < text.index("Dashboard") < text.index(ACKNOWLEDGE)


def test_slack_command_with_a_backtick_is_plain_text() -> None:
    blocks = sent("slack", message(acknowledge="kubectl get `x`", diagnosis=["a", "b"]))["blocks"]

    assert {"type": "plain_text", "text": "Acknowledge: kubectl get `x`", "emoji": False} in [b["text"] for b in blocks]
    assert any(b["text"]["text"] == "Diagnosis: \n• a\n• b" for b in blocks)


def test_slack_link_whose_text_is_marks_alone_is_called_link() -> None:
    assert "|link>" in body("slack", message(links=[{"text": "***", "url": "https://a.example.com/"}])).decode()


def test_msteams_is_judged_by_the_status_alone() -> None:
    assert REGISTRY["msteams"].judge(Reply(202, body=b"whatever it says"), NOW) == Delivered()


def test_msteams_sends_the_card_alone_if_it_is_bare() -> None:
    assert sent("msteams", message(), bare=True)["type"] == "AdaptiveCard"
    providers.msteams(body("msteams", message(), bare=True))


def test_discord_colors_a_resolved_incident_green() -> None:
    assert sent("discord", message(kind="resolved"))["embeds"][0]["color"] == 0x12B76A


@pytest.mark.parametrize(
    ("kind", "action"),
    [("opened", "trigger"), ("escalated", "trigger"), ("acknowledged", "acknowledge"), ("resolved", "resolve")],
)
def test_pagerduty_keeps_one_alert_for_all_messages_of_a_cycle(kind: str, action: str) -> None:
    event = sent("pagerduty", message(kind=kind))

    assert (event["event_action"], event["dedup_key"]) == (action, "0b5c3a52.1")


def test_pagerduty_refuses_an_address_without_tls() -> None:
    with pytest.raises(UnreadableSpecError, match="url: it begins with https://"):
        REGISTRY["pagerduty"].check(config("pagerduty", url="http://events.example.com/"))
    REGISTRY["pagerduty"].check(config("pagerduty"))


def test_alertmanager_resolves_the_alert_of_the_same_labels() -> None:
    [opened], [resolved] = (sent("alertmanager", message(kind=kind)) for kind in ("opened", "resolved"))

    assert opened["labels"] == resolved["labels"]
    assert (opened["endsAt"], resolved["endsAt"]) == ("2026-11-30T07:12:05.000000Z", "2026-11-30T03:12:05.000000Z")


def test_alertmanager_labels_an_alert_without_incident_by_its_key() -> None:
    [alert] = sent("alertmanager", message(incident=""))

    assert (alert["labels"]["namespace"], alert["labels"]["incident"]) == ("ai", "0b5c3a52.1")


@pytest.mark.parametrize("url", ["http://am:9093", "http://am:9093/", "http://am:9093/api/v2/alerts"])
def test_alertmanager_takes_a_base_or_the_whole_url(url: str) -> None:
    assert cast("Request", render("alertmanager", message(), url=url)).url == "http://am:9093/api/v2/alerts"


def test_token_is_sent_as_a_bearer() -> None:
    spec = REGISTRY["webhook"].Spec.model_validate({"url": "http://x", "tokenFile": "t"})
    beat = REGISTRY["heartbeat"].Spec.model_validate({"url": "http://x", "tokenFile": "t", "method": "GET"})

    posted = REGISTRY["webhook"].render(message(), Config(spec, {"token": "abc"}), NOW)
    ping = REGISTRY["heartbeat"].render(message(), Config(beat, {"token": "abc"}), NOW)

    assert cast("Request", posted).headers["Authorization"] == "Bearer abc"
    assert "webhook-signature" not in cast("Request", posted).headers
    assert ping == Request("http://x", b"", {"Authorization": "Bearer abc"}, "GET")


def test_webhook_signature_is_that_of_the_published_example() -> None:
    # The example of the specification of Standard Webhooks.
    found = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')

    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_webhook_signs_with_each_secret() -> None:
    spec = REGISTRY["webhook"].Spec.model_validate({"url": "http://x", "signingSecretFile": "t"})
    both = Config(spec, {"signing_secret": f"{SECRET}\nwhsec_{'A' * 32}"})

    REGISTRY["webhook"].check(both)
    request = cast("Request", REGISTRY["webhook"].render(message(), both, NOW))

    assert len(request.headers["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize("secret", ["whsec_YWJj", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", f"whsec_{'A' * 100}"])
def test_webhook_refuses_a_secret_of_another_form(secret: str) -> None:
    spec = REGISTRY["webhook"].Spec.model_validate({"url": "http://x", "signingSecretFile": "t"})

    with pytest.raises(UnreadableSpecError, match="signingSecretFile: a secret is whsec_") as raised:
        REGISTRY["webhook"].check(Config(spec, {"signing_secret": secret}))
    assert secret not in str(raised.value)


def test_cloud_event_has_its_attributes_in_headers() -> None:
    request = cast("Request", render("webhook", message(incident=""), format="cloudevents"))

    assert request.headers["ce-type"] == "dev.runbooks.incident.opened.v1"
    assert request.headers["ce-source"] == "/runbooks.dev/namespaces/ai/runbooks/assistant"
    assert request.headers["ce-subject"] == "ai/assistant"
    assert request.headers["ce-time"] == "2026-11-30T03:12:05Z"


def test_webhook_leaves_out_the_lists_of_a_large_message() -> None:
    large = message(diagnosis=["\U0001f525" * 300] * 10, changes=["\U0001f525" * 300] * 10)

    assert sent("webhook", large)["data"]["changes"] == []


def test_mails_about_one_incident_are_one_thread() -> None:
    opened, resolved = mail(message()), mail(message(kind="resolved", id="other"))

    assert opened["Message-ID"] != resolved["Message-ID"]
    assert (opened["References"], opened["Subject"]) == (resolved["References"], resolved["Subject"])
    assert (opened["X-Priority"], resolved["X-Priority"]) == ("1", None)
    assert mail(message())["Message-ID"] == opened["Message-ID"]


def test_mail_goes_to_the_contact_in_an_allowed_domain() -> None:
    found = cast("Mail", render("email", message(recipient="me@Team.example.com"), domains=["team.example.com"]))

    assert found.recipients == ("me@Team.example.com",)


@pytest.mark.parametrize(
    ("recipient", "fields", "problem"),
    [
        ("me@evil.example.com", {}, "to: the contact's address is in no domain that the channel allows"),
        ("me@sub.team.example.com", {"domains": ["team.example.com"]}, "to: the contact's address is in no domain"),
        ("a@b\r\nBcc: c@d", {}, "to: the contact's address is not a mail address in ASCII"),
        ("", {"to": [], "domains": ["example.com"]}, "to: the contact names no address"),
    ],
)
def test_mail_to_another_recipient_is_refused(recipient: str, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(UnreadableSpecError) as raised:
        render("email", message(recipient=recipient), **fields)
    assert str(raised.value).startswith(problem)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"usernameFile": "u"}, "set both of usernameFile and passwordFile, or none"),
        ({"to": []}, "set to or domains"),
        ({"from": "nobody"}, "it is not a mail address"),
        ({"host": "a b"}, "the host must be a name"),
        ({"tls": "None"}, "Input should be 'StartTLS' or 'TLS'"),
    ],
)
def test_email_channel_names_what_is_wrong(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        config("email", **fields)


def test_email_channel_with_a_user_logs_in() -> None:
    spec = config("email", usernameFile="u", passwordFile="p").spec

    found = REGISTRY["email"].render(message(), Config(spec, {"username": "me", "password": "secret"}), NOW)

    assert cast("Mail", found).user == ("me", "secret")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("oncall@example.com", True),
        ("a.b+c@example.com", True),
        ("@example.com", False),
        (f"{'a' * 65}@example.com", False),
        (f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 60}.com", False),
        ("a@-.com", False),
        ("a b@example.com", False),
    ],
)
def test_address_is_a_plain_one_in_ascii(text: str, fine: bool) -> None:  # noqa: FBT001 # a column of the table
    assert is_address(text) == fine


@pytest.mark.parametrize(
    ("one", "about", "kind"),
    [
        (message(), ("Incident", "assistant-5f2c"), "Warning"),
        (message(incident="", kind="test"), ("Runbook", "assistant"), "Normal"),
    ],
)
def test_event_is_on_the_incident_or_else_the_runbook(one: Message, about: tuple[str, str], kind: str) -> None:
    event = cast("KubernetesEvent", render("event", one))

    assert (event.body["involvedObject"]["kind"], event.body["involvedObject"]["name"]) == about
    assert (event.namespace, event.body["type"]) == ("ai", kind)


def test_url_of_a_file_is_where_the_message_goes() -> None:
    assert cast("Request", render("slack", message())).url == URL
