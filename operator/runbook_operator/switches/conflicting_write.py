"""Save a target again after the API server refused a write because the target had changed since it was saved."""

from dataclasses import replace

from runbook_operator.automation.desired_state import should_be_engaged
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import WriteStatus
from runbook_operator.switches.switch_status import begun
from runbook_operator.switches.write_ahead_record import resaved


def save_again(snapshot: Snapshot, ref: Ref, observed: ObservedObject | Missing) -> WriteStatus | None:
    """Return the write of a record that saves the target's current values, None if the record already has them.

    Raises NeedsRead if the new plan needs a read.
    """
    if snapshot.record is None or not should_be_engaged(snapshot):
        return None
    now = replace(snapshot, observed={**snapshot.observed, ref: observed})
    record = resaved(now, snapshot.record, ref)
    return begun(now, record) if record != snapshot.record else None
