"""Incidents with contacts, for tests of their escalation and messages."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.contacts import Contact
from runbook_operator.api.incident import IncidentSpec, IncidentStatus
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.response_spec import IncidentLimits
from runbook_operator.core.references import API_VERSION, Meta, Ref
from runbook_operator.core.severities import Severity
from runbook_operator.incidents import escalation, outbox
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot, Outcome
from tests import builders

OPENED = builders.NOW
UID = "5f2c1d3e-0000-4000-8000-000000000001"
META = Meta(Ref(API_VERSION, "Incident", "shop", "shop-5f2c1d3e"), UID, "1", 1)


def contact(name: str, after: str | None = None, **rest: Any) -> Contact:
    fields = {"name": name, "role": f"{name.title()} On-Call", "notify": "slack", "to": name, "escalateAfter": after}
    return Contact.model_validate({key: value for key, value in (fields | rest).items() if value is not None})


def minutes(number: float) -> datetime:
    return OPENED + timedelta(minutes=number)


ALICE, BOB, CAROL = contact("alice"), contact("bob", "15m"), contact("carol", "30m")


class Story:
    """One incident over time: `at` advances it and stores the status, as the operator does."""

    def __init__(self, *contacts: Contact, repeat: int = 0, severity: Severity = "SEV2", **spec: Any) -> None:
        self.contacts = contacts
        dumped = [one.model_dump(by_alias=True, exclude_none=True) for one in contacts]
        self.runbook: RunbookObject | None = builders.runbook(contacts=dumped, **spec)
        self.incident = IncidentObject(META, IncidentSpec(runbook="shop", title="Checkout fails"), IncidentStatus())
        self.now = OPENED
        self.first = IncidentStatus.model_validate(
            {
                "severity": severity,
                "openedAt": timestamp(OPENED),
                "respondBy": timestamp(minutes(15)),
                "escalation": escalation.pinned(
                    contacts,
                    severity,
                    OPENED,
                    IncidentLimits(repeat=repeat),
                ),
            }
        )

    @property
    def status(self) -> IncidentStatus:
        return self.incident.status

    def decided(self, minute: float, outcomes: Mapping[str, Outcome] | None = None, **changes: Any) -> IncidentStatus:
        """The status that the operator would write."""
        snapshot = IncidentSnapshot(self.incident, self.runbook, minutes(minute), outcomes=outcomes or {})
        stored = self.status if self.status.opened_at else self.first
        return outbox.advance(snapshot, stored.replace(**changes))

    def at(self, minute: float, outcomes: Mapping[str, Outcome] | None = None, **changes: Any) -> "Story":
        self.now = minutes(minute)
        self.incident = replace(self.incident, status=self.decided(minute, outcomes, **changes))
        return self

    def owed(self) -> list[str]:
        """The events and contacts of the owed messages."""
        return [f"{one.event} {one.contact}" for one in outbox.owed(self.incident, self.now)]

    def outcomes(self, result: Any, minute: float, why: str = "", channel: str = "") -> dict[str, Outcome]:
        """One outcome for all messages that are owed."""
        return {
            one.id: Outcome(result, timestamp(minutes(minute)), channel or one.channel, 1, why)
            for one in self.status.deliveries
            if one.state == "Owed"
        }

    def sends(self, minute: float, **changes: Any) -> "Story":
        """All owed messages arrive."""
        return self.at(minute, self.outcomes("Sent", minute), **changes)

    def condition(self, kind: str = "Notified") -> tuple[str, str]:
        found = next(one for one in self.status.conditions if one.type == kind)
        return found.status, found.reason
