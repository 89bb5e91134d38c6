"""Detect a visit that repeats a step: each step must change what the next decision reads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from runbook_operator.api.conditions import Condition
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.resource_kind import OwnObject
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.core.notices import Notice
from runbook_operator.core.queries import Query
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import (
    AdoptSwitch,
    ClearAcknowledgement,
    ClearOverride,
    CreateIncident,
    CreateSwitch,
    DeleteIncident,
    DeleteSwitch,
    IncidentStep,
    RunbookStep,
    SetFinalizers,
    Step,
    WriteProbes,
    WriteStatus,
    WriteTarget,
)
from runbook_operator.switches.failure_conditions import failing
from runbook_operator.switches.status_columns import reported

REPEATS = 8
"""A visit does not settle if it takes one step this many times; a few are normal, after conflicting writes."""
MOST = 200
"""A visit of this many steps does not settle: the longest that is normal is 65, for a Runbook of 64 switches."""
_VARYING = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|\b[0-9a-f]{12}\b")
"""Times and ids, which differ between two decisions that are otherwise the same."""

_WORDS: dict[type, str] = {ClearOverride: "remove spec.engaged", ClearAcknowledgement: "remove spec.acknowledged"}


@dataclass(frozen=True)
class Taken:
    """One step of a visit, with the rule that returned it; or the queries that a decision needed."""

    rule: str
    step: Step | RunbookStep | IncidentStep | frozenset[Query]


def unsettled(taken: Sequence[Taken]) -> str:
    """Describe the step that the visit repeats; empty while it makes progress. `taken` are all its steps."""
    if len(taken) < REPEATS:
        return ""
    rule, what, _ = last = _essence(taken[-1])
    times = [_essence(one) for one in taken].count(last)
    if times < REPEATS and len(taken) < MOST:
        return ""
    how = f"repeated one step {times} times" if times >= REPEATS else f"took {len(taken)} steps in one visit, the last"
    return (
        f"the operator {how}: {what} (rule {rule}). The object did not settle, so the operator tries again with "
        "pauses; report this with its log of the object"
    )


def shown(found: OwnObject, message: str, now: datetime) -> WriteStatus | None:
    """Return the status write that reports the repeated step; None if the status reports it already."""
    meta, conditions = found.meta, failing(found, Reason.UNSETTLED, message, now)
    if conditions == found.status.conditions:
        return None
    identity = f"{meta.uid}.{meta.generation}.{Reason.UNSETTLED}"
    notice = Notice(meta.ref, meta.uid, Reason.UNSETTLED, message, identity, warning=True)
    return WriteStatus(meta, _status(found.status, conditions), (notice,))


def described(step: Step | RunbookStep | IncidentStep | frozenset[Query]) -> str:
    """Describe a step by a verb and its object, for the message of `unsettled`."""
    match step:
        case WriteTarget() | WriteProbes():
            return "write " + ", ".join(f"{field or 'all'} of {ref}" for ref, field in step.field_keys)
        case SetFinalizers():
            return f"set the finalizers to {list(step.finalizers)}"
        case CreateSwitch() | CreateIncident():
            return f"create {step.ref}"
        case AdoptSwitch() | DeleteSwitch() | DeleteIncident():
            return f"{'adopt' if isinstance(step, AdoptSwitch) else 'delete'} {step.meta.ref}"
        case ClearOverride() | ClearAcknowledgement() | WriteStatus():
            return _WORDS.get(type(step), "write the status")
        case _:
            return "read " + ", ".join(sorted(map(str, step)))


def _essence(taken: Taken) -> tuple[str, str, str]:
    """Return the rule, the description and the contents of a step, without times, ids and resourceVersion."""
    step = taken.step
    if not isinstance(step, WriteTarget | WriteProbes | CreateSwitch | CreateIncident | frozenset):
        step = replace(step, meta=replace(step.meta, resource_version=""))
    return taken.rule, described(step), _VARYING.sub("", repr(step))


def _status(old: ObjectStatus, conditions: list[Condition]) -> ObjectStatus:
    if isinstance(old, SwitchStatus):
        return reported(old.replace(phase="Stalled"), conditions)
    return old.replace(conditions=conditions)
