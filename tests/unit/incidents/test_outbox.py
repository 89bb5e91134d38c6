"""The outbox: which messages an incident owes, when, and what follows from their outcomes."""

from dataclasses import replace
from typing import Any

import pytest

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.incident import MOST_DELIVERIES, Escalation, IncidentDelivery, IncidentStatus
from runbook_operator.core.reasons import Reason
from runbook_operator.incidents import notification_conditions, outbox
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot, Outcome
from tests.incidents import ALICE, BOB, CAROL, OPENED, UID, Story, contact, minutes

ACKNOWLEDGED: dict[str, Any] = {
    "phase": "Acknowledged",
    "acknowledged_by": "alice",
    "acknowledged_at": timestamp(OPENED),
}
OPEN_AGAIN: dict[str, Any] = {"phase": "Open", "acknowledged_by": ""}
RESOLVED: dict[str, Any] = {"phase": "Resolved", "resolved_at": timestamp(minutes(40))}


def states(story: Story) -> list[str]:
    return [one.state for one in story.status.escalation.chain]


def kinds(story: Story) -> list[str]:
    return [one.kind for one in story.status.timeline]


def test_status_without_an_opening_is_unchanged() -> None:
    story = Story(ALICE)

    assert story.decided(0, opened_at="") == story.first.replace(opened_at="")


def test_first_contact_is_owed_a_message_at_the_opening() -> None:
    story = Story(ALICE, BOB).at(0)

    assert story.owed() == ["opened alice"]
    assert story.status.deliveries[0].id == f"{UID}.0.0-0.opened.alice"
    assert story.condition() == ("Unknown", "Notifying")
    assert story.status.columns.next == "bob at 03:15Z"
    assert story.status.escalation.next_at == timestamp(minutes(15))
    assert outbox.due(story.status, story.now) == minutes(15)


def test_sent_message_sets_the_condition_and_the_time_of_delivery() -> None:
    story = Story(ALICE, BOB).at(0).sends(1)

    assert (story.owed(), story.condition(), kinds(story)) == ([], ("True", "Notified"), ["Notified"])
    assert story.status.delivered_at == timestamp(minutes(1))


def test_next_contact_is_notified_if_nobody_acknowledges() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(15)

    assert (story.owed(), kinds(story)) == (["opened bob"], ["Notified", "Escalated"])


def test_second_message_to_an_address_is_an_escalation() -> None:
    story = Story(ALICE, contact("bob", "15m", to="alice")).at(0).sends(1).at(15)

    assert story.owed() == ["escalated bob"]


def test_steps_that_passed_while_the_operator_was_down_are_each_owed_once_with_their_time() -> None:
    story = Story(ALICE, BOB, CAROL).at(0).sends(1).at(50)

    assert story.owed() == ["opened bob", "opened carol"]
    assert [one.due_at for one in story.status.deliveries[1:]] == [timestamp(minutes(15)), timestamp(minutes(30))]


def test_repetitions_that_passed_while_the_operator_was_down_are_one_message() -> None:
    story = Story(ALICE, BOB, repeat=3).at(0).sends(1).at(100)

    assert story.owed() == ["opened bob", "escalated alice"]
    assert [one.round for one in story.status.escalation.chain] == [3, 2]


def test_repetition_that_is_due_while_the_message_is_owed_is_not_sent_again() -> None:
    story = Story(ALICE, repeat=3).at(0).at(12)
    assert story.owed() == ["opened alice"]

    story.sends(12)

    assert (story.owed(), story.status.columns.next) == ([], "alice at 03:15Z")


def test_chain_repeats_and_then_nobody_has_answered() -> None:
    story = Story(ALICE, BOB, repeat=1).at(0).sends(1).at(15).sends(16).at(30).sends(31).at(45).sends(46)
    assert (story.status.columns.next, story.condition()) == ("nobody", ("True", "Notified"))
    assert outbox.due(story.status, story.now) == minutes(60)

    story.at(60).at(61)

    assert (story.condition(), outbox.due(story.status, story.now)) == (("False", "NobodyAnswered"), None)
    assert [one.text for one in story.status.timeline][-1].startswith("nobody acknowledged")
    assert kinds(story).count("Escalated") == 4


def test_end_of_the_chain_waits_for_a_message_that_is_owed() -> None:
    story = Story(ALICE).at(0).at(30)

    assert (story.condition(), outbox.due(story.status, minutes(31))) == (("Unknown", "Notifying"), None)


