"""The steps that a decision may ask for: each is one write."""

from dataclasses import dataclass

from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.model.effects import Effect
from runbook_operator.model.notices import Notice
from runbook_operator.model.refs import Meta


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
RunbookStep = CreateSwitch | DeleteSwitch | WriteStatus
