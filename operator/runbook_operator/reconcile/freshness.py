"""Decides if a step may be carried out on its snapshot, or which objects must be read first, since a watch may lag.

A written status is final. With old data, a restore that was never done could be recorded as done, or the value that
an earlier leader wrote could be saved as the original. The begin of a throw needs any version that this leader has
read; all other steps need the last one.
"""

from collections.abc import Callable, Iterator

from runbook_operator.api.switch import FINALIZER, Record, SwitchStatus
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot
from runbook_operator.reconcile.steps import SetFinalizers, Step, WriteStatus
from runbook_operator.reconcile.target_index import prepared_by, targets_in

VersionRead = Callable[[Ref], str | None]
"""Return the last resourceVersion of an object that this leader has read, None if it has read none."""
Stored = Callable[[Ref], ObservedObject | Missing | None]
"""Return a target as the store has it now, None if it has none."""


def is_record_read(snapshot: Snapshot | RunbookSnapshot, version: str | None) -> bool:
    """True if this leader has read the record that it is about to act on; `version` is the last one that it read.

    A watch may lag: a field that was restored long ago would be restored again. For a deferred record any version that
    this leader has read is enough: only this leader can have changed the status since.
    """
    is_foreseen = isinstance(snapshot, Snapshot) and snapshot.switch.stored_status is not None
    return version == snapshot.actor.resource_version or (is_foreseen and version is not None)


def unread_targets(
    snapshot: Snapshot, step: Step, stored: Stored, version_read: VersionRead
) -> Iterator[tuple[Ref, ObservedObject | Missing]]:
    """Yield each target to read before the step, with its state in the snapshot.

    A target that the decision did not use is not read.
    """
    exactly = is_exact(snapshot, step)
    for ref in to_confirm(snapshot, step):
        before = snapshot.observed.get(ref)
        if before is not None and not _is_read(stored(ref), version_read(ref), exactly=exactly):
            yield ref, before


def _is_read(stored: ObservedObject | Missing | None, version: str | None, *, exactly: bool) -> bool:
    if not isinstance(stored, ObservedObject):
        return False
    return version == stored.resource_version if exactly else version is not None


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
    """True if the step needs the last version of its targets: each step except the begin of a throw."""
    begins = FINALIZER in step.finalizers if isinstance(step, SetFinalizers) else _record(step) is not None
    return snapshot.record is not None or not begins


def _record(step: Step) -> Record | None:
    """Return the record in the status that the step writes, None for none."""
    return step.status.record if isinstance(step, WriteStatus) and isinstance(step.status, SwitchStatus) else None
