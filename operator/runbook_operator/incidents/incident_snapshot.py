"""The snapshot on which the next step of an Incident depends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.core.references import Meta


@dataclass(frozen=True)
class Outcome:
    """The end of a message that the status does not have yet. `at` is RFC 3339; `why` is "" for a delivered one."""

    result: Literal["Sent", "GivenUp", "Dropped"]
    at: str
    channel: str
    tries: int = 0
    why: str = ""


@dataclass(frozen=True)
class IncidentSnapshot:
    """The snapshot of one Incident.

    `switches` are those of its Runbook by their names in the Runbook, `others` the other Incidents of the Runbook, and
    `outcomes` the ends of messages by their ids.
    """

    incident: IncidentObject
    runbook: RunbookObject | None
    now: datetime
    switches: Mapping[str, SwitchObject] = field(default_factory=dict)
    others: tuple[IncidentObject, ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    unsettled: str = ""
    """The step that the last visit repeated without an end; empty if it settled."""

    @property
    def actor(self) -> Meta:
        """The operator's own object that is reconciled, and that writes are done for."""
        return self.incident.meta
