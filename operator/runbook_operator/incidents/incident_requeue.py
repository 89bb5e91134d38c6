"""Compute when an Incident is requeued although no event arrives."""

from collections.abc import Iterator
from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.core.durations import duration
from runbook_operator.incidents import outbox, retention
from runbook_operator.incidents.incident_reconcile import found_in
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot
from runbook_operator.incidents.lifecycle import Found, acknowledgement_ends


def incident_due(snapshot: IncidentSnapshot) -> datetime | None:
    """Return the next time at which the clock alone changes the next step of the incident; None if there is none.

    A time that changes nothing would requeue the incident again and again once it has passed.
    """
    if not snapshot.incident.is_followed:
        return None
    times = (outbox.due(snapshot.incident.status, snapshot.now), *_times(found_in(snapshot)))
    return min((one for one in times if one is not None), default=None)


def _times(found: Found) -> Iterator[datetime | None]:
    status = found.snapshot.incident.status
    if status.phase == "Resolved":
        yield None if retention.is_needed(found) else retention.kept_until(found)
        return
    yield acknowledgement_ends(found.snapshot)
    if status.phase == "Recovering" and found.spec is not None:
        yield moment(status.recovered_at) + duration(found.limits.recover_for)
