"""Decide the next step of an Incident: delete it, remove an acknowledgement that ended, or write its status."""

from runbook_operator.api.conditions import Condition, Finding, condition
from runbook_operator.api.incident import IncidentStatus
from runbook_operator.core import kubectl_commands
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.core.severities import SEVERITIES
from runbook_operator.incidents import notification_conditions, outbox, retention
from runbook_operator.incidents.incident_opening import begun
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot
from runbook_operator.incidents.incident_texts import columns, with_advice, with_signals, with_switches, with_words
from runbook_operator.incidents.lifecycle import Found, acknowledgement_ends, raised, with_phase, with_severity
from runbook_operator.incidents.runbook_entries import entries
from runbook_operator.reconcile.steps import ClearAcknowledgement, DeleteIncident, IncidentStep, WriteStatus


def next_step(snapshot: IncidentSnapshot) -> IncidentStep | None:
    """Return the next step, or None. An incident that is being deleted, or that a GitOps tool tracks, sends nothing."""
    incident = snapshot.incident
    if incident.meta.deleting:
        return None
    if incident.tracked_by:
        return _written(snapshot, _tracked(snapshot))
    found = found_in(snapshot)
    if retention.is_over(found):
        return DeleteIncident(incident.meta)
    if _acknowledgement_is_over(found):
        return ClearAcknowledgement(incident.meta)
    return _written(snapshot, new_status(found))


def found_in(snapshot: IncidentSnapshot) -> Found:
    """Return the snapshot with the entries of its Runbook."""
    return Found(snapshot, tuple(entries(snapshot.runbook)) if snapshot.runbook else ())


def new_status(found: Found) -> IncidentStatus:
    """Compute the status. A resolved incident changes no more, unless it reopens or a person writes to it."""
    incident = found.snapshot.incident
    status = incident.status if incident.status.opened_at else begun(found, incident.status)
    before = status.phase
    status = with_words(found, status)
    if before != "Resolved":
        status = _observed(found, status)
    status = with_phase(found, status)
    if before == "Resolved" and status.phase != "Resolved":
        status = _observed(found, status)
    status = status.replace(observed_generation=incident.meta.generation, columns=columns(found, status))
    return outbox.advance(found.snapshot, status.replace(conditions=_conditions(found, status)))


def _observed(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Take in what the Runbook and its switches report."""
    status = with_severity(found, with_signals(found, status))
    return with_advice(found, with_switches(found, status))


def _acknowledgement_is_over(found: Found) -> bool:
    """True if the acknowledgement ends: its time is over, or the incident became more severe for another reason."""
    incident = found.snapshot.incident
    if not incident.spec.acknowledged or incident.is_resolved:
        return False
    ends = acknowledgement_ends(found.snapshot)
    return (ends is not None and found.now >= ends) or _became_worse(found)


def _became_worse(found: Found) -> bool:
    incident, old = found.snapshot.incident, found.snapshot.incident.status
    if old.severity is None or incident.spec.severity != old.declared_severity:
        return False
    new = raised(found, with_signals(found, old))
    return SEVERITIES.index(new) < SEVERITIES.index(old.severity)


def _conditions(found: Found, status: IncidentStatus) -> list[Condition]:
    """Return Ready and Acknowledged, and keep the conditions of the messages."""
    old, generation = status.conditions, found.snapshot.incident.meta.generation
    made = [
        condition(old, kind, finding, generation, found.now)
        for kind, finding in (("Ready", _ready(found.snapshot)), ("Acknowledged", _acknowledged(found, status)))
    ]
    return [*made, *(one for one in old if one.type not in ("Ready", "Acknowledged"))]


def _ready(snapshot: IncidentSnapshot) -> Finding:
    if snapshot.unsettled:
        return Finding(False, Reason.UNSETTLED, snapshot.unsettled)
    if snapshot.runbook is None:
        name, has_chain = snapshot.incident.spec.runbook, bool(snapshot.incident.status.escalation.chain)
        who = "its chain still notifies contacts" if has_chain else "nobody is notified"
        text = (
            f"there is no Runbook {name} in this namespace: {who}, and its signals are not updated; resolve it, and "
            "create an Incident that names an existing Runbook"
        )
        return Finding(False, Reason.RUNBOOK_NOT_FOUND, text)
    return Finding(True, Reason.READY, "")


def _acknowledged(found: Found, status: IncidentStatus) -> Finding:
    if status.acknowledged_by:
        return Finding(True, Reason.ACKNOWLEDGED, f"by {status.acknowledged_by}")
    command = kubectl_commands.acknowledge(found.snapshot.incident.meta.ref)
    return Finding(False, Reason.NOT_ACKNOWLEDGED, f"nobody has acknowledged it; to acknowledge it: {command}")


def _tracked(snapshot: IncidentSnapshot) -> IncidentStatus:
    incident = snapshot.incident
    text = (
        f"{incident.tracked_by} tracks this Incident and would create it again after its end, so nobody is notified; "
        "remove it from Git and create it with kubectl create"
    )
    ready = condition(
        incident.status.conditions,
        "Ready",
        Finding(False, Reason.INCIDENT_TRACKED, text),
        incident.meta.generation,
        snapshot.now,
    )
    return incident.status.replace(observed_generation=incident.meta.generation, conditions=[ready])


def _written(snapshot: IncidentSnapshot, status: IncidentStatus) -> WriteStatus | None:
    incident = snapshot.incident
    return WriteStatus(incident.meta, status, _notices(snapshot, status)) if status != incident.status else None


def _notices(snapshot: IncidentSnapshot, status: IncidentStatus) -> tuple[Notice, ...]:
    """Return the Events about a resolution, and about people who were not reached."""
    meta, old = snapshot.incident.meta, snapshot.incident.status
    unreached = notification_conditions.notices(snapshot, status)
    if status.phase != "Resolved" or old.phase == "Resolved":
        return unreached
    text = f"resolved by {status.resolved_by}" if status.resolved_by else "resolved: all signals stayed Ok"
    identity = f"{meta.uid}.{status.cycle}.resolved"
    return (*unreached, Notice(meta.ref, meta.uid, Reason.INCIDENT_RESOLVED, text, identity))
