"""The signals of automatic sources that are still valid for a switch."""

from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.switch import FieldRecord
from runbook_operator.core.desired_fields import TEMPLATE
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.signals import Signal
from runbook_operator.deployments import guard_messages, workload_revisions
from runbook_operator.reconcile.snapshot import Snapshot


def active_signals(snapshot: Snapshot) -> tuple[Signal, ...]:
    """Return all signals, with Release for each target whose bad revision is no longer the one to act against.

    That is so when another revision was deployed, or the Runbook no longer engages this switch for a bad one. The
    deployment guard itself reports Release at its next visit to the Runbook; until then, the new revision must not be
    rolled back.
    """
    engaging = (one.name for one in snapshot.signals if (one.source, one.verdict) == ("Deployment", "Engage"))
    holding = (one.name for one in snapshot.switch.status.holds if one.source == "Deployment")
    over = [name for name in dict.fromkeys((*engaging, *holding)) if not _stands(snapshot, name)]
    others = (one for one in snapshot.signals if one.source != "Deployment" or one.name not in over)
    return (*others, *(Signal("Deployment", name, "Release") for name in over))


def _stands(snapshot: Snapshot, name: str) -> bool:
    """True if the revision that was found bad is still the one to act against, or if that is unknown."""
    if snapshot.runbook is None or snapshot.runbook.spec is None:
        return True
    status = next((one for one in snapshot.runbook.status.targets if one.name == name), None)
    bad = guard_messages.suspect(status) if status else None
    workload = snapshot.runbook.spec.target(name, snapshot.switch.meta.ref.namespace).workload
    if status is None or bad is None or workload is None or not _is_meant(snapshot, snapshot.runbook):
        return False
    observed = snapshot.observed.get(workload)
    if bad.verdict != "Bad" or not isinstance(observed, ObservedObject):
        return bad.verdict == "Bad"
    if held := _templates(snapshot, observed.uid):
        return not observed.whole or workload_revisions.deployed(snapshot, observed) in _known(held)
    mark = workload_revisions.marked(observed)
    return observed.uid == status.uid and (mark is None or workload_revisions.is_marked(bad, mark))


def _is_meant(snapshot: Snapshot, runbook: RunbookObject) -> bool:
    """True if the Runbook engages this switch for a bad revision."""
    first = runbook.spec.deployments.first_action if runbook.spec else None
    return first is not None and first.engage == snapshot.switch.spec.switch


def _templates(snapshot: Snapshot, uid: str) -> list[FieldRecord]:
    """Return the record's fields that hold the template of this workload, written or about to be written."""
    return (
        [one for one in snapshot.record.actions if (one.uid, one.field) == (uid, TEMPLATE)] if snapshot.record else []
    )


def _known(held: list[FieldRecord]) -> set[str]:
    """Return the digests of the saved and the held templates of a rollback."""
    return {str((value or {}).get("digest")) for one in held for value in (one.saved, one.held)}
