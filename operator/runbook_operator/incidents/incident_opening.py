"""The first status of an incident: when it began, what changed before, and the texts of its Runbook at that time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.incident import MOST_CHANGES, IncidentChange, IncidentLink, IncidentStatus
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot
from runbook_operator.incidents.lifecycle import Found
from runbook_operator.incidents.timeline import add, entry

CHANGES_BEFORE = timedelta(minutes=30)
"""How long before the fault a change is worth showing."""


def begun(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Return the status of the opening; the object's creation is the time, so that a crash shifts nothing."""
    snapshot, cause = found.snapshot, found.cause()
    incident = snapshot.incident
    opened = timestamp(moment(incident.created_at) if incident.created_at else found.now)
    bad_since = timestamp(moment(cause.since)) if cause else opened
    new = status.replace(
        phase="Open",
        opened_at=opened,
        bad_since=min(bad_since, opened),
        links=_links(snapshot),
        previous=_previous(snapshot),
        changes=sorted(_changes(snapshot, moment(bad_since)), key=lambda one: one.at)[-MOST_CHANGES:],
    )
    by = "" if incident.is_automatic else incident.opened.by
    return add(new, entry(opened, "Opened", incident.spec.title, by))


def _spec(snapshot: IncidentSnapshot) -> RunbookSpec | None:
    return snapshot.runbook.spec if snapshot.runbook else None


def _links(snapshot: IncidentSnapshot) -> list[IncidentLink]:
    spec = _spec(snapshot)
    return [IncidentLink(title=one.title or one.name, url=one.url) for one in (spec.links if spec else ())]


def _previous(snapshot: IncidentSnapshot) -> str:
    """Return the newest other incident with the same cause."""
    cause = snapshot.incident.spec.cause
    alike = [one for one in snapshot.others if snapshot.incident.is_automatic and one.spec.cause == cause]
    newest = max(alike, key=lambda one: one.status.opened_at, default=None)
    return newest.meta.ref.name if newest else ""


def _changes(snapshot: IncidentSnapshot, bad_since: datetime) -> Iterator[IncidentChange]:
    """Yield the new revisions and the engagements within CHANGES_BEFORE before the fault."""
    first = timestamp(bad_since - CHANGES_BEFORE)
    last = timestamp(bad_since)
    for target in snapshot.runbook.status.targets if snapshot.runbook else ():
        for revision in target.verdicts:
            if first <= timestamp(moment(revision.since)) <= last:
                text = f"target {target.name}: revision {revision.revision} was rolled out"
                yield IncidentChange(at=revision.since, text=text)
    for name, switch in snapshot.switches.items():
        record = switch.status.record
        if record is not None and first <= timestamp(moment(record.engaged_at)) <= last:
            yield IncidentChange(at=record.engaged_at, text=f"switch {name} was engaged by {record.engaged_by}")
