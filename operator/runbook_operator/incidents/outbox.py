"""The outbox of an incident: the messages that its status owes, and what follows from their outcomes.

A message is owed in the same status as the transition that causes it, so a crash loses none and sends none twice.
"""

from collections.abc import Sequence
from datetime import datetime

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.incident import (
    Escalation,
    EscalationStep,
    Event,
    IncidentDelivery,
    IncidentStatus,
    TimelineEntry,
)
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.core.severities import most_severe
from runbook_operator.incidents import deliveries, escalation, notification_conditions, timeline
from runbook_operator.incidents.deliveries import PAGES, Cycle
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot, Outcome

MOST_WHY = 120
"""Characters of the cause of a failure in a status."""


def advance(snapshot: IncidentSnapshot, status: IncidentStatus) -> IncidentStatus:
    """Return the status with new outcomes, newly owed messages and the conditions about them.

    The status must have its phase, severity and cycle already. At the same time a second call changes nothing.
    """
    if not status.opened_at:
        return status
    cycle = Cycle(snapshot.incident.meta.uid, status.cycle)
    status, failed_rounds = _merged(snapshot, _with_chain(snapshot, status), cycle)
    status = _dropped(snapshot, status, cycle)
    if status.phase == "Open":
        status = _escalated(snapshot, status, cycle, failed_rounds)
    status = deliveries.bounded(_answered(snapshot, status, cycle), cycle)
    return notification_conditions.described(snapshot, status, cycle)


def due(status: IncidentStatus, now: datetime) -> datetime | None:
    """Return the next time at which `advance` changes the status although nothing else happens."""
    times = [*_escalation_times(status), *_response_times(status)]
    return max(now, min(times)) if times else None


def owed(incident: IncidentObject, now: datetime) -> tuple[IncidentDelivery, ...]:
    """Return the messages to send now."""
    return tuple(one for one in incident.status.deliveries if moment(one.due_at) <= now and _is_wanted(incident, one))


def is_due(incident: IncidentObject | None, delivery_id: str) -> bool:
    """True if the message is still owed and nobody has answered meanwhile: the check at the moment of sending."""
    found = incident.status.deliveries if incident else ()
    return any(incident is not None and one.id == delivery_id and _is_wanted(incident, one) for one in found)


def _is_wanted(incident: IncidentObject, delivery: IncidentDelivery) -> bool:
    """False if the message is finished, or an answer that the status does not have yet makes it needless."""
    if delivery.state != "Owed":
        return False
    return delivery.event not in PAGES or not (incident.spec.acknowledged or incident.spec.resolved)


def _with_chain(snapshot: IncidentSnapshot, status: IncidentStatus) -> IncidentStatus:
    """Pin the chain at the opening, start it again at a reopening, and add contacts if the severity was raised.

    An incident without contacts takes those that the Runbook gets later.
    """
    before, chain = snapshot.incident.status, status.escalation
    spec = snapshot.runbook.spec if snapshot.runbook else None
    if before.opened_at and before.cycle != status.cycle and chain.chain:
        chain = escalation.restarted(chain, snapshot.now)
    severity = status.severity or snapshot.incident.spec.severity
    if spec and not chain.chain and status.phase == "Open":
        began = snapshot.now if before.opened_at else moment(status.opened_at)
        chain = escalation.pinned(spec.contacts, severity, began, spec.incidents)
    elif spec and _is_raised(before, status):
        chain = escalation.widened(chain, spec.contacts, severity, snapshot.now)
    return status.replace(escalation=chain)


def _is_raised(before: IncidentStatus, status: IncidentStatus) -> bool:
    old, new = before.severity, status.severity
    return bool(before.opened_at and old and new and old != new and most_severe(old, new) == new)


