"""Compute when a momentary throw expires: it acts soon after it was made, or not at all.

If it can act only later, its reason may be over by then. The Switch and its record determine the end, so that a crash
or a failover does not move it.
"""

from datetime import datetime, timedelta

from runbook_operator.actions import REGISTRY
from runbook_operator.api.conditions import moment
from runbook_operator.api.switch import FieldRecord, Record
from runbook_operator.core.kubectl_commands import clear
from runbook_operator.reconcile.snapshot import Snapshot

MUST_ACT_WITHIN = timedelta(minutes=10)
"""The longest wait for the first action, and for each one after it, of a throw without expiresAfter."""


def is_momentary(snapshot: Snapshot) -> bool:
    """True for a switch that acts once per throw, as declared now or else as pinned in the record."""
    declared = snapshot.entry or snapshot.record
    return declared is not None and declared.momentary


def is_thrown(snapshot: Snapshot) -> bool:
    """True if a person has thrown a momentary switch, and the operator has not cleared the override yet."""
    return bool(snapshot.switch.spec.engaged) and is_momentary(snapshot)


def expires_at(snapshot: Snapshot, at: datetime) -> datetime | None:
    """Return when the throw expires, given its declared end `at`; None once it has acted or an action is under way."""
    record, spec = snapshot.record, snapshot.switch.spec
    if record is None:
        return at
    if is_done(snapshot, record) or any(map(is_under_way, record.actions)):
        return None
    if spec.expires_after is not None:
        return at
    done = [moment(one.applied_at) for one in record.actions if one.applied_at]
    return max([at, *(one + MUST_ACT_WITHIN for one in done)])


def is_done(snapshot: Snapshot, record: Record) -> bool:
    """True if the throw has acted; a later one has another generation."""
    return record.done and record.generation == snapshot.switch.meta.generation


def is_under_way(entry: FieldRecord) -> bool:
    """True if the action was written and the cluster is not done with it: a rollout takes its time."""
    if entry.result != "Pending" or entry.uid is None or entry.resource_version is not None:
        return False
    return entry.begun or not REGISTRY[entry.action].paused_by


def without_meaning(snapshot: Snapshot) -> str:
    """Explain that engaged: false has no effect on a momentary switch; empty where it is not set."""
    if snapshot.switch.spec.engaged is not False or not is_momentary(snapshot):
        return ""
    return (
        "engaged: false has no effect on a momentary switch: it holds nothing, only people throw it, and they "
        f"still can. To remove it: {clear(snapshot.switch.meta.ref)}"
    )
