"""Over any contacts, times, answers and outcomes: no message is owed twice, none is lost, and a decision settles."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident import MOST_DELIVERIES, IncidentStatus
from runbook_operator.incidents import outbox
from runbook_operator.incidents.deliveries import PAGES
from runbook_operator.incidents.incident_snapshot import Outcome
from tests.incidents import Story, contact, minutes

AFTER = st.one_of(st.none(), st.integers(0, 60).map(lambda number: f"{number}m"))
CONTACTS = st.lists(
    st.tuples(AFTER, st.sampled_from(["slack", "mail"]), st.sampled_from(["", "a"]), st.booleans()), max_size=5
).map(
    lambda found: [
        contact(f"c{number}", after, notify=notify, to=to, severities=["SEV1"] if is_only else [])
        for number, (after, notify, to, is_only) in enumerate(found)
    ]
)
OPEN: dict[str, Any] = {"phase": "Open", "acknowledged_by": ""}
ACKNOWLEDGED: dict[str, Any] = {
    "phase": "Acknowledged",
    "acknowledged_by": "x",
    "acknowledged_at": timestamp(minutes(0)),
}
RECOVERING: dict[str, Any] = {"phase": "Recovering"}
RESOLVED: dict[str, Any] = {"phase": "Resolved"}
REOPENED = "reopened"
CHANGES = st.sampled_from([{}, {}, {}, OPEN, ACKNOWLEDGED, RECOVERING, RESOLVED, REOPENED, {"severity": "SEV1"}])
RESULTS = st.sampled_from(["Sent", "Sent", "GivenUp", "Dropped", ""])
MOVES = st.lists(st.tuples(st.integers(0, 40), CHANGES, st.lists(RESULTS, max_size=6), st.booleans()), max_size=12)


def outcomes(story: Story, results: list[str], minute: float) -> dict[str, Outcome]:
    owed = [one for one in story.status.deliveries if one.state == "Owed"]
    pairs = zip(owed, results, strict=False)
    return {one.id: Outcome(result, timestamp(minutes(minute)), one.channel) for one, result in pairs if result}  # type: ignore[arg-type]


def receivers(status: IncidentStatus) -> set[tuple[str, str]]:
    """The contacts that are owed a message, and whether it calls them or reports an answer."""
    return {
        (one.contact, "call" if one.event in PAGES else one.event) for one in status.deliveries if one.state == "Owed"
    }


def check(story: Story, before: set[str]) -> None:
    """What holds after every status."""
    status = story.status
    ids = [one.id for one in status.deliveries]
    assert len(ids) == len(set(ids))
    assert all(len(one) <= 255 for one in ids)
    assert len([one for one in status.deliveries if one.state != "Owed"]) <= MOST_DELIVERIES
    owed = outbox.owed(story.incident, story.now)
    assert all(outbox.is_due(story.incident, one.id) for one in owed)
    if status.phase == "Resolved":
        assert {one.event for one in owed} <= {"resolved"}
    if status.phase == "Acknowledged":
        assert {one.event for one in owed} <= {"acknowledged", "resolved"}
    waiting = [one for one in status.escalation.chain if one.state == "Waiting"]
    if status.phase == "Open":
        assert all(timestamp(story.now) < one.due_at for one in waiting)
    assert not [one for one in owed if one.id in before]


@settings(max_examples=150, deadline=None)
@given(CONTACTS, st.integers(0, 3), MOVES)
def test_any_story_settles_and_owes_no_message_again_that_was_sent(
    contacts: list[Any], repeat: int, moves: list[tuple[int, Any, list[str], bool]]
) -> None:
    story, minute, sent = Story(*contacts, repeat=repeat).at(0), 0, set[str]()
    for pause, changes, results, crashes in moves:
        minute += pause
        fields = {**OPEN, "cycle": story.status.cycle + 1} if changes == REOPENED else changes
        found = outcomes(story, results, minute)
        lost = story.decided(minute, found, **fields)
        if crashes:
            # The status was not written, and the next replica decides a minute later.
            minute += 1
        story.at(minute, found, **fields)
        assert receivers(lost) <= receivers(story.status)
        assert story.decided(minute, found) == story.status
        check(story, sent)
        sent |= {number for number, one in found.items() if one.result == "Sent"}
        due = outbox.due(story.status, story.now)
        assert due is None or due > story.now


@settings(max_examples=60, deadline=None)
@given(CONTACTS, st.integers(0, 3), st.lists(st.integers(0, 90), max_size=8))
def test_every_contact_hears_of_an_incident_that_nobody_acknowledges(
    contacts: list[Any], repeat: int, pauses: list[int]
) -> None:
    story, minute = Story(*contacts, repeat=repeat).at(0), 0.0
    for pause in [*pauses, 60, 60]:
        story.sends(minute)
        minute += pause
        story.at(minute)
    expected = {one.name for one in contacts if not one.severities}

    assert {one.contact for one in story.sends(minute).status.deliveries if one.state == "Sent"} == expected


@settings(max_examples=60, deadline=None)
@given(CONTACTS, st.integers(0, 3))
def test_following_the_due_times_ends_with_nobody_answered(contacts: list[Any], repeat: int) -> None:
    story = Story(*contacts, repeat=repeat).at(0).sends(0)
    for _ in range(200):
        due = outbox.due(story.status, story.now)
        if due is None:
            break
        minute = (due - minutes(0)) / timedelta(minutes=1)
        story.at(minute).sends(minute)

    assert story.condition() == ("False", "NobodyAnswered" if story.status.escalation.chain else "NoContact")
