"""Gates that delay or prevent a write: each capability has its own list, and the first closed gate is reported."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.acting_identity import UNNAMED
from runbook_operator.reconcile.automation_pauses import Gate
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot

Case = TypeVar("Case")


def first_closed(gates: Iterable[Callable[[Case], Gate | None]], case: Case) -> Gate | None:
    """Return the first closed gate, None if all are open."""
    return next((gate for one in gates if (gate := one(case))), None)


def is_closed(gate: Gate, now: datetime) -> bool:
    """True until the time at which the gate opens; always True if it has none."""
    return gate.until is None or now < gate.until


def unnamed(snapshot: Snapshot | RunbookSnapshot) -> tuple[Reason, str] | None:
    """Return the reason and message if the Runbook must name a service account and names none. Restores go on."""
    return (Reason.NO_ACCOUNT, UNNAMED) if snapshot.lacks_account else None
