"""Build the message of one delivery from an incident: any incident gives a message that every channel can send."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from runbook_operator.api.incident import IncidentDelivery, IncidentSignal
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.core import kubectl_commands
from runbook_operator.core.durations import spoken
from runbook_operator.core.severities import Severity
from runbook_operator.incidents import escalation
from runbook_operator.incidents.deliveries import PAGES
from runbook_operator.notifiers.message import FirstAction, Link, Message, Problem

LATE = timedelta(minutes=2)
"""A message that is sent this long after its time says so."""
LONGEST_ID, LONGEST_RECIPIENT = 255, 320


def message(
    incident: IncidentObject, runbook: RunbookObject | None, delivery: IncidentDelivery, now: datetime
) -> Message:
    """Return the message of the delivery, as the incident is now."""
    ref, status = incident.meta.ref, incident.status
    severity = status.severity or incident.spec.severity
    action, is_page = status.first_action, delivery.event in PAGES
    return Message(
        id=_id(delivery.id),
        dedup_key=_id(".".join(delivery.id.split(".")[:2])),
        kind=delivery.event,
        at=_time(status.opened_at if is_page else delivery.due_at) or now,
        severity=severity,
        namespace=ref.namespace,
        runbook=incident.spec.runbook,
        incident=ref.name,
        title=incident.spec.title,
        problem=_problem(incident),
        likely_cause=status.likely_cause,
        first_action=FirstAction(text=action.text, command=action.command) if action and is_page else None,
        links=tuple(Link(text=one.title, url=one.url) for one in status.links),
        acknowledge=kubectl_commands.acknowledge(ref) if is_page else "",
        next_contact=_next_contact(incident, delivery, now),
        diagnosis=tuple(_diagnosis(incident, runbook, delivery, now)),
        changes=tuple(_dated(one.at, one.text, now) for one in status.changes),
        recipient=delivery.to[:LONGEST_RECIPIENT],
    )


def _id(text: str) -> str:
    """Return the text with the characters that an id may have."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip("._-")[:LONGEST_ID] or "none"


def _time(text: str) -> datetime | None:
    """Return the time that the text is; None for none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _problem(incident: IncidentObject) -> Problem | None:
    """Return the signal of the cause; without one the first signal that is bad."""
    signal, status = _main_signal(incident), incident.status
    if signal is None:
        return None
    began = "" if signal.level == "Ok" else status.bad_since
    since = _time(began) or _time(signal.since)
    return Problem(name=signal.name, value=signal.value or signal.level, threshold=signal.threshold, since=since)


def _main_signal(incident: IncidentObject) -> IncidentSignal | None:
    cause, signals = incident.spec.cause, incident.status.signals
    own = (one for one in signals if (one.source, one.name) == (cause.source, cause.name))
    return next(own, next(iter(signals), None))


def _next_contact(incident: IncidentObject, delivery: IncidentDelivery, now: datetime) -> str:
    status = incident.status
    if delivery.event == "acknowledged":
        until = _time(status.acknowledged_until)
        who = status.acknowledged_by or "somebody"
        return f"nobody{f' until {_shown(until, now)}' if until else ''}: {who} acknowledged the incident"
    if delivery.event == "resolved":
        return f"nobody: the incident was resolved {_resolved_by(incident)}{_took(incident)}"
    following = escalation.next_step(escalation.after_sending(status.escalation))
    if following is None:
        return "nobody: every contact has been notified, and the chain does not start again"
    at, step = following
    again = " again" if escalation.coming_round(step) else ""
    return f"{step.contact} ({step.role}){again} at {_shown(at, now)} unless somebody acknowledges"


def _resolved_by(incident: IncidentObject) -> str:
    return f"by {incident.status.resolved_by}" if incident.status.resolved_by else "automatically"


def _took(incident: IncidentObject) -> str:
    opened, resolved = _time(incident.status.opened_at), _time(incident.status.resolved_at)
    return f" after {spoken(resolved - opened)}" if opened and resolved else ""


def _diagnosis(
    incident: IncidentObject, runbook: RunbookObject | None, delivery: IncidentDelivery, now: datetime
) -> Iterator[str]:
    """Yield what helps to judge the incident, the most useful line first."""
    yield _late(delivery, now)
    yield _notified_before(incident, delivery, now)
    yield incident.spec.resolution if delivery.event == "resolved" else incident.spec.summary
    main = _main_signal(incident)
    yield main.message if main else ""
    others = (one for one in incident.status.signals if one is not main and one.level in {"Warning", "Critical"})
    for one in others:
        yield f"{one.name} is {one.level}{f': {one.message}' if one.message else ''}"
    yield _definition(incident.status.severity or incident.spec.severity, runbook)


def _late(delivery: IncidentDelivery, now: datetime) -> str:
    due = _time(delivery.due_at)
    if due is None or now - due < LATE:
        return ""
    return f"sent {spoken(now - due)} late: the operator was not running, or could not send it"


def _notified_before(incident: IncidentObject, delivery: IncidentDelivery, now: datetime) -> str:
    """Return who else was called in this cycle, so that the reader knows whom to ask."""
    cycle = delivery.id.split(".")[:2]
    times = {
        one.contact: at
        for one in incident.status.deliveries
        if one.event in PAGES and one.id.split(".")[:2] == cycle and one.state == "Sent" and (at := _time(one.at))
    }
    names = [f"{name} at {_shown(at, now)}" for name, at in times.items() if name != delivery.contact]
    return f"also notified: {', '.join(names)}" if names else ""


def _definition(severity: Severity, runbook: RunbookObject | None) -> str:
    declared = runbook.spec.severities if runbook and runbook.spec else ()
    found = next((one.definition for one in declared if one.level == severity), "")
    return f"{severity}: {found}" if found else ""


def _dated(at: str, text: str, now: datetime) -> str:
    time = _time(at)
    return f"{_shown(time, now)}: {text}" if time else text


def _shown(at: datetime, now: datetime) -> str:
    """Return the time for people, with its date if that is another than today's."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.astimezone(UTC).date() else f"{at:%Y-%m-%d %H:%M} UTC"
