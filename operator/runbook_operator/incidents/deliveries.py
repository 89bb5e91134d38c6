"""The messages that an incident's status owes or has sent: their ids, their receivers, and the bound of the list."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runbook_operator.api.incident import (
    MOST_DELIVERIES,
    EscalationStep,
    Event,
    IncidentDelivery,
    IncidentStatus,
)

PAGES: frozenset[Event] = frozenset({"opened", "escalated"})
"""The events by which somebody is called to act."""
Address = tuple[str, str]
"""A channel, and the address within it."""


@dataclass(frozen=True)
class Cycle:
    """One cycle of an incident: its messages have ids that begin with its deduplication key."""

    uid: str
    number: int

    @property
    def dedup_key(self) -> str:
        return f"{self.uid}.{self.number}"

    def id(self, place: str, event: Event, contact: str) -> str:
        """Return the id of a message. Names of contacts have 63 characters at most, so it has 255 at most."""
        return f"{self.dedup_key}.{place}.{event}.{contact}"

    def has(self, delivery: IncidentDelivery) -> bool:
        return delivery.id.startswith(f"{self.dedup_key}.")

    def pages(self, status: IncidentStatus) -> list[IncidentDelivery]:
        """Return the messages of the cycle that call somebody, the oldest first."""
        return [one for one in status.deliveries if one.event in PAGES and self.has(one)]

    def reached(self, status: IncidentStatus) -> Mapping[Address, IncidentDelivery]:
        """Return the last message that reached each address in this cycle and called somebody."""
        return {address(one): one for one in self.pages(status) if one.state == "Sent"}


def place(number: int, step: EscalationStep) -> str:
    """Return the part of an id that names the repetition, and the position in the chain."""
    return f"{step.round}-{number}"


def place_of(delivery: IncidentDelivery) -> str:
    return delivery.id.split(".")[2]


def address(delivery: IncidentDelivery) -> Address:
    return (delivery.channel, delivery.to)


def put(status: IncidentStatus, delivery: IncidentDelivery) -> IncidentStatus:
    """Append the message; one with the same id that was dropped before is replaced."""
    others = [one for one in status.deliveries if one.id != delivery.id]
    return status.replace(deliveries=[*others, delivery])


def changed(status: IncidentStatus, delivery: IncidentDelivery) -> IncidentStatus:
    """Replace the message with the same id, at its position."""
    return status.replace(deliveries=[delivery if one.id == delivery.id else one for one in status.deliveries])


def bounded(status: IncidentStatus, cycle: Cycle) -> IncidentStatus:
    """Remove finished messages above the bound, those of older cycles first, then the oldest.

    Owed messages stay, and those that decide who hears of the acknowledgement and the resolution.
    """
    excess = len(status.deliveries) - MOST_DELIVERIES
    if excess <= 0:
        return status
    kept = _needed(status, cycle)
    finished = [one for one in status.deliveries if one.id not in kept]
    removed = {one.id for one in sorted(finished, key=cycle.has)[:excess]}
    return status.replace(deliveries=[one for one in status.deliveries if one.id not in removed])


def _needed(status: IncidentStatus, cycle: Cycle) -> set[str]:
    pages = cycle.pages(status)
    answers = (one for one in status.deliveries if cycle.has(one) and one.event not in PAGES)
    owed = (one for one in status.deliveries if one.state == "Owed")
    return _ids([*owed, *pages[-1:], *cycle.reached(status).values(), *answers])


def _ids(found: Iterable[IncidentDelivery]) -> set[str]:
    return {one.id for one in found}
