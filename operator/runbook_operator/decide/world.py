"""What a decision looks at, and the steps that it may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runbook_operator.api.objects import RunbookObject, SwitchObject
from runbook_operator.api.runbook import KillSwitch, RunbookStatus
from runbook_operator.api.switch import Record, SwitchStatus
from runbook_operator.model.effects import Effect
from runbook_operator.model.notices import Notice
from runbook_operator.model.refs import Meta, Ref
from runbook_operator.model.seen import Missing, Seen, absent


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
class WriteStatus:
    """Replace the status of `meta`, if it is still at the resourceVersion that was decided on; then say `notices`."""

    meta: Meta
    status: SwitchStatus | RunbookStatus
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class SetFinalizers:
    """Replace the finalizers of the switch."""

    meta: Meta
    finalizers: tuple[str, ...]


@dataclass(frozen=True)
class SpringBack:
    """Remove `spec.engaged` of a momentary switch that has acted."""

    meta: Meta


@dataclass(frozen=True)
class Act:
    """Write to a target; `timed` where this is what the person waits for."""

    effect: Effect
    notices: tuple[Notice, ...] = ()
    timed: bool = False


@dataclass(frozen=True)
class CreateSwitch:
    """Make the Switch of one entry of a Runbook."""

    runbook: Meta
    name: str
    switch: str


@dataclass(frozen=True)
class DeleteSwitch:
    """Delete a Switch that its Runbook no longer declares; its finalizer releases it first."""

    meta: Meta


Step = WriteStatus | SetFinalizers | SpringBack | Act
