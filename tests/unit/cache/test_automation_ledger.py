"""Who acts by itself, as decisions about other switches are told."""

from dataclasses import replace
from datetime import timedelta

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.switch import Engagement, Holder, Record, SwitchStatus
from runbook_operator.cache.automation_ledger import AutomationLedger
from runbook_operator.cache.store import Store
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.reconcile.snapshot import AutomaticEngagements
from tests.builders import NAMESPACE, NOW, switch, switch_body

MINUTE = timedelta(minutes=1)


def runbook(name: str) -> Ref:
    return Ref(API_VERSION, "Runbook", NAMESPACE, name)


def record(ago: timedelta, source: Holder = "Metric") -> Record:
    return Record(engagement_id="id", engaged_at=timestamp(NOW - ago), source=source)


def over(ago: timedelta, source: Holder = "Metric") -> Engagement:
    times = {"engaged_at": timestamp(NOW - ago), "released_at": timestamp(NOW)}
    return Engagement(engagement_id="id", source=source, **times)


def a_switch(name: str, status: SwitchStatus | None = None) -> SwitchObject:
    """The Switch `stop` of a Runbook."""
    return replace(switch(runbook=name), status=status or SwitchStatus())


ASKING = a_switch("asking")


def test_statuses_give_current_and_recent_automatic_engagements() -> None:
    acting = AutomationLedger()
    acting.note(a_switch("a", SwitchStatus(record=record(90 * MINUTE), history=[over(100 * MINUTE)])))
    acting.note(a_switch("b", SwitchStatus(history=[over(9 * MINUTE), over(20 * MINUTE)])))
    acting.note(a_switch("asking", SwitchStatus(history=[over(10 * MINUTE)])))

    assert acting.acts(ASKING, NOW) == AutomaticEngagements(
        frozenset({runbook("a")}), (NOW - 10 * MINUTE,), (NOW - 20 * MINUTE, NOW - 10 * MINUTE, NOW - 9 * MINUTE)
    )


def test_manual_throws_are_not_counted() -> None:
    acting = AutomationLedger()
    acting.note(a_switch("a", SwitchStatus(record=record(MINUTE, "Person"), history=[over(MINUTE, "Person")])))

    assert acting.acts(ASKING, NOW) == AutomaticEngagements()


def test_deleted_switch_is_no_longer_counted() -> None:
    store, body = Store(), switch_body(runbook="a")
    status = SwitchStatus(record=record(MINUTE))
    store.put({**body, "status": status.model_dump(mode="json", by_alias=True)})
    assert store.ledger.acts(ASKING, NOW).acting == {runbook("a")}

    store.drop(a_switch("a").meta.ref, "uid-a-stop")
    assert store.ledger.acts(ASKING, NOW) == AutomaticEngagements()


def test_status_without_automatic_engagement_is_no_longer_counted() -> None:
    acting = AutomationLedger()
    acting.note(a_switch("a", SwitchStatus(record=record(MINUTE))))
    acting.note(a_switch("a"))

    assert acting.acts(ASKING, NOW) == AutomaticEngagements()


def test_engagement_older_than_an_hour_is_forgotten() -> None:
    acting = AutomationLedger()
    acting.note(a_switch("a", SwitchStatus(history=[over(59 * MINUTE)])))
    acting.note(a_switch("b", SwitchStatus(record=record(59 * MINUTE))))
    assert len(acting.acts(ASKING, NOW).of_all) == 2

    assert acting.acts(ASKING, NOW + MINUTE) == AutomaticEngagements(frozenset({runbook("b")}))
    assert len(acting._known) == 1


def test_reservation_counts_for_other_switches_until_recorded_or_freed() -> None:
    acting, other = AutomationLedger(), a_switch("a")
    acting.reserve(other, NOW)
    assert acting.acts(ASKING, NOW) == AutomaticEngagements(frozenset({runbook("a")}), (), (NOW,))
    assert acting.acts(other, NOW) == AutomaticEngagements()

    acting.note(a_switch("a"))
    assert acting.acts(ASKING, NOW).of_all == (NOW,)
    acting.note(a_switch("a", SwitchStatus(record=record(timedelta()))))
    assert acting.acts(ASKING, NOW).of_all == (NOW,)

    acting.reserve(other, NOW)
    acting.free(other.meta.ref)
    acting.note(a_switch("a"))
    assert acting.acts(ASKING, NOW) == AutomaticEngagements()


def test_reservation_of_a_deleted_switch_is_freed() -> None:
    acting, other = AutomationLedger(), a_switch("a")
    acting.reserve(other, NOW)
    acting.forget(other.meta.ref)

    assert acting.acts(ASKING, NOW) == AutomaticEngagements()
