"""Compute when an Incident is requeued although no event arrives."""

from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.core.durations import duration
from runbook_operator.incidents import outbox, retention
from runbook_operator.incidents.incident_reconcile import found_in
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot
from runbook_operator.incidents.lifecycle import acknowledgement_ends


def incident_due(snapshot: IncidentSnapshot) -> datetime | None:
    """Return the next time at which the clock alone changes the next step of the incident; None if there is none."""
    found, status = found_in(snapshot), snapshot.incident.status
    times = [outbox.due(status, snapshot.now)]
    if status.phase == "Resolved":
        times.append(retention.kept_until(found))
    else:
        times.append(acknowledgement_ends(snapshot))
    if status.phase == "Recovering":
        times.append(moment(status.recovered_at) + duration(found.limits.recover_for))
    return min((one for one in times if one is not None), default=None)
