"""The requeue of an incident for a time: none for one that changes nothing, which would requeue it without an end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runbook_operator.incidents.incident_reconcile import next_step
from tests.incident_story import IncidentStory


def acknowledged() -> IncidentStory:
    return IncidentStory().level("error-rate", "Critical").opened().says(acknowledged=True)


@pytest.mark.parametrize("fields", [{"tracked_by": "Argo CD"}, {"deleting": True}], ids=["tracked", "deleting"])
def test_incident_that_is_not_followed_is_not_requeued_when_its_acknowledgement_is_over(fields: dict[str, str]) -> None:
    story = acknowledged()
    assert story.incident is not None
    tracked, deleting = fields.get("tracked_by", ""), bool(fields.get("deleting"))
    meta = replace(story.incident.meta, deleting=deleting)
    story.incident = replace(story.incident, meta=meta, tracked_by=tracked)

    story.settle().after(hours=3)

    assert next_step(story.snapshot()) is None
    assert story.due() is None


def test_resolved_incident_of_a_lasting_fault_is_not_requeued_for_its_age() -> None:
    spec = {"keepFor": "1m"}
    story = IncidentStory(incidents=spec).level("error-rate", "Critical").opened().says(resolved=True)

    story.after(minutes=5).settle()

    assert not story.deleted
    assert story.due() is None
    assert story.level("error-rate", "Ok").due() == story.now - timedelta(minutes=4)


def test_recovering_incident_is_not_requeued_while_its_runbook_is_gone() -> None:
    story = acknowledged().says(acknowledged=None).level("error-rate", "Ok").settle()
    story.runbook = None

    assert story.settle().after(minutes=20).settle().due() is None
