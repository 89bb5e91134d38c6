"""Compute the phase, the severity and the acknowledgement of an incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.incident import IncidentStatus
from runbook_operator.api.response_spec import IncidentLimits
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core.durations import duration, spoken
from runbook_operator.core.severities import RESPOND_WITHIN, Severity, most_severe
from runbook_operator.incidents import issues
from runbook_operator.incidents.incident_signals import is_recovered
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot
from runbook_operator.incidents.opening import faults, reopened_by, unresolved
from runbook_operator.incidents.runbook_entries import RunbookEntry
from runbook_operator.incidents.timeline import add, entry

UNKNOWN_AUTHOR = "unknown"


@dataclass(frozen=True)
class Found:
    """The snapshot, and the entries of its Runbook."""

    snapshot: IncidentSnapshot
    entries: tuple[RunbookEntry, ...]

    @property
    def spec(self) -> RunbookSpec | None:
        """The spec of the Runbook; None if the Runbook was deleted or does not parse."""
        return self.snapshot.runbook.spec if self.snapshot.runbook else None

    @property
    def limits(self) -> IncidentLimits:
        return self.spec.incidents if self.spec else IncidentLimits()

    @property
    def now(self) -> datetime:
        return self.snapshot.now

    def cause(self) -> RunbookEntry | None:
        """Return the entry that opened the incident; None if a person did, or it is not declared any more."""
        declared = self.snapshot.incident.spec.cause
        return next((one for one in self.entries if one.key == (declared.source, declared.name)), None)


def acknowledgement_ends(snapshot: IncidentSnapshot) -> datetime | None:
    """Return when the operator removes the acknowledgement; None if there is none."""
    until = snapshot.incident.status.acknowledged_until
    return moment(until) if until and snapshot.incident.spec.acknowledged else None


def raised(found: Found, status: IncidentStatus) -> Severity:
    """Return the severity in force.

    A change of spec.severity sets it. A signal that becomes Critical, or another matching issue, can only raise it.
    """
    incident = found.snapshot.incident
    base = status.severity
    if base is None or incident.spec.severity != incident.status.declared_severity:
        base = incident.spec.severity
    return most_severe(base, *_fresh_severities(found, status))


def _fresh_severities(found: Found, status: IncidentStatus) -> list[Severity]:
    before = {(one.source, one.name) for one in found.snapshot.incident.status.signals if one.level == "Critical"}
    listed = {(one.source, one.name) for one in status.signals}
    fresh = [
        one.severity
        for one in found.entries
        if one.severity and one.is_critical and one.key in listed and one.key not in before
    ]
    issue = issue_severity(found, status)
    return fresh + ([issue] if issue and status.issue != found.snapshot.incident.status.issue else [])


def issue_severity(found: Found, status: IncidentStatus) -> Severity | None:
    """Return the severity of the issue that the signals match; None if there is none."""
    runbook = found.snapshot.runbook
    issue = issues.matching(runbook.spec, status.signals) if runbook and runbook.spec else None
    return issue.severity if issue else None


def with_severity(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Set the severity in force and the time by which somebody must answer."""
    spec, now = found.snapshot.incident.spec, raised(found, status)
    changed = status.severity is not None and now != status.severity
    until = moment(status.opened_at) + _respond_within(found, now)
    new = status.replace(severity=now, declared_severity=spec.severity, respond_by=timestamp(until))
    text = f"the severity changed from {status.severity} to {now}"
    return add(new, entry(found.now, "SeverityChanged", text)) if changed else new


def _respond_within(found: Found, severity: Severity) -> timedelta:
    runbook = found.snapshot.runbook
    levels = runbook.spec.severities if runbook and runbook.spec else []
    declared = next((one.respond_within for one in levels if one.level == severity), None)
    return duration(declared or RESPOND_WITHIN[severity])