def _merged(snapshot: IncidentSnapshot, status: IncidentStatus, cycle: Cycle) -> tuple[IncidentStatus, Sequence[int]]:
    """Add the outcomes to the status; return it with the repetitions in which a message did not arrive."""
    failed = []
    for one in status.deliveries:
        outcome = snapshot.outcomes.get(one.id)
        # A message that was dropped while its last attempt ran may have arrived.
        if outcome and (one.state == "Owed" or (one.state == "Dropped" and outcome.result == "Sent")):
            status = _with_outcome(status, one, outcome, cycle)
            if outcome.result != "Sent" and one.event in PAGES and cycle.has(one):
                failed.append(int(deliveries.place_of(one).partition("-")[0]))
    return status, failed


def _with_outcome(status: IncidentStatus, delivery: IncidentDelivery, outcome: Outcome, cycle: Cycle) -> IncidentStatus:
    done = delivery.replace(
        state=outcome.result, at=outcome.at, channel=outcome.channel, tries=outcome.tries, why=outcome.why[:MOST_WHY]
    )
    status = deliveries.changed(status, done)
    if cycle.has(done):
        status = _with_step_outcome(status, done)
    if done.state == "Sent":
        status = status.replace(delivered_at=status.delivered_at or done.at)
    return timeline.add(status, *_entries(delivery, done))


def _with_step_outcome(status: IncidentStatus, done: IncidentDelivery) -> IncidentStatus:
    """Set the state of the step that the message belongs to, unless the step has begun another repetition."""
    chain = status.escalation
    steps = [
        _finished(one, done, chain)
        if done.event in PAGES and deliveries.place(number, one) == deliveries.place_of(done)
        else one
        for number, one in enumerate(chain.chain)
    ]
    return status.replace(escalation=chain.replace(chain=steps))


def _finished(step: EscalationStep, done: IncidentDelivery, chain: Escalation) -> EscalationStep:
    if done.state == "Sent":
        return escalation.sent(step, chain, moment(done.at))
    return step.replace(state=done.state)


def _entries(owed: IncidentDelivery, done: IncidentDelivery) -> list[TimelineEntry]:
    """Return the entry about a message that called somebody, or that did not arrive."""
    instead = f" instead of {owed.channel}" if done.channel != owed.channel else ""
    if done.state == "Sent" and done.event in PAGES:
        return [timeline.entry(done.at, "Notified", f"{done.contact} was notified through {done.channel}{instead}")]
    if done.state == "GivenUp":
        text = f"the message ({done.event}) to {done.contact} through {done.channel}{instead} failed: {done.why}"
        return [timeline.entry(done.at, "NotNotified", text)]
    return []


def _dropped(snapshot: IncidentSnapshot, status: IncidentStatus, cycle: Cycle) -> IncidentStatus:
    """Drop owed messages that are not true any more. The step of one waits, in case the escalation goes on."""
    for one in status.deliveries:
        why = _why_not(one, status, cycle) if one.state == "Owed" else ""
        if why:
            gone = one.replace(state="Dropped", at=timestamp(snapshot.now), why=why)
            status = deliveries.changed(status, gone)
            if cycle.has(gone):
                status = _with_step_outcome(status, gone)
    return status.replace(escalation=_waiting_again(status)) if status.phase != "Open" else status


def _waiting_again(status: IncidentStatus) -> Escalation:
    chain = status.escalation
    steps = [one.replace(state="Waiting") if one.state == "Dropped" else one for one in chain.chain]
    return chain.replace(chain=steps)


def _why_not(delivery: IncidentDelivery, status: IncidentStatus, cycle: Cycle) -> str:
    """Return the reason to drop an owed message; "" to send it. A resolution is always reported."""
    answer = _answer(status)
    if delivery.event == "resolved":
        return "the incident is open again" if cycle.has(delivery) and answer != "resolved" else ""
    if not cycle.has(delivery) or answer == "resolved":
        return "the incident was resolved"
    if delivery.event in PAGES:
        return "somebody acknowledged the incident" if answer else ""
    return "" if answer else "the acknowledgement ended"


