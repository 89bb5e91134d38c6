"""The steps that a decision may ask for: each is one write."""

from dataclasses import dataclass
from typing import Any

from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import Record, SwitchStatus
from runbook_operator.core.accounts import Account
from runbook_operator.core.desired_fields import TEMPLATE
from runbook_operator.core.notices import Notice
from runbook_operator.core.references import Meta, switch_ref
from runbook_operator.core.write_failures import Place
from runbook_operator.core.writes import Effect
from runbook_operator.reconcile import acting_identity


@dataclass(frozen=True)
class WriteStatus:
    """Replace the status of `meta`, if it is still at the resourceVersion that was decided on; then say `notices`."""

    meta: Meta
    status: SwitchStatus | RunbookStatus
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Begin(WriteStatus):
    """As WriteStatus, with the finalizers at the same time: nothing is done to a target before both stand."""

    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Defer(WriteStatus):
    """As WriteStatus, and written with what comes next: what it would save stands in the status already."""

    status: SwitchStatus


@dataclass(frozen=True)
class SetFinalizers:
    """Replace the finalizers of one of our own objects."""

    meta: Meta
    finalizers: tuple[str, ...]


@dataclass(frozen=True)
class Unsay:
    """Remove `spec.engaged` and what belongs to it: a momentary switch has acted, or the word's time is over."""

    meta: Meta
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Change:
    """One field of the write: `place` goes from `before` to `after`."""

    place: Place
    before: Any
    after: Any


@dataclass(frozen=True)
class Act:
    """One write to a target for the engagement of `record`, with all the fields that it changes.

    `timed` where this is what the person waits for; `put_back` where it puts back what somebody changed. `released_by`
    is who released the switch and why, where a person did so by engaged: false.
    """

    effect: Effect
    changes: tuple[Change, ...]
    record: Record
    timed: bool = False
    put_back: bool = False
    released_by: tuple[str, str] | None = None

    @property
    def account(self) -> Account | None:
        """In whose name it is written: who the switch was thrown with."""
        return acting_identity.recorded(self.effect.ref.namespace, self.record)

    @property
    def places(self) -> tuple[Place, ...]:
        """What is remembered to have worked or failed."""
        return tuple(change.place for change in self.changes)


@dataclass(frozen=True)
class Adjust:
    """One write to a workload for a Runbook itself, with all the fields that it changes, why, and in whose name."""

    effect: Effect
    changes: tuple[Change, ...]
    reason: str
    account: Account | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """As Act.places: one for all fields of the workload."""
        return ((self.effect.ref, TEMPLATE),)


@dataclass(frozen=True)
class CreateSwitch:
    """Make the Switch of one entry of a Runbook."""

    runbook: Meta
    name: str
    switch: str


@dataclass(frozen=True)
class AdoptSwitch:
    """Make a Runbook the owner of a Switch that has none any more."""

    runbook: Meta
    meta: Meta


@dataclass(frozen=True)
class DeleteSwitch:
    """Delete a Switch that its Runbook no longer declares; its finalizer releases it first."""

    meta: Meta
    notices: tuple[Notice, ...] = ()


Step = WriteStatus | SetFinalizers | Unsay | Act
OwnStep = SetFinalizers | Unsay | CreateSwitch | AdoptSwitch | DeleteSwitch
"""Writes to objects of our own that are no statuses."""
RunbookStep = CreateSwitch | AdoptSwitch | DeleteSwitch | WriteStatus | SetFinalizers | Adjust


def place_of(step: OwnStep) -> Place:
    """The object that is written, and by which kind of step."""
    ref = switch_ref(step.runbook.ref.namespace, step.name) if isinstance(step, CreateSwitch) else step.meta.ref
    return (ref, type(step).__name__)
