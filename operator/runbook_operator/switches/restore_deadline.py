"""Decide when the deletion of a Switch no longer waits for a restore that fails."""

from runbook_operator.api.conditions import find, moment
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot


def is_over_deadline(snapshot: Snapshot, since: str, reason: str) -> bool:
    """True if a deletion no longer waits for a restore that has failed since that time, RFC 3339.

    It never waits for a missing right in a namespace that is being deleted: no RoleBinding can be created there.
    """
    if not snapshot.deleting:
        return False
    is_late = snapshot.now - moment(since) >= snapshot.policy.restore_deadline
    return is_late or (reason == Reason.FORBIDDEN and _is_terminating(snapshot))


def is_never_read(snapshot: Snapshot) -> bool:
    """True if a deletion no longer waits for an object that cannot be read."""
    stalled = find(snapshot.switch.status.conditions, "Stalled")
    return stalled is not None and is_over_deadline(snapshot, stalled.last_transition_time, stalled.reason)


def _is_terminating(snapshot: Snapshot) -> bool:
    """True if the namespace is being deleted; False also if it cannot be read; raises NeedsRead."""
    name = snapshot.switch.meta.ref.namespace
    query = Read(Ref("v1", "Namespace", name, name))
    if query not in snapshot.answers:
        raise NeedsRead([query])
    found = snapshot.answers[query]
    return isinstance(found, ObservedObject) and "deletionTimestamp" in found.body["metadata"]
