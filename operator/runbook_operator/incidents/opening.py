"""Decide if a Runbook opens an incident, and which entry is its cause."""

from collections.abc import Iterable
from hashlib import sha256

from runbook_operator.api.conditions import moment
from runbook_operator.api.incident import Cause, IncidentSignal, IncidentSpec
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject
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
    if runbook.spec is None or runbook.spec.mode == "Observe":
        return None
    # An incident that a GitOps tool tracks is refused, and never ends: it must not prevent a real one.
    automatic = [one for one in snapshot.incidents if one.is_automatic and not one.tracked_by]
    if any(not one.is_resolved for one in automatic):
        return None
    fresh = (one for one in _by_weight(entries(runbook)) if not _had(snapshot, automatic, one))
    cause = next(fresh, None)
    return _create(runbook, cause) if cause else None


def open_incident(incidents: Iterable[IncidentObject]) -> str:
    """Return the name of the most severe incident that is not resolved; "" if all are."""
    unresolved = [one for one in incidents if not one.is_resolved and not one.tracked_by]
    severe = min(unresolved, key=lambda one: (one.status.severity or one.spec.severity, one.meta.ref), default=None)
    return severe.meta.ref.name if severe else ""


def incident_name(runbook: str, source: str, name: str, bad_since: str) -> str:
    """Return the name of the incident about this fault: the same at each attempt to create it."""
    digest = sha256(f"{source}\n{name}\n{bad_since}".encode()).hexdigest()[:8]
    return f"{runbook[: LONGEST_NAME - 9].rstrip('-.')}-{digest}"


def reopens(incident: IncidentObject, entry: RunbookEntry, reopen_for: str) -> bool:
    """True if the entry's fault began so soon after the recovery that it reopens this incident."""
    status, cause = incident.status, incident.spec.cause
    if not incident.is_resolved or status.resolved_by or (cause.source, cause.name) != entry.key:
        return False
    return moment(status.resolved_at) < moment(entry.since) <= moment(status.resolved_at) + duration(reopen_for)


def _by_weight(found: Iterable[RunbookEntry]) -> list[RunbookEntry]:
    """Return the Critical entries with a severity: the cause first, which is a dependency before its consequences."""
    critical = [one for one in found if one.is_critical and one.severity]
    return sorted(critical, key=lambda one: (one.source != "Dependency", SEVERITIES.index(_severity(one)), one.since))


def _severity(entry: RunbookEntry) -> Severity:
    return entry.severity or "SEV4"


def _had(snapshot: RunbookSnapshot, automatic: list[IncidentObject], entry: RunbookEntry) -> bool:
    """True if an incident has covered this fault of the entry, or will reopen for it."""
    ref, spec = snapshot.runbook.meta.ref, snapshot.runbook.spec
    name = incident_name(ref.name, entry.source, entry.name, entry.since)
    reopen_for = spec.incidents.reopen_for if spec else "0s"
    # Whoever created an incident of that name: another creation would be refused again and again.
    exists = any(one.meta.ref.name == name for one in snapshot.incidents)
    return exists or any(_covered(one, entry) or reopens(one, entry, reopen_for) for one in automatic)


def _covered(incident: IncidentObject, entry: RunbookEntry) -> bool:
    """True if the entry was a signal of the resolved incident, and is bad since before the resolution."""
    is_signal = any((one.source, one.name) == entry.key for one in incident.status.signals)
    return is_signal and moment(entry.since) <= moment(incident.status.resolved_at)


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
