"""Decide when a resolved incident is deleted."""

from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.core.durations import duration
from runbook_operator.incidents.lifecycle import Found


def is_over(found: Found) -> bool:
    """True if the incident is resolved and not kept any longer; one that owes a message or covers a fault is kept."""
    incident = found.snapshot.incident
    if not incident.is_resolved or is_needed(found):
        return False
    return found.now >= kept_until(found) or _is_surplus(found)


def kept_until(found: Found) -> datetime:
    """Return when a resolved incident is deleted for its age."""
    return moment(found.snapshot.incident.status.resolved_at) + duration(found.limits.keep_for)


def is_needed(found: Found) -> bool:
    """True if a message is owed, or a fault of this incident lasts: without the incident it would open another one."""
    status = found.snapshot.incident.status
    signals = {(one.source, one.name) for one in status.signals}
    lasts = any(one.is_critical and one.severity and one.key in signals for one in found.entries)
    return lasts or any(one.state == "Owed" for one in status.deliveries)


def _is_surplus(found: Found) -> bool:
    """True if enough incidents of the Runbook were resolved after this one."""
    incident = found.snapshot.incident
    mine = (moment(incident.status.resolved_at), incident.meta.ref.name)
    later = [
        one
        for one in found.snapshot.others
        if one.is_resolved and (moment(one.status.resolved_at), one.meta.ref.name) > mine
    ]
    return len(later) >= found.limits.keep
