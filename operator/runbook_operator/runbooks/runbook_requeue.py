"""Compute when a Runbook is requeued although no event arrives."""

from datetime import datetime

from runbook_operator.deployments import revision_history
from runbook_operator.probes import probe_reconcile
from runbook_operator.reconcile.snapshot import RunbookWorld
from runbook_operator.switches import owned_switches
from runbook_operator.switches.requeue import suspension_ends


def runbook_due(world: RunbookWorld) -> datetime | None:
    """Return the next time at which the clock alone changes the next step of the Runbook; None if there is none."""
    ends = suspension_ends(world.runbook)
    moments = (
        *([ends] if ends else ()),
        *revision_history.due(world),
        *probe_reconcile.due(world),
        *owned_switches.due(world),
    )
    return min((one for one in moments if one > world.now), default=None)