def _answer(status: IncidentStatus) -> Event | None:
    """Return the event that the answer of people or the end of the incident is."""
    if status.phase == "Resolved":
        return "resolved"
    is_acknowledged = status.phase == "Acknowledged" or (status.phase == "Recovering" and status.acknowledged_by)
    return "acknowledged" if is_acknowledged else None


def _escalated(
    snapshot: IncidentSnapshot, status: IncidentStatus, cycle: Cycle, failed_rounds: Sequence[int]
) -> IncidentStatus:
    """Owe a message to each contact whose time has come."""
    is_first = not cycle.pages(status)
    for number in escalation.due_steps(
        status.escalation, snapshot.now, failed_rounds=failed_rounds, immediately=_is_immediate(snapshot, status)
    ):
        step = status.escalation.chain[number]
        status = _with_page(snapshot, status, cycle, number)
        if not is_first:
            text = f"nobody has acknowledged: {step.contact} ({step.role}) is notified through {step.channel}"
            status = timeline.add(status, timeline.entry(timestamp(snapshot.now), "Escalated", text))
    return status


def _is_immediate(snapshot: IncidentSnapshot, status: IncidentStatus) -> bool:
    """True if the common issue notifies all contacts at once."""
    spec = snapshot.runbook.spec if snapshot.runbook else None
    return bool(spec and any(one.name == status.issue and one.escalate == "Immediately" for one in spec.issues))


def _with_page(snapshot: IncidentSnapshot, status: IncidentStatus, cycle: Cycle, number: int) -> IncidentStatus:
    """Owe the message of one step. It is late only if its time passed while the escalation ran."""
    chain, now = status.escalation, snapshot.now
    step = chain.chain[number]
    was_running = not snapshot.incident.status.opened_at or snapshot.incident.status.phase == "Open"
    time = escalation.planned(step, chain)
    begun = escalation.begun(step, chain, now)
    reached = {deliveries.address(one) for one in cycle.pages(status) if one.state in {"Owed", "Sent"}}
    event: Event = "escalated" if (step.channel, step.to) in reached else "opened"
    page = IncidentDelivery(
        id=cycle.id(deliveries.place(number, begun), event, step.contact),
        event=event,
        contact=step.contact,
        channel=step.channel,
        to=step.to,
        due_at=timestamp(min(now, time) if time and was_running else now),
    )
    steps = [begun if position == number else one for position, one in enumerate(chain.chain)]
    return deliveries.put(status.replace(escalation=chain.replace(chain=steps)), page)


def _answered(snapshot: IncidentSnapshot, status: IncidentStatus, cycle: Cycle) -> IncidentStatus:
    """Owe the acknowledgement or the resolution, once to each address that was called in this cycle."""
    event = _answer(status)
    if event is None:
        return status
    reported = {
        deliveries.address(one)
        for one in status.deliveries
        if cycle.has(one) and one.event == event and one.state != "Dropped"
    }
    for address, reached in cycle.reached(status).items():
        if address not in reported:
            number = cycle.id(deliveries.place_of(reached), event, reached.contact)
            status = deliveries.put(
                status,
                IncidentDelivery(
                    id=number,
                    event=event,
                    contact=reached.contact,
                    channel=reached.channel,
                    to=reached.to,
                    due_at=timestamp(snapshot.now),
                ),
            )
    return status


def _escalation_times(status: IncidentStatus) -> list[datetime]:
    """Return the times of the next step and of the end of the escalation."""
    if status.phase != "Open" or not status.escalation.chain:
        return []
    if following := escalation.next_step(status.escalation):
        return [following[0]]
    # The outcome of an owed message causes a visit.
    is_owed = any(one.state == "Owed" for one in status.escalation.chain)
    is_over = is_owed or notification_conditions.is_unanswered(status.conditions)
    return [] if is_over else [escalation.ends_at(status.escalation)]


def _response_times(status: IncidentStatus) -> list[datetime]:
    is_pending = notification_conditions.awaits_response(status)
    return [moment(status.respond_by)] if is_pending else []