def test_issue_that_escalates_immediately_notifies_all_contacts_at_once() -> None:
    issue = {"name": "leak", "symptoms": [{"metric": "rate"}], "escalate": "Immediately"}
    metric = {"name": "rate", "query": "up", "critical": "> 5"}

    assert Story(ALICE, BOB, issues=[issue], metrics=[metric]).at(0, issue="leak").owed() == [
        "opened alice",
        "opened bob",
    ]


def test_incident_without_its_runbook_escalates_as_pinned() -> None:
    story = Story(ALICE, BOB)
    story.runbook = None

    assert story.at(0, severity="SEV2").at(15, severity="SEV1").owed() == ["opened alice", "opened bob"]


def test_incident_without_contacts_reports_which_field_to_set() -> None:
    story = Story().at(0)

    assert (story.condition(), story.status.columns.next) == (("False", "NoContact"), "nobody")
    assert "spec.contacts[].notify" in story.status.conditions[0].message


def test_contact_that_the_runbook_gets_later_is_notified() -> None:
    story = Story().at(0)
    story.runbook = Story(ALICE, BOB).runbook

    assert story.at(5).owed() == ["opened alice"]
    assert story.status.columns.next == "bob at 03:20Z"


def test_incident_is_pinned_to_the_contacts_at_its_opening() -> None:
    story = Story(ALICE, BOB)
    story.first = story.first.replace(escalation=Escalation())
    story.at(0).sends(1)
    story.runbook = Story(CAROL).runbook

    assert story.at(15).owed() == ["opened bob"]


def test_message_that_was_given_up_makes_the_next_step_due_now() -> None:
    story = Story(ALICE, BOB, CAROL).at(0)
    story.at(1, story.outcomes("GivenUp", 1, "HTTP 404"))

    assert (story.owed(), kinds(story)) == (["opened bob"], ["NotNotified", "Escalated"])
    assert "HTTP 404" in story.status.timeline[0].text
    assert outbox.due(story.status, story.now) == minutes(15)


def test_last_message_that_was_given_up_names_the_channel() -> None:
    story = Story(ALICE).at(0)
    story.at(1, story.outcomes("GivenUp", 1, "HTTP 404"))

    assert story.condition() == ("False", "ChannelFailed")
    assert "slack" in story.status.conditions[0].message


def test_two_messages_that_were_given_up_make_two_steps_due() -> None:
    story = Story(ALICE, contact("al"), BOB, CAROL).at(0)
    story.at(1, story.outcomes("GivenUp", 1))

    assert story.owed() == ["opened bob", "opened carol"]


def test_message_that_the_sender_dropped_while_open_makes_the_next_step_due() -> None:
    story = Story(ALICE, BOB).at(0)

    assert story.at(1, story.outcomes("Dropped", 1)).owed() == ["opened bob"]


def test_fallback_that_delivered_is_recorded_and_gets_the_resolution() -> None:
    story = Story(ALICE).at(0)
    story.at(1, story.outcomes("Sent", 1, channel="mail")).at(40, **RESOLVED)

    assert "mail instead of slack" in story.status.timeline[0].text
    assert [(one.event, one.channel) for one in outbox.owed(story.incident, story.now)] == [("resolved", "mail")]


def test_acknowledgement_drops_owed_messages_and_stops_the_escalation() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(15).at(16, **ACKNOWLEDGED)

    assert story.owed() == ["acknowledged alice"]
    assert [one.state for one in story.status.deliveries] == ["Sent", "Dropped", "Owed"]
    assert (story.status.columns.next, story.status.escalation.next_at) == ("", "")
    assert story.sends(17).at(90).owed() == []


def test_recovering_incident_that_is_acknowledged_reports_the_acknowledgement() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(16, **ACKNOWLEDGED | {"phase": "Recovering"})

    assert story.owed() == ["acknowledged alice"]


def test_recovering_incident_keeps_its_owed_message_and_pauses_the_escalation() -> None:
    story = Story(ALICE, BOB).at(0).at(20, phase="Recovering")

    assert (story.owed(), states(story)) == (["opened alice"], ["Owed", "Waiting"])


def test_acknowledgement_that_ended_continues_the_escalation_with_what_was_due_meanwhile() -> None:
    story = Story(ALICE, BOB, CAROL).at(0).sends(1).at(15).at(16, **ACKNOWLEDGED).at(40, **OPEN_AGAIN)

    assert story.owed() == ["opened bob", "opened carol"]
    assert [one.due_at for one in outbox.owed(story.incident, story.now)] == [timestamp(minutes(40))] * 2
    assert story.sends(41).at(50, **ACKNOWLEDGED).owed() == [f"acknowledged {one}" for one in ("alice", "bob", "carol")]


