"""A cause that is bad again: one incident reopens or another one opens, never both and never none."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident_kind import IncidentObject
from tests.incident_story import IncidentStory


def resolved() -> IncidentStory:
    """An incident about the metric error-rate that resolved by itself right now."""
    story = IncidentStory().level("error-rate", "Critical").opened().level("error-rate", "Ok").settle()
    story.after(minutes=10).settle()
    assert (story.status.phase, story.status.resolved_by) == ("Resolved", "")
    return story


def with_second(story: IncidentStory) -> tuple[IncidentObject, IncidentObject]:
    """Open another incident about the metric latency, which then takes in error-rate; return both."""
    first = stored(story)
    story.after(minutes=1).level("latency", "Critical")
    story.others, story.incident = (first,), None
    story.opened().after(minutes=1).level("error-rate", "Critical").settle()
    return first, stored(story)


def stored(story: IncidentStory) -> IncidentObject:
    assert story.incident is not None
    return story.incident


@pytest.mark.parametrize("late", [timedelta(0), timedelta(milliseconds=300)], ids=["same time", "before"])
def test_fault_that_the_resolution_overlooked_reopens_the_incident(late: timedelta) -> None:
    story = resolved()
    story.level("error-rate", "Critical", since=timestamp(story.now - late))

    assert story.step() is None
    assert (story.settle().status.phase, story.status.cycle) == ("Open", 1)


def test_fault_that_a_resolution_by_a_person_overlooked_opens_another_incident() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened().level("latency", "Ok").settle()
    story.says(resolved=True)
    story.level("latency", "Critical", since=timestamp(story.now - timedelta(milliseconds=300)))

    step = story.step()

    assert step is not None
    assert step.spec.cause.name == "latency"


def test_two_faults_after_a_recovery_reopen_the_incident_and_open_no_other() -> None:
    story = resolved().after(minutes=1).level("latency", "Critical").level("error-rate", "Critical")

    assert story.step() is None
    assert story.settle().status.phase == "Open"
    assert [one.name for one in story.status.signals] == ["error-rate", "latency"]


def test_incident_stays_resolved_while_another_one_takes_in_its_cause() -> None:
    story = resolved()
    first, second = with_second(story)

    story.incident, story.others = first, (second,)

    assert story.settle().status.phase == "Resolved"


def test_incident_stays_resolved_after_a_person_resolved_the_one_that_took_in_its_cause() -> None:
    story = resolved()
    first, _ = with_second(story)
    second = stored(story.says(resolved=True))

    story.incident, story.others = first, (second,)

    assert story.settle().status.phase == "Resolved"
    assert story.step() is None


def test_last_incident_of_a_cause_reopens() -> None:
    story = resolved()
    first = stored(story)
    earlier = timestamp(story.now - timedelta(minutes=1))
    meta = replace(first.meta, ref=replace(first.meta.ref, name="shop-0"))
    older = replace(first, meta=meta, status=first.status.replace(resolved_at=earlier))
    story.after(minutes=1).level("error-rate", "Critical")

    story.incident, story.others = older, (first,)
    assert story.settle().status.phase == "Resolved"

    story.incident, story.others = first, (older,)
    assert story.settle().status.phase == "Open"


def test_runbook_that_only_observes_reopens_no_incident() -> None:
    story = resolved()
    assert story.runbook is not None
    story.runbook["spec"]["mode"] = "Observe"

    story.after(minutes=1).level("error-rate", "Critical").settle()

    assert story.status.phase == "Resolved"


@pytest.mark.parametrize("fields", [{"tracked_by": "Argo CD"}, {"deleting": True}], ids=["tracked", "deleting"])
def test_incident_that_is_not_followed_prevents_no_other(fields: dict[str, Any]) -> None:
    spec = {"runbook": "shop", "title": "Old", "severity": "SEV3", "cause": {"source": "Metric", "name": "old"}}
    story = IncidentStory().create("shop-x", spec)
    tracked, deleting = fields.get("tracked_by", ""), "deleting" in fields
    meta = replace(stored(story).meta, deleting=deleting)
    story.incident = replace(stored(story), meta=meta, tracked_by=tracked)

    assert story.level("error-rate", "Critical").step() is not None


def test_acknowledgement_during_the_recovery_is_recorded_and_ends() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened().level("error-rate", "Ok").settle()

    story.says(by="alice", acknowledged=True)
    assert (story.status.phase, story.status.acknowledged_by) == ("Recovering", "alice")
    assert story.condition("Acknowledged") == ("True", "Acknowledged")

    story.says(acknowledged=None)
    assert (story.status.phase, story.status.acknowledged_by) == ("Recovering", "")
    assert story.condition("Acknowledged") == ("False", "NotAcknowledged")
