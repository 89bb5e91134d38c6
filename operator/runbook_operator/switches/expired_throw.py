"""Refuse a momentary throw that could not act in time: its status reports that, and it never acts later."""

from runbook_operator.api.conditions import Finding, find, seconds
from runbook_operator.api.switch import FieldRecord, Record, SwitchStatus
from runbook_operator.automation import momentary_throws
from runbook_operator.automation.desired_state import expired_momentary_throw
from runbook_operator.core.durations import duration, spoken
from runbook_operator.core.field_manager_advice import UNNAMED_CLIENT
from runbook_operator.core.kubectl_commands import throw
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_progress import SETTLED, engaging
from runbook_operator.switches.held_field import held_fields


def finding(snapshot: Snapshot, status: SwitchStatus) -> Finding | None:
    """Return Acted=False for a throw that has expired; None if none has."""
    return (
        Finding(False, Reason.EXPIRED, sentence(snapshot, status))
        if expired_momentary_throw(snapshot) is not None
        else None
    )


def is_reported(snapshot: Snapshot) -> bool:
    """True if the status has no record of the throw any more, and reports that it has expired."""
    acted = find(snapshot.switch.status.conditions, "Acted")
    if snapshot.record is not None or acted is None or acted.reason != Reason.EXPIRED:
        return False
    return acted.observed_generation == snapshot.switch.meta.generation


def sentence(snapshot: Snapshot, status: SwitchStatus) -> str:
    """Describe when and by whom it was thrown, what it did, and how to throw it again."""
    said = expired_momentary_throw(snapshot)
    assert said  # noqa: S101 # called only for a throw that has expired
    within = spoken(duration(said.expires_after) if said.expires_after else momentary_throws.MUST_ACT_WITHIN)
    last = next(iter(status.history), None)
    is_recorded = last is not None and last.generation == snapshot.switch.meta.generation
    outcome = last.outcome if last and is_recorded else "did nothing"
    return (
        f"{outcome}. The throw of {seconds(said.since)} by {said.by or UNNAMED_CLIENT} has expired: a momentary switch "
        f"acts within {within}, or not at all. To throw it again: {throw(snapshot.switch.meta.ref)}"
    )


def is_unreported(snapshot: Snapshot, record: Record) -> bool:
    """True if all actions of an expired throw were done in time, which the record does not show yet."""
    if expired_momentary_throw(snapshot) is None or any(
        one.is_made_once and one.saved and not one.saved.body for one in held_fields(snapshot, record)
    ):
        return False
    return not any(map(_is_left, engaging(snapshot, record).actions))


def closed(snapshot: Snapshot, record: Record) -> Record:
    """Return the record of an expired throw with its late actions skipped; any other record is unchanged."""
    if expired_momentary_throw(snapshot) is None:
        return record
    far = engaging(snapshot, record)
    return far.replace(actions=[_not_done(one) if _is_left(one) else one for one in far.actions])


def _is_left(entry: FieldRecord) -> bool:
    return entry.result not in SETTLED and not momentary_throws.is_under_way(entry)


def _not_done(entry: FieldRecord) -> FieldRecord:
    why = f": {entry.failure.message}" if entry.failure else ""
    text = f"{entry.action} of {entry.kind}/{entry.name}{why}"
    return entry.replace(result="Skipped", progress=text, failure=None)