def test_second_acknowledgement_is_not_reported_to_those_who_heard_the_first() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(2, **ACKNOWLEDGED).sends(3).at(4, **OPEN_AGAIN).at(5, **ACKNOWLEDGED)

    assert story.owed() == []


def test_acknowledgement_that_ended_before_it_was_reported_is_dropped_and_owed_again_with_the_next() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(2, **ACKNOWLEDGED).at(4, **OPEN_AGAIN)
    assert story.owed() == []

    assert story.at(5, **ACKNOWLEDGED).owed() == ["acknowledged alice"]
    assert len(story.status.deliveries) == 2


def test_message_that_arrived_although_it_was_dropped_counts_as_sent() -> None:
    story = Story(ALICE, BOB).at(0)
    outcomes = story.outcomes("Sent", 1)

    assert story.at(1, **ACKNOWLEDGED).at(2, outcomes).owed() == ["acknowledged alice"]


def test_resolution_is_reported_exactly_to_those_who_were_called() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(15).at(40, **RESOLVED)

    assert story.owed() == ["resolved alice"]
    assert story.sends(41).at(200).owed() == []


def test_resolution_of_an_incident_about_which_nothing_was_sent_is_not_reported() -> None:
    story = Story(ALICE).at(0).at(1, **RESOLVED)

    assert (story.owed(), story.condition()) == ([], ("True", "NotNeeded"))


def test_resolution_drops_an_acknowledgement_that_is_owed() -> None:
    story = Story(ALICE).at(0).sends(1).at(2, **ACKNOWLEDGED).at(3, **RESOLVED)

    assert story.owed() == ["resolved alice"]


def test_resolution_that_is_taken_back_is_not_reported() -> None:
    assert Story(ALICE).at(0).sends(1).at(3, **RESOLVED).at(4, phase="Open").owed() == []


def test_reopened_incident_starts_the_chain_again_with_another_key() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(40, **RESOLVED).at(50, phase="Open", cycle=1)

    assert story.owed() == ["resolved alice", "opened alice"]
    assert story.status.deliveries[-1].id == f"{UID}.1.0-0.opened.alice"
    assert story.status.columns.next == "bob at 04:05Z"


def test_outcome_of_a_message_of_an_older_cycle_changes_no_step() -> None:
    story = Story(ALICE, BOB).at(0)
    outcomes = story.outcomes("GivenUp", 40)
    story.at(40, outcomes, phase="Open", cycle=1)

    assert (story.owed(), states(story)) == (["opened alice"], ["Owed", "Waiting"])


def test_message_of_an_older_cycle_that_is_owed_is_dropped_at_the_reopening() -> None:
    story = Story(ALICE, BOB).at(0).at(40, phase="Open", cycle=1)

    assert [one.state for one in story.status.deliveries] == ["Dropped", "Owed"]


def test_reopened_incident_that_is_acknowledged_notifies_nobody() -> None:
    story = Story(ALICE, BOB).at(0).sends(1).at(40, **RESOLVED).sends(41).at(50, **ACKNOWLEDGED, cycle=1)

    assert (story.owed(), story.condition()) == ([], ("True", "NotNeeded"))


def test_raised_severity_notifies_the_contacts_that_now_take_it() -> None:
    story = Story(ALICE, contact("chief", "30m", severities=["SEV1"])).at(0).sends(1)

    assert story.at(3, severity="SEV1").owed() == ["opened chief"]
    assert story.sends(4).at(5, severity="SEV4").owed() == []


