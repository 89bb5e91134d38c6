"""What a decision looks at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runbook_operator.api.objects import RunbookObject, SwitchObject
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Record
from runbook_operator.model.refs import Ref
from runbook_operator.model.seen import Missing, Seen, absent


def order(record: Record) -> tuple[str, str]:
    """What sorts engagements by when they began."""
    return (record.engaged_at, record.id)


@dataclass(frozen=True)
class Claim:
    """Another switch's hold on one field of one object; `order` sorts by when it was engaged."""

    switch: Ref
    order: tuple[str, str]
    uid: str
    field: str
    saved: Any
    held: Any


@dataclass(frozen=True)
class World:
    """All that a switch's next step depends on.

    `latency` is the milliseconds from seeing the throw to the first accepted write, None where it was not seen live.
    """

    switch: SwitchObject
    runbook: RunbookObject | None
    seen: Mapping[Ref, Seen | Missing]
    claims: tuple[Claim, ...]
    now: datetime
    new_id: str
    latency: int | None = None

    @property
    def record(self) -> Record | None:
        return self.switch.status.record

    @property
    def entry(self) -> KillSwitch | None:
        """What the Runbook declares for this switch now; None where it does not, or is going away."""
        if self.runbook is None or self.runbook.meta.deleting:
            return None
        return self.runbook.entry(self.switch.spec.switch)

    @property
    def wanted(self) -> bool:
        """Whether the switch is to be engaged, as the person says."""
        return self.switch.spec.engaged is True and not self.switch.meta.deleting

    @property
    def observing(self) -> bool:
        return bool(self.runbook and self.runbook.spec and self.runbook.spec.mode == "Observe")

    def look(self, ref: Ref) -> Seen | Missing:
        return self.seen.get(ref) or absent(ref)


@dataclass(frozen=True)
class RunbookWorld:
    """All that a Runbook's next step depends on: `switches` are those of its namespace, by name."""

    runbook: RunbookObject
    switches: Mapping[str, SwitchObject]
    seen: Mapping[Ref, Seen | Missing]
    now: datetime
