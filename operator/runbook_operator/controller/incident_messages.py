"""Send the messages that the statuses of Incidents owe, and keep their outcomes until a status has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident import DeliveryState, IncidentDelivery
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.cache.store import Store
from runbook_operator.core.references import Ref
from runbook_operator.delivery.orders import Order, Report, TakesOrders
from runbook_operator.incidents import message_builder, outbox
from runbook_operator.incidents.incident_snapshot import Outcome
from runbook_operator.runtime.work_queue import WorkQueue

AGAIN = 5.0
"""Seconds until a message is submitted again that was not taken: the sender starts, or too many messages wait."""


@dataclass
class _Messages:
    """The messages of one Incident, by their ids: those that the sender has, and the ends of others."""

    uid: str
    in_flight: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass
class IncidentMessages:
    """The messages of all Incidents that this replica leads. Nothing here waits."""

    delivery: TakesOrders
    store: Store
    queue: WorkQueue[Ref]
    now: Callable[[], datetime]
    _of: dict[Ref, _Messages] = field(default_factory=dict)

    def outcomes(self, incident: IncidentObject) -> Mapping[str, Outcome]:
        """Return the outcomes that the status does not have yet, and forget the others."""
        ours = self._messages(incident)
        states = {one.id: one.state for one in incident.status.deliveries}
        ours.outcomes = {number: one for number, one in ours.outcomes.items() if _is_new(one, states.get(number))}
        return dict(ours.outcomes)

    def submit(self, ref: Ref) -> None:
        """Submit the messages that the stored status owes now, except those that were submitted before."""
        incident = self.store.incidents.objects.get(ref)
        if incident is None or incident.meta.deleting or not self.queue.mine(ref):
            return
        ours = self._messages(incident)
        for owed in outbox.owed(incident, self.now()):
            if owed.id not in ours.in_flight and owed.id not in ours.outcomes:
                self._submit(incident, owed, ours)

    def forget(self, ref: Ref) -> None:
        """Forget a deleted Incident, or one that another replica leads; its messages that still wait are dropped."""
        self._of.pop(ref, None)

    def _messages(self, incident: IncidentObject) -> _Messages:
        ref, uid = incident.meta.ref, incident.meta.uid
        ours = self._of.get(ref)
        if ours is None or ours.uid != uid:
            ours = self._of[ref] = _Messages(uid)
        return ours

    def _submit(self, incident: IncidentObject, owed: IncidentDelivery, ours: _Messages) -> None:
        ref = incident.meta.ref
        if why := self.delivery.unavailable:
            self._end(ref, owed.id, ours, Report("NoChannel", owed.channel, why=why))
            return
        runbook = self.store.runbooks.get(incident.runbook)
        message = message_builder.message(incident, runbook, owed, self.now())
        is_due, end = partial(self._is_due, ref, owed.id, ours), partial(self._end, ref, owed.id, ours)
        if self.delivery.submit(Order(owed.channel, ref.namespace, message, is_due, end)):
            ours.in_flight.add(owed.id)
        else:
            self.queue.add_later(ref, AGAIN)

    def _is_due(self, ref: Ref, number: str, ours: _Messages) -> bool:
        """True if this replica still leads the Incident, and its stored status still owes the message."""
        if self._of.get(ref) is not ours or not self.queue.mine(ref):
            return False
        return outbox.is_due(self.store.incidents.objects.get(ref), number)

    def _end(self, ref: Ref, number: str, ours: _Messages, report: Report) -> None:
        """Keep the outcome for the next status. A message that was dropped although it is owed is submitted again."""
        ours.in_flight.discard(number)
        if report.result != "Dropped" or not outbox.is_due(self.store.incidents.objects.get(ref), number):
            ours.outcomes[number] = _outcome(report, timestamp(self.now()))
        self.queue.add(ref)


def _is_new(outcome: Outcome, state: DeliveryState | None) -> bool:
    """True if the status does not have the outcome: a dropped message may have been sent by its last attempt."""
    return state == "Owed" or (state == "Dropped" and outcome.result == "Sent")


def _outcome(report: Report, at: str) -> Outcome:
    if report.result == "Delivered":
        return Outcome("Sent", at, report.channel, report.tries)
    return Outcome("Dropped" if report.result == "Dropped" else "GivenUp", at, report.channel, report.tries, report.why)
