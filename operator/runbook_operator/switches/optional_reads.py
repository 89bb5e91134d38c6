"""Read the objects that only remarks need."""

from runbook_operator.automation.desired_state import should_be_engaged
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot


def peek(snapshot: Snapshot, ref: Ref) -> ObservedObject | None:
    """Return the whole object, None if the snapshot lacks it; only a deep check at an idle switch raises NeedsRead."""
    is_idle = snapshot.thorough and snapshot.record is None and not should_be_engaged(snapshot)
    found = snapshot.require(ref, whole=True) if is_idle else snapshot.observed.get(ref)
    return found if isinstance(found, ObservedObject) and found.whole else None