def with_phase(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Move to the next phase; a person's `resolved: true` is final from any phase."""
    incident = found.snapshot.incident
    if incident.spec.resolved:
        return _resolved_by_person(found, status)
    if status.phase == "Resolved":
        return _reopened(found, status)
    status = _with_acknowledgement(found, status)
    return _recovering(found, status) if _recovered(found, status) else _unrecovered(status)


def _unrecovered(status: IncidentStatus) -> IncidentStatus:
    return status.replace(recovered_at="", phase="Acknowledged" if status.acknowledged_since else "Open")


def _resolved_by_person(found: Found, status: IncidentStatus) -> IncidentStatus:
    if status.phase == "Resolved" and status.resolved_by:
        return status
    author = found.snapshot.incident.resolved
    at, by = author.at or timestamp(found.now), author.by or UNKNOWN_AUTHOR
    resolution = found.snapshot.incident.spec.resolution
    return add(
        status.replace(phase="Resolved", resolved_at=at, resolved_by=by),
        entry(at, "Resolved", resolution or "resolved", by),
    )


def _reopened(found: Found, status: IncidentStatus) -> IncidentStatus:
    cause = _returned_cause(found)
    if not status.resolved_by and cause is None:
        return status
    text = cause.sentence() if cause and not status.resolved_by else "spec.resolved was removed"
    opened = status.replace(
        phase="Open",
        cycle=status.cycle + 1,
        recovered_at="",
        resolved_at="",
        resolved_by="",
    )
    return _unrecovered(_with_acknowledgement(found, add(opened, entry(found.now, "Reopened", text))))


def _returned_cause(found: Found) -> RunbookEntry | None:
    """Return the cause if it is bad again and reopens this incident, not another one."""
    incident, runbook, others = found.snapshot.incident, found.snapshot.runbook, found.snapshot.others
    if runbook is None or unresolved(others):
        return None
    again = (one for one in faults(runbook) if reopened_by(one, (incident, *others), found.limits) is incident)
    return next(again, None)


def _recovered(found: Found, status: IncidentStatus) -> bool:
    """True if all signals are Ok; an incident that a person opened never recovers by itself.

    Without a Runbook there is no news, so that the incident neither begins to recover nor ends its recovery.
    """
    incident = found.snapshot.incident
    if found.spec is None:
        return status.phase == "Recovering"
    return incident.is_automatic and is_recovered(status.signals, found.entries, incident.spec.cause)


def _recovering(found: Found, status: IncidentStatus) -> IncidentStatus:
    if not status.recovered_at:
        status = add(
            status.replace(recovered_at=timestamp(found.now)), entry(found.now, "Recovering", "all signals are Ok")
        )
    over = moment(status.recovered_at) + duration(found.limits.recover_for)
    if found.now < over or found.spec is None:
        return status.replace(phase="Recovering")
    text = f"all signals were Ok for {spoken(duration(found.limits.recover_for))}"
    return add(
        status.replace(phase="Resolved", resolved_at=timestamp(found.now), resolved_by=""),
        entry(found.now, "Resolved", text),
    )


def _with_acknowledgement(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Record that somebody works on the incident, or that nobody does any more."""
    if bool(found.snapshot.incident.spec.acknowledged) == bool(status.acknowledged_since):
        return status
    return _unacknowledged(found, status) if status.acknowledged_since else _acknowledged(found, status)


def _acknowledged(found: Found, status: IncidentStatus) -> IncidentStatus:
    incident = found.snapshot.incident
    at = incident.acknowledged.at or timestamp(found.now)
    by = incident.acknowledged.by or UNKNOWN_AUTHOR
    until = timestamp(moment(at) + duration(incident.spec.acknowledged_for))
    return add(
        status.replace(
            acknowledged_at=status.acknowledged_at or at,
            acknowledged_since=at,
            acknowledged_by=by,
            acknowledged_until=until,
        ),
        entry(at, "Acknowledged", f"acknowledged for {incident.spec.acknowledged_for}", by),
    )


def _unacknowledged(found: Found, status: IncidentStatus) -> IncidentStatus:
    ended = status.replace(acknowledged_since="", acknowledged_by="", acknowledged_until="")
    text = f"the acknowledgement by {status.acknowledged_by} ended"
    return add(ended, entry(found.now, "AcknowledgementEnded", text))
