"""The signals of an incident: entries without a status, more bad entries than the list has room for."""

from typing import Any

from runbook_operator.api.incident import MOST_SIGNALS
from tests.incident_story import METRIC, IncidentStory

NAMES = [f"m{number}" for number in range(MOST_SIGNALS + 2)]
MANY: list[dict[str, Any]] = [METRIC | {"name": name, "severity": "SEV4"} for name in NAMES]


def full(level: str) -> IncidentStory:
    """An incident about the first of many entries, when the others have this level."""
    worst = METRIC | {"name": "worst", "severity": "SEV1"}
    story = IncidentStory(metrics=[*MANY, worst]).level(NAMES[0], "Critical").opened()
    for name in NAMES[1:]:
        story.level(name, level)
    return story.settle()


def listed(story: IncidentStory) -> list[str]:
    return [one.name for one in story.status.signals]


def test_bad_entries_without_room_are_counted() -> None:
    story = full("Warning")

    assert listed(story) == NAMES[:MOST_SIGNALS]
    assert story.status.signals_dropped == 2


def test_most_severe_entry_has_room_and_raises_the_severity() -> None:
    story = full("Warning").level("worst", "Critical").settle()

    assert [listed(story)[0], listed(story)[-1]] == [NAMES[0], "worst"]
    assert (len(listed(story)), story.status.signals_dropped) == (MOST_SIGNALS, 3)
    assert story.status.severity == "SEV1"


def test_entry_that_had_no_room_prevents_recovery() -> None:
    story = full("Critical")
    for name in NAMES[:MOST_SIGNALS]:
        story.level(name, "Ok")

    story.settle()

    assert story.status.phase == "Open"
    assert set(NAMES[MOST_SIGNALS:]) < set(listed(story))
    assert story.status.signals_dropped == 0


def test_entry_that_the_status_does_not_have_yet_keeps_its_signal() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened()
    story.statuses["metrics"] = []

    story.settle()

    assert [(one.name, one.level) for one in story.status.signals] == [("error-rate", "Critical")]
    assert story.status.phase == "Open"


def test_runbook_that_was_deleted_or_does_not_parse_lets_no_incident_recover() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened().level("latency", "Critical").settle()
    story.level("error-rate", "Ok").settle()
    runbook = story.runbook

    story.runbook = None
    assert story.settle().after(minutes=20).settle().status.phase == "Open"

    assert runbook is not None
    story.runbook = runbook | {"spec": runbook["spec"] | {"title": ""}}
    assert story.settle().after(minutes=20).settle().status.phase == "Open"


def test_recovery_waits_while_the_runbook_is_gone() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened().level("error-rate", "Ok").settle()
    runbook, story.runbook = story.runbook, None
    assert story.after(minutes=20).settle().status.phase == "Recovering"

    story.runbook = runbook

    assert story.settle().status.phase == "Resolved"
