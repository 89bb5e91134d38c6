"""The description of a throw that its actions get."""

from runbook_operator.actions.plan_context import Throw
from runbook_operator.api.switch import Record
from runbook_operator.reconcile.snapshot import Snapshot


def throw_of(snapshot: Snapshot, record: Record) -> Throw:
    """Return the throw of this record."""
    spec = snapshot.runbook.spec if snapshot.runbook else None
    return Throw(
        switch=snapshot.switch.meta.ref.name,
        uid=snapshot.switch.meta.uid,
        engagement=record.engagement_id,
        at=record.engaged_at,
        reason=record.reason,
        by=record.engaged_by,
        runbook=snapshot.switch.spec.runbook,
        momentary=record.momentary,
        written=is_written(record),
        reachable=tuple(one.name for one in spec.contacts if one.notify) if spec else (),
    )


def is_written(record: Record) -> bool:
    """True if each due write was accepted or refused; actions after a waiting one are not due."""
    waiting = next((one for one in record.actions if one.result not in ("Applied", "Skipped")), None)
    return waiting is None or waiting.begun or waiting.failure is not None
