"""The conditions Notified and ResponseOverdue of an incident, and the text of its next notification."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runbook_operator.api import conditions
from runbook_operator.api.conditions import Condition, Finding, moment, timestamp
from runbook_operator.api.incident import IncidentDelivery, IncidentStatus
from runbook_operator.core.durations import spoken
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.incidents import escalation, timeline
from runbook_operator.incidents.deliveries import Cycle
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot

OWN = ("Notified", "ResponseOverdue")


def described(snapshot: IncidentSnapshot, status: IncidentStatus, cycle: Cycle) -> IncidentStatus:
    """Return the status with both conditions, the column NEXT and the time of the next notification."""
    notified = _notified(_Facts(snapshot.incident.spec.runbook, status, cycle, snapshot.now))
    if notified.reason == Reason.NOBODY_ANSWERED and not is_unanswered(status.conditions):
        entry = timeline.entry(timestamp(snapshot.now), "Escalated", notified.message)
        status = timeline.add(status, entry)
    following = escalation.next_step(status.escalation) if status.phase == "Open" else None
    status = status.replace(
        escalation=status.escalation.replace(next_at=timestamp(following[0]) if following else ""),
        columns=status.columns.replace(next=_next(status)),
    )
    return _with_conditions(snapshot, status, notified)


def notices(snapshot: IncidentSnapshot, status: IncidentStatus) -> tuple[Notice, ...]:
    """Return a warning if the condition Notified has just become False: nobody may know of the incident."""
    before, now = (conditions.find(one.conditions, "Notified") for one in (snapshot.incident.status, status))
    if now is None or now.status != "False" or (before and before.reason == now.reason):
        return ()
    meta = snapshot.incident.meta
    identity = f"{meta.uid}.{status.cycle}.{now.reason}"
    return (Notice(meta.ref, meta.uid, Reason(now.reason), now.message, identity, warning=True),)


def is_unanswered(found: Sequence[Condition]) -> bool:
    """True if the status reports that the whole chain was notified and nobody answered."""
    return any(one.type == "Notified" and one.reason == Reason.NOBODY_ANSWERED for one in found)


def awaits_response(status: IncidentStatus) -> bool:
    """True if somebody must acknowledge by a time that the status does not report as passed."""
    overdue = conditions.find(status.conditions, "ResponseOverdue")
    return _is_unacknowledged(status) and not (overdue and overdue.status == "True")


@dataclass(frozen=True)
class _Facts:
    runbook: str
    status: IncidentStatus
    cycle: Cycle
    now: datetime


def _with_conditions(snapshot: IncidentSnapshot, status: IncidentStatus, notified: Finding) -> IncidentStatus:
    old, generation = snapshot.incident.status.conditions, snapshot.incident.meta.generation
    found = zip(OWN, (notified, _overdue(status, snapshot.now)), strict=True)
    own = [conditions.condition(old, kind, one, generation, snapshot.now) for kind, one in found]
    return status.replace(conditions=[*(one for one in status.conditions if one.type not in OWN), *own])


def _notified(facts: _Facts) -> Finding:
    status = facts.status
    if not status.escalation.chain:
        text = f"no contact takes {status.severity}: set spec.contacts[].notify to a channel in Runbook/{facts.runbook}"
        return Finding(False, Reason.NO_CONTACT, text)
    if _is_exhausted(status, facts.now):
        text = "nobody acknowledged, and the escalation ended; status.deliveries has the messages"
        return Finding(False, Reason.NOBODY_ANSWERED, text)
    pages = [one for one in facts.cycle.pages(status) if one.state != "Dropped"]
    return _of_page(pages[-1], status) if pages else _without_page(status)


def _of_page(page: IncidentDelivery, status: IncidentStatus) -> Finding:
    """Return the condition about the latest message that called somebody."""
    if page.state == "Owed":
        return Finding(None, Reason.NOTIFYING, f"the message to {page.contact} through channel {page.channel} is owed")
    if page.state == "GivenUp":
        text = f"channel {page.channel} did not deliver the message to {page.contact}: {page.why}"
        return Finding(False, Reason.CHANNEL_FAILED, text)
    at = conditions.clock(page.at, status.opened_at)
    return Finding(True, Reason.NOTIFIED, f"{page.contact} was notified through channel {page.channel} at {at}")


def _without_page(status: IncidentStatus) -> Finding:
    if status.phase == "Open":
        return Finding(None, Reason.NOTIFYING, "no message was sent yet")
    return Finding(True, Reason.NOT_NEEDED, "no message was needed: the incident was answered or recovered before")


def _is_exhausted(status: IncidentStatus, now: datetime) -> bool:
    """True if the last repetition of the chain is over and nobody acknowledged."""
    chain = status.escalation
    is_running = any(one.state == "Owed" for one in chain.chain) or escalation.next_step(chain) is not None
    return status.phase == "Open" and not is_running and escalation.ends_at(chain) <= now


def _overdue(status: IncidentStatus, now: datetime) -> Finding:
    if not _is_unacknowledged(status):
        text = "the incident was acknowledged" if status.acknowledged_at else "no acknowledgement is due"
        return Finding(False, Reason.ANSWERED if status.acknowledged_at else Reason.NOT_NEEDED, text)
    by = conditions.seconds(status.respond_by)
    if now < moment(status.respond_by):
        return Finding(False, Reason.RESPONSE_PENDING, f"somebody must acknowledge by {by}")
    length = spoken(moment(status.respond_by) - moment(status.opened_at))
    text = f"nobody acknowledged by {by}, {length} after the opening"
    return Finding(True, Reason.RESPONSE_OVERDUE, text)


def _is_unacknowledged(status: IncidentStatus) -> bool:
    return bool(status.respond_by) and not status.acknowledged_at and status.phase in {"Open", "Recovering"}


def _next(status: IncidentStatus) -> str:
    """Return the text of the column NEXT: `bob at 03:15Z`, `nobody`, or "" while the escalation does not run."""
    if status.phase != "Open":
        return ""
    following = escalation.next_step(escalation.after_sending(status.escalation))
    if following is None:
        return "nobody"
    at, step = following
    return f"{step.contact} at {conditions.clock(timestamp(at), status.opened_at)}"
