"""Compute the phase of a switch that should be engaged, and the notices of a complete throw."""

from runbook_operator.api.switch import Phase, Record
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_progress import complete, is_idle
from runbook_operator.switches.switch_messages import (
    about_record,
    acted_as,
    did_nothing,
    is_without_effect,
    remarked,
    summary,
)


def phase_of(record: Record) -> Phase:
    """Return the phase of a switch that should be engaged."""
    if record.done:
        return "Releasing"
    if not complete(record):
        return "Engaging"
    return "NothingToDo" if is_idle(record) else "Engaged"


def completed(snapshot: Snapshot, record: Record) -> tuple[Notice, ...]:
    """Return the notices of a complete throw, with its remarks."""
    if is_without_effect(record):
        return did_nothing(snapshot, record)
    return (*about_record(snapshot, record, _achieved(record), summary(record)), *remarked(snapshot, record))


def _achieved(record: Record) -> Reason:
    """Return the reason that a complete throw reports; a throw that wrote nothing is not Engaged."""
    if record.momentary:
        return acted_as(record)
    return Reason.NOTHING_TO_DO if is_idle(record) else Reason.ENGAGED
