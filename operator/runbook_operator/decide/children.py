"""Which Switches are a Runbook's own: by the owner reference, or by what they name where that reference was lost.

A deletion with `--cascade=orphan` removes the owner references, and so does a restore of a backup. The Switch that is
left names the Runbook and its entry, and may hold something.
"""

from runbook_operator.api.objects import SwitchObject
from runbook_operator.api.switch import FINALIZER
from runbook_operator.model.refs import Owner
from runbook_operator.plan.world import RunbookWorld


def is_owned(world: RunbookWorld, switch: SwitchObject) -> bool:
    """True if its owner reference is to this very Runbook."""
    return world.runbook.meta.uid in switch.meta.owner_uids


def is_own(world: RunbookWorld, switch: SwitchObject) -> bool:
    """True if it is this Runbook's, owner reference or not."""
    return stranger(world, switch) is None


def is_orphan(world: RunbookWorld, switch: SwitchObject) -> bool:
    """True if it is this Runbook's, and has no owner any more."""
    return is_own(world, switch) and not is_owned(world, switch) and not switch.meta.deleting


def is_ours(switch: SwitchObject) -> bool:
    """True if the operator made it, or engaged it: a Switch that somebody else wrote is never deleted unasked."""
    is_marked = switch.made_for == switch.spec.runbook or FINALIZER in switch.meta.finalizers
    return is_marked or switch.status.record is not None


def stranger(world: RunbookWorld, switch: SwitchObject) -> str | None:
    """The other owner, and what to do about it; None where this Runbook owns it."""
    if is_owned(world, switch):
        return None
    if switch.spec.runbook != world.runbook.meta.ref.name:
        return f"belongs to Runbook {switch.spec.runbook}; rename the entry, or delete that Switch if nobody owns it"
    if switch.tracked_by:
        return f"is tracked by {switch.tracked_by}; remove it from there, since the operator makes it by itself"
    other = next((one for one in switch.meta.owners if not _is_former(world, one)), None)
    if other is None:
        return None
    return f"is owned by {other.kind} {other.name}; remove that owner reference, or rename the entry"


def _is_former(world: RunbookWorld, owner: Owner) -> bool:
    """True if the owner is a Runbook of this name that is no more: there is one of a name, and this one is there."""
    return world.runbook.meta.ref.is_meant_by({"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name})
