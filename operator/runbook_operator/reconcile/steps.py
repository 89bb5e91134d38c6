"""The steps that a decision can return: each is one write."""

from dataclasses import dataclass
from typing import Any

from runbook_operator.api.incident import IncidentSpec
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.switch import Record, SwitchStatus
from runbook_operator.core.accounts import Account
from runbook_operator.core.desired_fields import TEMPLATE
from runbook_operator.core.notices import Notice
from runbook_operator.core.references import Meta, Ref, incident_ref, switch_ref
from runbook_operator.core.write_failures import FieldKey
from runbook_operator.core.writes import Effect
from runbook_operator.reconcile import acting_identity


@dataclass(frozen=True)
class WriteStatus:
    """Replace the status of `meta` if its resourceVersion is unchanged, then report `notices`."""

    meta: Meta
    status: ObjectStatus
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Begin(WriteStatus):
    """Write a status and the finalizers; the operator writes no target before both are stored."""

    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeferStatus(WriteStatus):
    """Keep a status in memory and write it with the next one: the prewritten record already has the saved values."""

    status: SwitchStatus


@dataclass(frozen=True)
class SetFinalizers:
    """Replace the finalizers of one of the operator's own objects."""

    meta: Meta
    finalizers: tuple[str, ...]


@dataclass(frozen=True)
class ClearOverride:
    """Remove the override: a momentary switch has acted, or the override has expired."""

    meta: Meta
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Change:
    """One changed field of a write: its value goes from `before` to `after`."""

    field_key: FieldKey
    before: Any
    after: Any


@dataclass(frozen=True)
class WriteTarget:
    """One write to a target for the engagement of `record`, with all the fields that it changes.

    `timed` is True if a person may wait for this write, `corrects_drift` if it reapplies a held value after drift.
    `released_by` is the author and the reason of the override `engaged: false` that released the switch.
    """

    effect: Effect
    changes: tuple[Change, ...]
    record: Record
    timed: bool = False
    corrects_drift: bool = False
    released_by: tuple[str, str] | None = None

    @property
    def account(self) -> Account | None:
        """The service account that the switch was thrown with, which the write uses."""
        return acting_identity.recorded(self.effect.ref.namespace, self.record)

    @property
    def field_keys(self) -> tuple[FieldKey, ...]:
        """The keys under which the result of the write is remembered."""
        return tuple(change.field_key for change in self.changes)


@dataclass(frozen=True)
class WriteProbes:
    """One write to a workload for a Runbook itself: all the fields that it changes, the reason and the account."""

    effect: Effect
    changes: tuple[Change, ...]
    reason: str
    account: Account | None = None

    @property
    def field_keys(self) -> tuple[FieldKey, ...]:
        """The key under which the result of the write is remembered: one for all fields of the workload."""
        return ((self.effect.ref, TEMPLATE),)


@dataclass(frozen=True)
class CreateSwitch:
    """Create the Switch of one kill switch or scaling command of a Runbook."""

    runbook: Meta
    name: str
    switch: str

    @property
    def ref(self) -> Ref:
        return switch_ref(self.runbook.ref.namespace, self.name)


@dataclass(frozen=True)
class AdoptSwitch:
    """Make a Runbook the owner of a Switch that has lost its owner."""

    runbook: Meta
    meta: Meta


@dataclass(frozen=True)
class DeleteSwitch:
    """Delete a Switch that its Runbook no longer declares; its finalizer releases it first."""

    meta: Meta
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class CreateIncident:
    """Open the incident of a Runbook, under a name that is the same at each attempt."""

    runbook: Meta
    name: str
    spec: IncidentSpec
    notices: tuple[Notice, ...] = ()

    @property
    def ref(self) -> Ref:
        return incident_ref(self.runbook.ref.namespace, self.name)


@dataclass(frozen=True)
class ClearAcknowledgement:
    """Remove spec.acknowledged of an Incident after its time."""

    meta: Meta
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class DeleteIncident:
    """Delete a resolved Incident that is not kept any longer."""

    meta: Meta


IncidentStep = WriteStatus | ClearAcknowledgement | DeleteIncident
Step = WriteStatus | SetFinalizers | ClearOverride | WriteTarget
Creation = CreateSwitch | CreateIncident
"""The creations of own objects, each for a Runbook."""
OwnStep = SetFinalizers | ClearOverride | AdoptSwitch | DeleteSwitch | ClearAcknowledgement | DeleteIncident | Creation
"""Writes to the operator's own objects, except their statuses."""
RunbookStep = Creation | AdoptSwitch | DeleteSwitch | WriteStatus | SetFinalizers | WriteProbes


def write_key(step: OwnStep) -> FieldKey:
    """Return the key under which the result of the step is remembered: the object and the kind of step."""
    return (step.ref if isinstance(step, Creation) else step.meta.ref, type(step).__name__)
