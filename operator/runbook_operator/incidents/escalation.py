"""The escalation chain of an incident: the contacts that it notifies, their order, and their times."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.contacts import Contact
from runbook_operator.api.incident import MOST_CHAIN, Escalation, EscalationStep
from runbook_operator.api.response_spec import IncidentLimits
from runbook_operator.core.durations import duration, spoken
from runbook_operator.core.severities import Severity

LEAST_INTERVAL = timedelta(minutes=5)
"""The chain does not start again sooner, so that a single contact has time to answer."""


def pinned(contacts: Iterable[Contact], severity: Severity, opened_at: datetime, limits: IncidentLimits) -> Escalation:
    """Return the chain of an incident that opens with this severity. Later edits of the contacts do not change it."""
    due, steps = opened_at, list[EscalationStep]()
    for contact in _notified(contacts, severity)[:MOST_CHAIN]:
        if steps and contact.escalate_after:
            due = opened_at + duration(contact.escalate_after)
        steps.append(_step(contact, due))
    return Escalation(chain=steps, repeat=limits.repeat, interval=spoken(_between_repetitions(steps)))


def widened(escalation: Escalation, contacts: Iterable[Contact], severity: Severity, now: datetime) -> Escalation:
    """Add the contacts that take the raised severity and are not in the chain; they are due now."""
    names = {one.contact for one in escalation.chain}
    added = [_step(one, now) for one in _notified(contacts, severity) if one.name not in names]
    if not added:
        return escalation
    interval = escalation.interval or spoken(LEAST_INTERVAL)
    return escalation.replace(chain=[*escalation.chain, *added][:MOST_CHAIN], interval=interval)


def restarted(escalation: Escalation, now: datetime) -> Escalation:
    """Return the chain of a reopened incident: the same contacts, with the same times from now on."""
    began = _began(escalation)
    return escalation.replace(
        chain=[
            one.replace(state="Waiting", round=0, due_at=timestamp(now + (_first_due(one, escalation) - began)))
            for one in escalation.chain
        ]
    )


def planned(step: EscalationStep, escalation: Escalation) -> datetime | None:
    """Return the time of the step's next message; None while one is owed, and after the last repetition."""
    if step.state == "Owed" or coming_round(step) > escalation.repeat:
        return None
    due = moment(step.due_at)
    return due if step.state == "Waiting" else due + _interval(escalation)


def coming_round(step: EscalationStep) -> int:
    """Return the repetition to which the step's next message belongs."""
    return step.round if step.state == "Waiting" else step.round + 1


def next_step(escalation: Escalation) -> tuple[datetime, EscalationStep] | None:
    """Return the step whose message is next, and its time."""
    times = [(at, number) for number, one in enumerate(escalation.chain) if (at := planned(one, escalation))]
    return ((found := min(times))[0], escalation.chain[found[1]]) if times else None


def after_sending(escalation: Escalation) -> Escalation:
    """Return the chain as it is once the owed messages are sent, to tell who is notified after them."""
    steps = [one.replace(state="Sent") if one.state == "Owed" else one for one in escalation.chain]
    return escalation.replace(chain=steps)


def due_steps(
    escalation: Escalation, now: datetime, *, failed_rounds: Sequence[int] = (), immediately: bool = False
) -> list[int]:
    """Return the positions of the steps whose message is due, in the order of their times.

    A failed message makes the next step of its repetition due. `immediately` makes all waiting steps due.
    """
    waiting = sorted((at, number) for number, one in enumerate(escalation.chain) if (at := planned(one, escalation)))
    chosen = {
        number for at, number in waiting if at <= now or (immediately and escalation.chain[number].state == "Waiting")
    }
    for failed in failed_rounds:
        following = (number for _, number in waiting if coming_round(escalation.chain[number]) == failed)
        chosen.add(next((number for number in following if number not in chosen), -1))
    return [number for _, number in waiting if number in chosen]


def begun(step: EscalationStep, escalation: Escalation, now: datetime) -> EscalationStep:
    """Return the step with its next message owed. Repetitions that passed meanwhile become one message."""
    first = coming_round(step)
    return _advanced(step.replace(round=first, due_at=_due_in(first, step, escalation)), escalation, now).replace(
        state="Owed"
    )


def sent(step: EscalationStep, escalation: Escalation, at: datetime) -> EscalationStep:
    """Return the step after its message was sent. It is the message of all repetitions that were due before."""
    return _advanced(step, escalation, at).replace(state="Sent")


def ends_at(escalation: Escalation) -> datetime:
    """Return the time when the last repetition is over. The chain must not be empty."""
    last = [moment(_due_in(escalation.repeat, one, escalation)) for one in escalation.chain]
    return max(_began(escalation) + (escalation.repeat + 1) * _interval(escalation), *last)


def _notified(contacts: Iterable[Contact], severity: Severity) -> list[Contact]:
    """Return the contacts with a channel that take this severity."""
    return [one for one in contacts if one.notify and (not one.severities or severity in one.severities)]


def _step(contact: Contact, due: datetime) -> EscalationStep:
    return EscalationStep(
        contact=contact.name, role=contact.role, channel=contact.notify, to=contact.to, due_at=timestamp(due)
    )


def _between_repetitions(steps: Sequence[EscalationStep]) -> timedelta:
    """Return the time from the opening to one step after the last one."""
    times = sorted({moment(one.due_at) for one in steps})
    last_step = times[-1] - times[-2] if len(times) > 1 else timedelta()
    return max(LEAST_INTERVAL, times[-1] - times[0] + last_step) if times else LEAST_INTERVAL


def _interval(escalation: Escalation) -> timedelta:
    return max(LEAST_INTERVAL, duration(escalation.interval))


def _due_in(number: int, step: EscalationStep, escalation: Escalation) -> str:
    """Return the time when the step is due in this repetition."""
    return timestamp(moment(step.due_at) + (number - step.round) * _interval(escalation))


def _advanced(step: EscalationStep, escalation: Escalation, now: datetime) -> EscalationStep:
    """Return the step in the latest repetition that is due at this time."""
    passed = max(0, (now - moment(step.due_at)) // _interval(escalation))
    number = max(step.round, min(escalation.repeat, step.round + passed))
    return step.replace(round=number, due_at=_due_in(number, step, escalation))


def _first_due(step: EscalationStep, escalation: Escalation) -> datetime:
    return moment(_due_in(0, step, escalation))


def _began(escalation: Escalation) -> datetime:
    return min(_first_due(one, escalation) for one in escalation.chain)
