from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.notifiers import REGISTRY, Notifier
from runbook_operator.notifiers.notifier_base import (
    ChannelSpec,
    Config,
    Delivered,
    GiveUp,
    Judgement,
    Reply,
    Request,
    Retry,
    UnreadableSpecError,
    UrlSpec,
    judged,
    retry_after,
)
from tests.messages import NOW


@pytest.mark.parametrize(
    ("status", "judgement"),
    [
        (200, Delivered()),
        (202, Delivered()),
        (204, Delivered()),
        (302, GiveUp("the receiver answered 302, a redirect, which is never followed")),
        (400, GiveUp("the receiver answered 400")),
        (404, GiveUp("the receiver answered 404")),
        (408, Retry("the receiver answered 408")),
        (410, GiveUp("the receiver answered 410")),
        (429, Retry("the receiver answered 429")),
        (500, Retry("the receiver answered 500")),
        (503, Retry("the receiver answered 503")),
    ],
)
def test_status_decides_if_a_message_is_sent_again(status: int, judgement: Judgement) -> None:
    assert judged(Reply(status, body=b"nobody reads this"), NOW) == judgement


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("30", timedelta(seconds=30)),
        ("0.5", timedelta(seconds=0.5)),
        ("-3", timedelta()),
        ("Mon, 30 Nov 2026 03:13:05 GMT", timedelta(minutes=1)),
        ("Mon, 30 Nov 2020 03:13:05 GMT", timedelta()),
        ("Mon, 30 Nov 2026 03:13:05 -0000", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e300", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, after: timedelta | None) -> None:
    assert retry_after(text, NOW) == after


def test_retry_after_of_an_answer_is_in_the_judgement() -> None:
    assert judged(Reply(429, {"retry-after": "7"}), NOW) == Retry("the receiver answered 429", timedelta(seconds=7))


def test_two_notifiers_of_one_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="two notifiers are called slack"):
        type("Second", (Notifier,), {"kind": "slack", "Spec": ChannelSpec})


@pytest.mark.parametrize(
    ("kind", "fields", "url", "problem"),
    [
        ("slack", {"urlFile": "f"}, "https://hooks.slack.com/services/x", ""),
        ("slack", {"urlFile": "f"}, "http://hooks.slack.com/services/x", "urlFile: it begins with https://"),
        ("slack", {"urlFile": "f"}, "secret words", "urlFile: a URL must have no white space"),
        ("webhook", {"url": "http://sink.tools:8080/x"}, "", ""),
        ("webhook", {"url": "ftp://x"}, "", "url: a URL must begin with http:// or https://"),
        ("webhook", {}, "", "url: set one of url and urlFile"),
        ("webhook", {"url": "http://x", "urlFile": "f"}, "http://x", "url: set one of url and urlFile"),
    ],
)
def test_channel_with_an_unusable_url_is_refused_without_repeating_it(
    kind: str, fields: dict[str, Any], url: str, problem: str
) -> None:
    config = Config(REGISTRY[kind].Spec.model_validate(fields), {"url": url} if url else {})

    if not problem:
        REGISTRY[kind].check(config)
        return
    with pytest.raises(UnreadableSpecError) as raised:
        REGISTRY[kind].check(config)
    assert str(raised.value).startswith(problem)
    assert "secret words" not in str(raised.value)


@pytest.mark.parametrize(("text", "fine"), [("10s", True), ("30s", True), ("31s", False), ("0s", False)])
def test_timeout_is_bounded(text: str, fine: bool) -> None:  # noqa: FBT001 # a column of the table
    if fine:
        assert ChannelSpec(timeout=text).timeout == text
        return
    with pytest.raises(ValueError, match="30s at most"):
        ChannelSpec(timeout=text)


def test_config_without_a_url_has_none() -> None:
    assert Config(ChannelSpec()).url == ""
    assert Config(UrlSpec(url="http://x")).url == "http://x"


def test_repr_of_a_request_shows_the_method_alone() -> None:
    assert repr(Request("https://x/secret", b"secret", {"Authorization": "secret"})) == "Request(method='POST')"
