"""Read the objects that only remarks need."""

from runbook_operator.automation.desired_state import wanted
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import World


def glance(world: World, ref: Ref) -> Seen | None:
    """Return the whole object, None if it is not known; only a close look at an idle switch reads it."""
    is_idle = world.thorough and world.record is None and not wanted(world)
    found = world.look(ref, whole=True) if is_idle else world.seen.get(ref)
    return found if isinstance(found, Seen) and found.whole else None
