"""Compute when a Runbook is requeued although no event arrives."""

from datetime import datetime

from runbook_operator.deployments import revision_history
from runbook_operator.probes import probe_reconcile
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.switches import owned_switches
from runbook_operator.switches.requeue import suspension_ends


def runbook_due(snapshot: RunbookSnapshot) -> datetime | None:
    """Return the next time at which the clock alone changes the next step of the Runbook; None if there is none."""
    ends = suspension_ends(snapshot.runbook)
    moments = (
        *([ends] if ends else ()),
        *revision_history.due(snapshot),
        *probe_reconcile.due(snapshot),
        *owned_switches.due(snapshot),
    )
    return min((one for one in moments if one > snapshot.now), default=None)
