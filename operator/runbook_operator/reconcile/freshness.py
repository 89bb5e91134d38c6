"""Decides which targets a leader must have read before it carries out a step, since a watch may lag.

A written status is final. With a late watch a restore could look done and would never be done, and what an earlier
leader wrote could be saved as the original. A throw needs any version that this leader has read; all other steps need
the last one.
"""

from runbook_operator.api.switch import FINALIZER, Record, SwitchStatus
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import SetFinalizers, Step, WriteStatus
from runbook_operator.reconcile.target_index import prepared_by, targets_in


def to_confirm(snapshot: Snapshot, step: Step) -> tuple[Ref, ...]:
    """Return the targets in the records of the step.

    If a throw may have acted without a record, add the targets that it would have written.
    """
    if not isinstance(step, WriteStatus | SetFinalizers):
        return ()
    records = (snapshot.record, _record(step)) if isinstance(step, WriteStatus) else ()
    maybe_written = prepared_by(snapshot.switch) if snapshot.switch.maybe_thrown else ()
    return tuple(dict.fromkeys((*targets_in(snapshot.switch.meta.ref.namespace, *records), *maybe_written)))


def is_exact(snapshot: Snapshot, step: Step) -> bool:
    """True if the step needs the last version: every step but the begin of a throw."""
    begins = FINALIZER in step.finalizers if isinstance(step, SetFinalizers) else _record(step) is not None
    return snapshot.record is not None or not begins


def _record(step: Step) -> Record | None:
    """Return the record in the status that the step writes, None for none."""
    return step.status.record if isinstance(step, WriteStatus) and isinstance(step.status, SwitchStatus) else None
