"""The message of a delivery, for each event, and for any incident."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident import (
    Cause,
    IncidentAction,
    IncidentChange,
    IncidentDelivery,
    IncidentLink,
    IncidentSignal,
    IncidentStatus,
)
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.incidents import message_builder
from runbook_operator.notifiers.message import Message
from tests import providers
from tests.incidents import ALICE, BOB, META, OPENED, Story, contact, minutes
from tests.messages import NASTY
from tests.unit.notifiers.rendering import FIELDS, body, render

SIGNAL = IncidentSignal(
    source="Metric",
    name="error-rate",
    level="Critical",
    since=timestamp(OPENED),
    message="12 % of requests fail",
    value="12 %",
    threshold="> 5%",
)
LATENCY = SIGNAL.replace(name="latency", message="", value="3 s")
FACTS: dict[str, Any] = {
    "signals": [LATENCY, SIGNAL],
    "bad_since": timestamp(minutes(-3)),
    "likely_cause": "a bad deployment",
    "first_action": IncidentAction(text="engage rollback", command="kubectl -n shop patch switch shop-rollback"),
    "links": [IncidentLink(title="Dashboard", url="https://grafana.example.com/d/a")],
    "changes": [IncidentChange(at=timestamp(minutes(-5)), text="revision 8"), IncidentChange(at="", text="an edit")],
}


def story(*contacts: Any, repeat: int = 0, spec: dict[str, Any] | None = None, **runbook: Any) -> Story:
    made = Story(*contacts, repeat=repeat, **runbook)
    cause = Cause(source="Metric", name="error-rate")
    made.incident = replace(made.incident, spec=made.incident.spec.replace(cause=cause, **spec or {}))
    return made.at(0, **FACTS)


def last(found: Story, minute: float | None = None, event: str = "") -> Message:
    """The message of the last delivery, or of the last one about this event."""
    one = [delivery for delivery in found.status.deliveries if event in ("", delivery.event)][-1]
    now = found.now if minute is None else minutes(minute)
    return message_builder.message(found.incident, found.runbook, one, now)


def test_first_message_has_all_that_the_reader_needs() -> None:
    found = story(ALICE, BOB, severities=[{"level": "SEV2", "definition": "Part of the shop fails"}])
    message = last(found)

    assert message.headline == "SEV2: Checkout fails"
    assert message.problem
    assert message.problem.sentence() == "error-rate is 12 % (threshold > 5%) since 2026-11-24 02:57:00 UTC"
    assert message.likely_cause == "a bad deployment"
    assert message.first_action
    assert message.first_action.command == "kubectl -n shop patch switch shop-rollback"
    assert [one.url for one in message.links] == ["https://grafana.example.com/d/a"]
    assert message.acknowledge == (
        'kubectl -n shop patch incidents.runbooks.dev shop-5f2c1d3e --type merge -p \'{"spec":{"acknowledged":true}}\''
    )
    assert message.next_contact == "bob (Bob On-Call) at 03:15 UTC unless somebody acknowledges"
    assert message.diagnosis == ("12 % of requests fail", "latency is Critical", "SEV2: Part of the shop fails")
    assert message.changes == ("02:55 UTC: revision 8", "an edit")
    assert (message.recipient, message.at) == ("alice", OPENED)
    assert message.id == f"{message.dedup_key}.0-0.opened.alice"


def test_message_to_the_last_contact_says_that_nobody_follows() -> None:
    assert last(story(ALICE)).next_contact == (
        "nobody: every contact has been notified, and the chain does not start again"
    )


def test_message_to_the_only_contact_says_when_the_chain_starts_again() -> None:
    found = story(ALICE, repeat=1)

    assert last(found).next_contact == "alice (Alice On-Call) again at 03:05 UTC unless somebody acknowledges"


def test_check_without_a_number_shows_its_level() -> None:
    problem = last(story(ALICE).at(0, signals=[SIGNAL.replace(value="")])).problem

    assert problem is not None
    assert problem.sentence() == "error-rate is Critical (threshold > 5%) since 2026-11-24 02:57:00 UTC"


def test_resolved_message_has_the_time_of_the_recovery_and_no_first_action() -> None:
    well = SIGNAL.replace(level="Ok", value="0 %", threshold="", since=timestamp(minutes(40)))
    message = last(story(ALICE).sends(0).at(42, phase="Resolved", signals=[well]), event="resolved")

    assert message.first_action is None
    assert message.problem is not None
    assert message.problem.sentence() == "error-rate is 0 % since 2026-11-24 03:40:00 UTC"


def test_message_before_a_repetition_says_who_is_notified_again() -> None:
    found = story(ALICE, BOB, repeat=1).sends(0).at(15)

    assert last(found).next_contact == "alice (Alice On-Call) again at 03:30 UTC unless somebody acknowledges"


def test_message_names_the_contacts_that_were_notified_before() -> None:
    found = story(ALICE, BOB).sends(0).at(15)

    assert last(found).diagnosis[0] == "also notified: alice at 03:00 UTC"


def test_time_of_another_day_has_its_date() -> None:
    found = story(ALICE, contact("bob", "24h"))

    assert last(found).next_contact == "bob (Bob On-Call) at 2026-11-25 03:00 UTC unless somebody acknowledges"


def test_message_that_is_late_says_how_late() -> None:
    assert last(story(ALICE), 40).diagnosis[0].startswith("sent 40m late")
    assert "late" not in last(story(ALICE), 1).diagnosis[0]


def test_acknowledgement_names_who_works_on_it_and_until_when() -> None:
    fields: dict[str, Any] = {
        "phase": "Acknowledged",
        "acknowledged_by": "alice",
        "acknowledged_until": timestamp(minutes(120)),
    }
    message = last(story(ALICE, BOB).sends(0).at(5, **fields))

    assert message.headline == "SEV2 acknowledged: Checkout fails"
    assert message.next_contact == "nobody until 05:00 UTC: alice acknowledged the incident"
    assert message.acknowledge == ""


def test_acknowledgement_without_an_author_names_somebody() -> None:
    message = last(story(ALICE, BOB).sends(0).at(5, phase="Acknowledged"))

    assert message.next_contact == "nobody: somebody acknowledged the incident"


@pytest.mark.parametrize(("by", "shown"), [("alice", "by alice"), ("", "automatically")])
def test_resolution_names_who_resolved_and_how_long_it_took(by: str, shown: str) -> None:
    found = story(ALICE, spec={"resolution": "rolled back"}).sends(0)
    message = last(found.at(42, phase="Resolved", resolved_by=by, resolved_at=timestamp(minutes(42))))

    assert message.next_contact == f"nobody: the incident was resolved {shown} after 42m"
    assert message.diagnosis[0] == "rolled back"


def test_incident_of_a_person_shows_its_summary_and_no_problem() -> None:
    found = Story(ALICE)
    spec = found.incident.spec.replace(summary="The shop shows an empty cart")
    found.incident = replace(found.incident, spec=spec)
    found.at(0)
    found.runbook = None
    message = last(found)

    assert (message.problem, message.first_action, message.diagnosis) == (None, None, ("The shop shows an empty cart",))


def test_resolution_without_a_time_shows_none() -> None:
    assert (
        last(story(ALICE).sends(0).at(42, phase="Resolved")).next_contact
        == "nobody: the incident was resolved automatically"
    )


def test_incident_whose_cause_is_not_a_signal_shows_the_first_one() -> None:
    found = story(ALICE).at(1, signals=[LATENCY], bad_since="")

    assert (problem := last(found).problem)
    assert (problem.name, problem.since) == ("latency", OPENED)


def incidents() -> st.SearchStrategy[tuple[IncidentObject, IncidentDelivery]]:
    """Any incident, with texts that no operator would write."""
    texts, times = NASTY, st.one_of(NASTY, st.sampled_from(["", timestamp(OPENED), "0001-01-01T00:00:00+14:00"]))
    delivery = st.builds(
        IncidentDelivery,
        id=st.one_of(texts, st.just("i" * 300)),
        event=st.sampled_from(["opened", "escalated", "acknowledged", "resolved"]),
        contact=texts,
        channel=texts,
        to=st.just("x" * 400),
        due_at=times,
    )
    signal = st.builds(
        IncidentSignal,
        source=st.sampled_from(["Metric", "Alert"]),
        name=texts,
        level=st.sampled_from(["Critical", "Ok"]),
        since=times,
        message=texts,
        value=texts,
        threshold=texts,
    )
    status = st.builds(
        IncidentStatus,
        severity=st.sampled_from([None, "SEV1", "SEV4"]),
        bad_since=times,
        opened_at=times,
        resolved_at=times,
        resolved_by=texts,
        acknowledged_by=texts,
        acknowledged_until=times,
        likely_cause=texts,
        first_action=st.one_of(st.none(), st.builds(IncidentAction, text=texts, command=texts)),
        signals=st.lists(signal, max_size=20),
        links=st.lists(st.builds(IncidentLink, title=texts, url=texts), max_size=16),
        changes=st.lists(st.builds(IncidentChange, at=times, text=texts), max_size=10),
        escalation=st.just(story(ALICE, BOB).status.escalation),
    )
    spec = Story(ALICE).incident.spec
    ref = replace(META.ref, namespace="n" * 63, name="i" * 253)
    return st.tuples(
        st.builds(
            lambda status, title, summary: IncidentObject(
                replace(META, ref=ref), spec.replace(title=title, summary=summary, resolution=summary), status
            ),
            status,
            texts.map(lambda text: text[:200] or "x"),
            texts,
        ),
        delivery,
    )


@settings(max_examples=60, deadline=None)
@given(incidents())
def test_any_incident_gives_a_message_within_the_limits_of_every_channel(
    found: tuple[IncidentObject, IncidentDelivery],
) -> None:
    incident, delivery = found
    message = message_builder.message(incident, None, delivery, minutes(1)).replace(recipient="")

    for kind in ("slack", "msteams", "discord", "mattermost", "pagerduty", "alertmanager"):
        observed = getattr(providers, kind)(body(kind, message))
        assert not observed or message.acknowledge in observed
    for kind in FIELDS:
        render(kind, message)
