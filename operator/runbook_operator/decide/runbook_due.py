"""When a Runbook is requeued although nothing happens."""

from datetime import datetime

from runbook_operator.decide import children, known, probes
from runbook_operator.decide.due import suspension_ends
from runbook_operator.plan.world import RunbookWorld


def runbook_due(world: RunbookWorld) -> datetime | None:
    """The next moment at which time alone changes the next step of the Runbook; None where there is none."""
    ends = suspension_ends(world.runbook)
    moments = (*([ends] if ends else ()), *known.due(world), *probes.due(world), *children.due(world))
    return min((one for one in moments if one > world.now), default=None)
