"""Which targets a leader has to have read before it carries out a step: a watch may lag.

What a status says is final: a restore that a late watch made look done would never be done, and what a leader before
this one wrote would be saved as what was there. A throw needs what this leader has read at any time, everything else
the last version.
"""

from runbook_operator.api.switch import FINALIZER, Record, SwitchStatus
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import World
from runbook_operator.reconcile.steps import SetFinalizers, Step, WriteStatus
from runbook_operator.reconcile.target_index import prepared_by, targets_in


def to_confirm(world: World, step: Step) -> tuple[Ref, ...]:
    """The targets that the step speaks of; where a throw may have acted unseen, those that it would have written."""
    if not isinstance(step, WriteStatus | SetFinalizers):
        return ()
    records = (world.record, _record(step)) if isinstance(step, WriteStatus) else ()
    doubtful = prepared_by(world.switch) if world.switch.is_in_doubt else ()
    return tuple(dict.fromkeys((*targets_in(world.switch.meta.ref.namespace, *records), *doubtful)))


def is_exact(world: World, step: Step) -> bool:
    """Whether it has to be the last version: of all but a throw that begins."""
    begins = FINALIZER in step.finalizers if isinstance(step, SetFinalizers) else _record(step) is not None
    return world.record is not None or not begins


def _record(step: Step) -> Record | None:
    """The record in the status that is written."""
    return step.status.record if isinstance(step, WriteStatus) and isinstance(step.status, SwitchStatus) else None
