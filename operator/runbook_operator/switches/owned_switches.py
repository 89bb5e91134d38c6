"""Decide which Switches belong to a Runbook: by owner reference, or by the names in their spec if that was lost.

A deletion with `--cascade=orphan` removes the owner references, and so does a restore of a backup. Such a Switch still
names the Runbook and its kill switch, and may hold fields.
"""

from collections.abc import Iterator
from datetime import datetime

from runbook_operator.api.parsing import SwitchObject, switch_name
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.api.switch import FINALIZER
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Owner, switch_ref
from runbook_operator.core.write_failures import Failed
from runbook_operator.reconcile.snapshot import RunbookSnapshot


def is_owned(snapshot: RunbookSnapshot, switch: SwitchObject) -> bool:
    """True if the owner reference of the switch is to this very Runbook."""
    return snapshot.runbook.meta.uid in switch.meta.owner_uids


def is_own(snapshot: RunbookSnapshot, switch: SwitchObject) -> bool:
    """True if the switch belongs to this Runbook, with or without an owner reference."""
    return other_owner(snapshot, switch) is None


def is_orphan(snapshot: RunbookSnapshot, switch: SwitchObject) -> bool:
    """True if the switch belongs to this Runbook and has lost its owner reference."""
    return is_own(snapshot, switch) and not is_owned(snapshot, switch) and not switch.meta.deleting


def is_ours(switch: SwitchObject) -> bool:
    """True if the operator made or engaged the Switch; an orphan that another client wrote is not deleted."""
    is_marked = switch.made_for == switch.spec.runbook or FINALIZER in switch.meta.finalizers
    return is_marked or switch.status.record is not None


def other_owner(snapshot: RunbookSnapshot, switch: SwitchObject) -> str | None:
    """Describe the other owner and what to do about it; None if this Runbook owns the switch."""
    if is_owned(snapshot, switch):
        return None
    if switch.spec.runbook != snapshot.runbook.meta.ref.name:
        return f"belongs to Runbook {switch.spec.runbook}; rename the entry, or delete that Switch if it is not used"
    if switch.tracked_by:
        return f"is tracked by {switch.tracked_by}; remove it from there: the operator creates it from the Runbook"
    other = next((one for one in switch.meta.owners if not _is_former(snapshot, one)), None)
    if other is None:
        return None
    return f"is owned by {other.kind} {other.name}; remove that owner reference, or rename the entry"


def refused(snapshot: RunbookSnapshot, name: str) -> Failed | None:
    """Return the refusal of the last write to that Switch: its creation, adoption or deletion."""
    ref = switch_ref(snapshot.runbook.meta.ref.namespace, name)
    return next(
        (one.failed for (about, _), one in snapshot.write_histories.items() if about == ref and one.failed), None
    )


def waits(snapshot: RunbookSnapshot, name: str) -> bool:
    """True if a refused write to that Switch is not due again yet."""
    found = refused(snapshot, name)
    return found is not None and snapshot.now < found.due


def refused_creation(snapshot: RunbookSnapshot, spec: RunbookSpec) -> tuple[Reason, str] | None:
    """Return the first Switch that may not be made, or that lost its owner reference and may not be adopted."""
    for entry in spec.switches():
        name = switch_name(snapshot.runbook.meta.ref.name, entry)
        found, switch = refused(snapshot, name), snapshot.switches.get(name)
        if found is not None and (switch is None or is_orphan(snapshot, switch)):
            what = "could not be created" if switch is None else "lost its owner reference and could not be adopted"
            return found.reason, f"switch {entry}: the Switch {name} {what}: {found.message}"
    return None


def due(snapshot: RunbookSnapshot) -> Iterator[datetime]:
    """Yield the times at which refused writes to Switches are tried again."""
    yield from (
        one.failed.due for (about, _), one in snapshot.write_histories.items() if about.kind == "Switch" and one.failed
    )


def _is_former(snapshot: RunbookSnapshot, owner: Owner) -> bool:
    """True if the owner is an earlier Runbook of this name; it is gone, since this one has the name now."""
    return snapshot.runbook.meta.ref.is_meant_by(
        {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name}
    )
