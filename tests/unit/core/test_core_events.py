"""Events as `kubectl events` shows them."""

from runbook_operator.core.core_events import LONGEST_MESSAGE, core_event
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import switch_ref

STOP = switch_ref("shop", "shop-stop")
AT = "2026-11-24T03:00:00Z"


def test_notice_becomes_an_event_about_its_object() -> None:
    notice = Notice(STOP, "uid-1", Reason.NOTIFIED, "primary: look", "it")

    event = core_event(notice, {"name": "it", "namespace": "shop"}, AT)

    assert event["involvedObject"] == {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Switch",
        "name": "shop-stop",
        "namespace": "shop",
        "uid": "uid-1",
    }
    assert (event["type"], event["reason"], event["count"]) == ("Normal", "Notified", 1)
    assert (event["firstTimestamp"], event["lastTimestamp"]) == (AT, AT)


def test_warning_and_count_are_those_of_the_notice() -> None:
    event = core_event(Notice(STOP, "uid-1", Reason.NOTIFIED, "again", "it", warning=True, count=3), {}, AT)

    assert (event["type"], event["count"]) == ("Warning", 3)


def test_message_is_cut_to_what_the_api_server_accepts() -> None:
    event = core_event(Notice(STOP, "uid-1", Reason.NOTIFIED, "x" * 2000, "it"), {}, AT)

    assert len(event["message"]) == LONGEST_MESSAGE
