"""Decide if a Runbook opens an incident, and which entry is its cause."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from runbook_operator.api.conditions import moment
from runbook_operator.api.incident import Cause, IncidentSignal, IncidentSpec
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.response_spec import IncidentLimits
from runbook_operator.core.durations import duration
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.core.severities import SEVERITIES, Severity
from runbook_operator.core.write_failures import Failed
from runbook_operator.incidents import issues
from runbook_operator.incidents.incident_signals import signal
from runbook_operator.incidents.runbook_entries import RunbookEntry, entries
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import CreateIncident, write_key

LONGEST_NAME, MOST_TITLE = 63, 200


def opening(snapshot: RunbookSnapshot) -> CreateIncident | None:
    """Return the step that opens an incident; None if none is wanted, or a refused one is not due again yet."""
    step = _wanted(snapshot)
    failed = _failed(snapshot, step) if step else None
    return None if failed and snapshot.now < failed.due else step


def refused(snapshot: RunbookSnapshot) -> tuple[Reason, str] | None:
    """Return the refusal of an incident that should be open, for the condition Ready of the Runbook."""
    step = _wanted(snapshot)
    if step is None or (failed := _failed(snapshot, step)) is None:
        return None
    return failed.reason, f"the Incident {step.name} could not be created, so nobody is notified: {failed.message}"


def _failed(snapshot: RunbookSnapshot, step: CreateIncident) -> Failed | None:
    found = snapshot.write_histories.get(write_key(step))
    return found.failed if found else None


def _wanted(snapshot: RunbookSnapshot) -> CreateIncident | None:
    """Return the step that opens an incident; None if one is open, nothing is Critical, or each fault had its own."""
    runbook = snapshot.runbook
    if runbook.spec is None:
        return None
    critical, limits = faults(runbook), runbook.spec.incidents
    if unresolved(snapshot.incidents) or any(reopened_by(one, snapshot.incidents, limits) for one in critical):
        return None
    cause = next((one for one in critical if not _had(snapshot, one)), None)
    return _create(runbook, cause) if cause else None


def faults(runbook: RunbookObject) -> list[RunbookEntry]:
    """Return the Critical entries with a severity: the cause first, which is a dependency before its consequences.

    A Runbook that only observes has none: nobody is notified about it.
    """
    if runbook.spec is None or runbook.spec.mode == "Observe":
        return []
    critical = [one for one in entries(runbook) if one.is_critical and one.severity]
    return sorted(critical, key=lambda one: (one.source != "Dependency", SEVERITIES.index(_severity(one)), one.since))


def unresolved(incidents: Iterable[IncidentObject]) -> bool:
    """True if an automatic incident is open: it takes in every fault of its Runbook."""
    return any(one.is_automatic and one.is_followed and not one.is_resolved for one in incidents)


def open_incident(incidents: Iterable[IncidentObject]) -> str:
    """Return the name of the most severe incident that is not resolved; "" if all are."""
    unresolved = [one for one in incidents if not one.is_resolved and not one.tracked_by]
    severe = min(unresolved, key=lambda one: (one.status.severity or one.spec.severity, one.meta.ref), default=None)
    return severe.meta.ref.name if severe else ""


def incident_name(runbook: str, source: str, name: str, bad_since: str) -> str:
    """Return the name of the incident about this fault: the same at each attempt to create it."""
    digest = sha256(f"{source}\n{name}\n{bad_since}".encode()).hexdigest()[:8]
    return f"{runbook[: LONGEST_NAME - 9].rstrip('-.')}-{digest}"


def reopened_by(
    entry: RunbookEntry, incidents: Sequence[IncidentObject], limits: IncidentLimits
) -> IncidentObject | None:
    """Return the incident that reopens for this fault: the last one of its cause that resolved by itself.

    None if an incident has covered the fault.
    """
    if any(_covered(one, entry) for one in incidents):
        return None
    alike = (one for one in incidents if _reopens(one, entry, limits.reopen_for))
    return max(alike, key=lambda one: (moment(one.status.resolved_at), one.meta.ref), default=None)


def _reopens(incident: IncidentObject, entry: RunbookEntry, reopen_for: str) -> bool:
    """True if the incident resolved by itself, and its cause is bad again soon after that.

    The fault may be older than the resolution, if the operator had not stored it yet when it resolved the incident.
    """
    status, cause = incident.status, incident.spec.cause
    is_over = incident.is_followed and incident.is_resolved and not status.resolved_by
    if not is_over or (cause.source, cause.name) != entry.key:
        return False
    return moment(entry.since) <= moment(status.resolved_at) + duration(reopen_for)


def _severity(entry: RunbookEntry) -> Severity:
    return entry.severity or "SEV4"


def _had(snapshot: RunbookSnapshot, entry: RunbookEntry) -> bool:
    """True if an incident has covered this fault of the entry, or its name is taken."""
    name = incident_name(snapshot.runbook.meta.ref.name, entry.source, entry.name, entry.since)
    return any(one.meta.ref.name == name or _covered(one, entry) for one in snapshot.incidents)


def _covered(incident: IncidentObject, entry: RunbookEntry) -> bool:
    """True if a person resolved an automatic incident that has this fault as a signal: the same entry, bad since then.

    The time of the fault is not compared with that of the resolution: the two are of different clocks.
    """
    if not (incident.is_automatic and incident.is_resolved and incident.status.resolved_by):
        return False
    fault = (entry.source, entry.name, "Critical", entry.since)
    return any((one.source, one.name, one.level, one.since) == fault for one in incident.status.signals)


def _create(runbook: RunbookObject, cause: RunbookEntry) -> CreateIncident:
    meta = runbook.meta
    name = incident_name(meta.ref.name, cause.source, cause.name, cause.since)
    found = [signal(cause)]
    spec = IncidentSpec(
        runbook=meta.ref.name,
        title=_title(runbook, cause, found),
        severity=_severity(cause),
        cause=Cause(source=cause.source, name=cause.name),
    )
    text = f"{spec.severity}: opened incident {name}: {spec.title}"
    notice = Notice(meta.ref, meta.uid, Reason.INCIDENT_OPENED, text, f"{meta.uid}.{name}.opened", warning=True)
    return CreateIncident(meta, name, spec, (notice,))


def _title(runbook: RunbookObject, cause: RunbookEntry, found: list[IncidentSignal]) -> str:
    issue = issues.matching(runbook.spec, found) if runbook.spec else None
    text = f"{runbook.spec.title}: {issue.title or issue.name}" if runbook.spec and issue else cause.sentence()
    line = " ".join(text.split())
    return line if len(line) <= MOST_TITLE else f"{line[: MOST_TITLE - 1]}…"