@pytest.mark.parametrize(
    ("minute", "changes", "expected"),
    [
        (0, {}, ("False", "ResponsePending")),
        (15, {}, ("True", "ResponseOverdue")),
        (16, ACKNOWLEDGED, ("False", "Answered")),
        (16, RESOLVED, ("False", "NotNeeded")),
    ],
)
def test_response_is_overdue_once_its_time_passed_without_an_acknowledgement(
    minute: int, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert Story(ALICE).at(0).at(minute, **changes).condition("ResponseOverdue") == expected


def test_time_of_the_response_is_a_due_time_until_it_is_reported() -> None:
    story = Story().at(0)
    assert outbox.due(story.status, story.now) == minutes(15)

    assert outbox.due(story.at(15).status, story.now) is None


def test_nothing_is_due_in_a_resolved_incident() -> None:
    assert outbox.due(Story(ALICE, BOB).at(0).at(1, **RESOLVED).status, minutes(1)) is None


def test_open_incident_whose_messages_were_dropped_reports_no_message() -> None:
    story = Story(ALICE).at(0)

    assert story.at(1, story.outcomes("Dropped", 1)).condition() == ("Unknown", "Notifying")


def test_message_is_due_while_it_is_owed_and_nobody_has_answered() -> None:
    story = Story(ALICE).at(0)
    number, incident = story.status.deliveries[0].id, story.incident

    def due_with(**spec: Any) -> bool:
        return outbox.is_due(replace(incident, spec=incident.spec.replace(**spec)), number)

    assert outbox.is_due(incident, number)
    assert not due_with(acknowledged=True)
    assert not due_with(resolved=True)
    assert not outbox.is_due(None, number)
    assert not outbox.is_due(incident, "another")
    assert not outbox.is_due(story.sends(1).incident, number)


def test_resolution_is_due_although_a_person_resolved() -> None:
    story = Story(ALICE).at(0).sends(1).at(2, **RESOLVED)
    incident = replace(story.incident, spec=story.incident.spec.replace(resolved=True))

    assert outbox.is_due(incident, story.status.deliveries[-1].id)


def finished(cycle: int, number: int) -> IncidentDelivery:
    return IncidentDelivery(
        id=f"{UID}.{cycle}.{number}-0.opened.alice",
        event="opened",
        contact="alice",
        channel="slack",
        to="alice",
        due_at=timestamp(OPENED),
        state="Sent",
        at=timestamp(OPENED),
    )


def test_finished_messages_above_the_bound_are_removed_the_older_cycle_first() -> None:
    many = [*(finished(1, one) for one in range(30)), *(finished(0, one) for one in range(30))]
    story = Story(ALICE).at(0, cycle=1, deliveries=many)

    kept = [one.id.split(".")[1] for one in story.status.deliveries]
    assert len(kept) == MOST_DELIVERIES
    assert kept.count("1") == 31
    assert story.owed() == ["escalated alice"]


def test_owed_messages_are_kept_above_the_bound() -> None:
    many = [finished(1, 0), *(finished(0, one).replace(state="Owed", event="resolved") for one in range(60))]
    story = Story(ALICE).at(0, cycle=1, deliveries=many)

    assert len(story.status.deliveries) == 62


def test_outcome_of_a_message_that_is_finished_changes_nothing() -> None:
    story = Story(ALICE, BOB).at(0).sends(1)
    late = {story.status.deliveries[0].id: Outcome("GivenUp", timestamp(minutes(2)), "slack")}

    assert story.decided(2, late) == story.status


def test_owed_message_of_a_later_time_is_not_sent_yet() -> None:
    story = Story(ALICE).at(0)
    later = story.status.deliveries[0].replace(due_at=timestamp(minutes(5)))
    incident = replace(story.incident, status=story.status.replace(deliveries=[later]))

    assert outbox.owed(incident, minutes(4)) == ()
    assert outbox.owed(incident, moment(later.due_at)) == (later,)


def test_condition_of_another_type_stays() -> None:
    story = Story(ALICE).at(0)
    ready = story.status.conditions[0].replace(type="Ready")

    assert story.decided(0, conditions=[ready]).conditions[0] == ready
    assert isinstance(story.status, IncidentStatus)


def test_warning_is_reported_once_when_a_channel_fails_and_nobody_is_reached() -> None:
    story = Story(ALICE).at(0)
    snapshot = IncidentSnapshot(story.incident, story.runbook, minutes(1))
    failed = story.decided(1, story.outcomes("GivenUp", 1, "HTTP 404"))

    (notice,) = notification_conditions.notices(snapshot, failed)
    assert (notice.reason, notice.warning) == (Reason.CHANNEL_FAILED, True)
    story.at(1, story.outcomes("GivenUp", 1, "HTTP 404"))
    assert notification_conditions.notices(replace(snapshot, incident=story.incident), story.status) == ()


def test_message_that_is_owed_or_was_sent_gives_no_warning() -> None:
    story = Story(ALICE)
    snapshot = IncidentSnapshot(story.incident, story.runbook, minutes(0))

    assert notification_conditions.notices(snapshot, story.decided(0)) == ()
    assert notification_conditions.notices(snapshot, story.at(0).sends(1).status) == ()
    assert notification_conditions.notices(snapshot, IncidentStatus()) == ()
