"""The messages that an incident owes."""

from datetime import datetime

from runbook_operator.api.incident import IncidentStatus
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot


def advance(snapshot: IncidentSnapshot, status: IncidentStatus) -> IncidentStatus:
    del snapshot
    return status


def due(status: IncidentStatus, now: datetime) -> datetime | None:
    del status, now
    return None
