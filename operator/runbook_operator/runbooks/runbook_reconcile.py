"""Decide the next step of a Runbook: create missing switches, delete undeclared ones, then write its status."""

from collections.abc import Iterator

from runbook_operator.api.conditions import Condition, Finding, condition, find, timestamp
from runbook_operator.api.parsing import SwitchObject, switch_name
from runbook_operator.api.runbook import RunbookSpec, RunbookStatus, TargetStatus
from runbook_operator.api.target_specs import Target
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import NeedsRead
from runbook_operator.core.reasons import Reason
from runbook_operator.deployments import guard_messages, revision_history
from runbook_operator.holds import write_gates
from runbook_operator.incidents import opening
from runbook_operator.monitoring.entry_status import NewStatus, new_status
from runbook_operator.monitoring.healthy_condition import degraded, healthy
from runbook_operator.permissions import enabled_actions, permission_checks
from runbook_operator.probes import probe_reconcile
from runbook_operator.reconcile.automation_pauses import unreadable
from runbook_operator.reconcile.snapshot import RunbookSnapshot, suspended
from runbook_operator.reconcile.steps import AdoptSwitch, CreateSwitch, DeleteSwitch, RunbookStep, WriteStatus
from runbook_operator.runbooks import missing_references
from runbook_operator.switches.owned_switches import (
    is_orphan,
    is_ours,
    is_own,
    is_owned,
    other_owner,
    refused_creation,
    waits,
)


def next_step(snapshot: RunbookSnapshot) -> RunbookStep | None:
    """Return the next step, or None. A Runbook that does not parse keeps its switches, so that nothing is lost."""
    if snapshot.runbook.meta.deleting:
        return probe_reconcile.next_step(snapshot)
    spec = snapshot.runbook.spec
    step = (_missing_switch(snapshot, spec) or _dropped_switch(snapshot, spec)) if spec else None
    return step or probe_reconcile.next_step(snapshot) or _status(snapshot) or opening.opening(snapshot)


def _missing_switch(snapshot: RunbookSnapshot, spec: RunbookSpec) -> CreateSwitch | AdoptSwitch | None:
    meta = snapshot.runbook.meta
    for entry in spec.switches():
        name = switch_name(meta.ref.name, entry)
        if waits(snapshot, name):
            continue
        if name not in snapshot.switches:
            return CreateSwitch(meta, name, entry)
        if is_orphan(snapshot, snapshot.switches[name]):
            return AdoptSwitch(meta, snapshot.switches[name].meta)
    return None


def _dropped_switch(snapshot: RunbookSnapshot, spec: RunbookSpec) -> DeleteSwitch | None:
    declared = {switch_name(snapshot.runbook.meta.ref.name, entry) for entry in spec.switches()}
    for name, switch in snapshot.switches.items():
        is_left = is_owned(snapshot, switch) or (is_orphan(snapshot, switch) and is_ours(switch))
        if is_left and name not in declared and not (switch.meta.deleting or waits(snapshot, name)):
            return DeleteSwitch(switch.meta, _dropped(snapshot, switch))
    return None


def _dropped(snapshot: RunbookSnapshot, switch: SwitchObject) -> tuple[Notice, ...]:
    """Return the warnings about an engaged switch that an edit of the Runbook removes."""
    record = switch.status.record
    if record is None or record.momentary:
        return ()
    keeps = record.on_delete == "Keep"
    outcome = "leaves what it holds (onDelete: Keep)" if keeps else "restores what it holds"
    text = (
        f"{switch.meta.ref.name} is engaged and the Runbook no longer declares it: the operator {outcome} and "
        "deletes it"
    )
    identity = f"{switch.meta.uid}.{record.engagement_id}.{Reason.SWITCH_DROPPED}"
    about = (snapshot.runbook.meta, switch.meta)
    message = f"{text} [{record.engagement_id}]"
    return tuple(
        Notice(
            one.ref, one.uid, Reason.SWITCH_DROPPED, message, identity, warning=True, engagement=record.engagement_id
        )
        for one in about
    )


def _status(snapshot: RunbookSnapshot) -> WriteStatus | None:
    meta, old = snapshot.runbook.meta, snapshot.runbook.status
    said = new_status(snapshot)
    targets = _targets(snapshot, said)
    reason, message = _ready(snapshot, targets, said)
    finding = Finding(reason is Reason.READY, reason, message)
    ready, health = condition(old.conditions, "Ready", finding, meta.generation, snapshot.now), healthy(snapshot, said)
    engaged = sorted(
        one.spec.switch for one in snapshot.switches.values() if is_own(snapshot, one) and _is_engaged(one)
    )
    status = RunbookStatus(
        observed_generation=meta.generation,
        switches=len(snapshot.runbook.spec.switches()) if snapshot.runbook.spec else old.switches,
        engaged=len(engaged),
        engaged_switches=engaged,
        incident=opening.open_incident(snapshot.incidents),
        targets=targets,
        health_endpoints=said.health_endpoints,
        probes=old.probes,
        dependencies=said.dependencies,
        metrics=said.metrics,
        alerts=said.alerts,
        conditions=[
            ready,
            *([health] if health else []),
            *_suspended(snapshot),
            *probe_reconcile.conditions(snapshot),
            *guard_messages.conditions(snapshot, targets),
        ],
    )
    notices = (*_invalid(snapshot, ready), *said.notices, *guard_messages.revision_notices(snapshot, status))
    return WriteStatus(meta, status, notices) if status != old else None


def _invalid(snapshot: RunbookSnapshot, ready: Condition) -> tuple[Notice, ...]:
    """Return the Event about a field that cannot be read, although `kubectl apply` accepted it."""
    before, meta = find(snapshot.runbook.status.conditions, "Ready"), snapshot.runbook.meta
    if ready.reason != Reason.INVALID_SPEC or (before is not None and before.message == ready.message):
        return ()
    identity = f"{meta.uid}.{meta.generation}.{Reason.INVALID_SPEC}"
    return (Notice(meta.ref, meta.uid, Reason.INVALID_SPEC, ready.message, identity, warning=True),)


def _is_engaged(switch: SwitchObject) -> bool:
    """True if something is held or about to be; False for a momentary switch, and for one with nothing to do."""
    record = switch.status.record
    return record is not None and not record.momentary and bool(record.actions or record.dropped)


def _suspended(snapshot: RunbookSnapshot) -> list[Condition]:
    """Return the condition Suspended while the Runbook is suspended; else an empty list."""
    spec = snapshot.runbook.spec
    if spec is None or spec.suspend is None or not suspended(snapshot.runbook, snapshot.now):
        return []
    until = f" until {timestamp(spec.suspend.until)}" if spec.suspend.until else ""
    why = f": {spec.suspend.reason}" if spec.suspend.reason else ""
    finding = Finding(True, Reason.SUSPENDED, f"automatic sources engage no switch{until}{why}")
    old, generation = snapshot.runbook.status.conditions, snapshot.runbook.meta.generation
    return [condition(old, "Suspended", finding, generation, snapshot.now)]


def _targets(snapshot: RunbookSnapshot, said: NewStatus) -> list[TargetStatus]:
    """Return the status of each declared target; a target that needs no read now keeps its last status."""
    spec, old = snapshot.runbook.spec, {one.name: one for one in snapshot.runbook.status.targets}
    if spec is None:
        return snapshot.runbook.status.targets
    found, down = [_target(snapshot, target, old.get(target.name)) for target in spec.targets], degraded(said)
    return [one.replace(degraded_by=down.get(one.name, [])) for one in found]


def _target(snapshot: RunbookSnapshot, target: Target, old: TargetStatus | None) -> TargetStatus:
    try:
        missing = _first_missing(snapshot, target)
    except NeedsRead:
        if snapshot.thorough or old is None or revision_history.is_due(snapshot, old):
            raise
        return old
    status = old or TargetStatus(name=target.name, found=True)
    is_hidden = missing is not None and missing.reason is Reason.FORBIDDEN
    refused = enabled_actions.of_target(snapshot, target.name) if is_hidden else None
    reason, message = refused or ((missing.reason, missing.message) if missing else ("", ""))
    is_found = missing is None or (is_hidden and _is_seen(snapshot, target))
    return revision_history.noted(snapshot, target, status.replace(found=is_found, reason=str(reason), message=message))


def _first_missing(snapshot: RunbookSnapshot, target: Target) -> Missing | None:
    """Return the first object of the target that does not exist, or else the first that may not be read."""
    refs = target.refs(snapshot.runbook.meta.ref.namespace).refs
    missing = [found for ref in refs if isinstance(found := snapshot.require(ref), Missing)]
    gone = (one for one in missing if one.reason is not Reason.FORBIDDEN)
    return next(gone, missing[0] if missing else None)


def _is_seen(snapshot: RunbookSnapshot, target: Target) -> bool:
    """True if an object of the target was read; one that may not be read does not count."""
    return any(
        isinstance(snapshot.require(ref), ObservedObject)
        for ref in target.refs(snapshot.runbook.meta.ref.namespace).refs
    )


def _ready(snapshot: RunbookSnapshot, targets: list[TargetStatus], said: NewStatus) -> tuple[Reason, str]:
    spec = snapshot.runbook.spec
    if spec is None:
        return (
            Reason.INVALID_SPEC,
            f"{snapshot.runbook.error}. Its switches stay as they are until you correct this",
        )
    if (refused := write_gates.unnamed(snapshot)) is not None:
        return refused
    if snapshot.unsettled:
        return Reason.UNSETTLED, snapshot.unsettled
    trouble = (
        _collision(snapshot, spec) or refused_creation(snapshot, spec) or _unwatched(said) or _missing_target(targets)
    )
    trouble = (
        trouble or opening.refused(snapshot) or unreadable(spec) or _powerless(snapshot) or _unreadable_target(targets)
    )
    return trouble or missing_references.missing(snapshot, said) or (Reason.READY, "")


def _powerless(snapshot: RunbookSnapshot) -> tuple[Reason, str] | None:
    """Return the missing permission of the Runbook, or of its first switch that reports one.

    Access is reviewed in deep checks only; in between, the last report stays.
    """
    if (refused := enabled_actions.of_runbook(snapshot)) is not None:
        return refused
    for switch in snapshot.switches.values():
        if is_own(snapshot, switch) and (said := permission_checks.reported_trouble(switch.status.conditions)):
            return said[0], f"switch {switch.spec.switch}: {said[1]}"
    return (
        permission_checks.of_runbook(snapshot)
        if snapshot.thorough
        else permission_checks.reported_trouble(snapshot.runbook.status.conditions)
    )


def _collision(snapshot: RunbookSnapshot, spec: RunbookSpec) -> tuple[Reason, str] | None:
    for entry in spec.switches():
        name = switch_name(snapshot.runbook.meta.ref.name, entry)
        switch = snapshot.switches.get(name)
        if switch and (only := other_owner(snapshot, switch)):
            return Reason.NAME_COLLISION, f"switch {entry}: the Switch {name} {only}"
    return None


def _missing_target(targets: list[TargetStatus]) -> tuple[Reason, str] | None:
    """Return the first target that does not exist, in the order of the spec."""
    return next((found for found in _troubled(targets) if found[0] not in permission_checks.LACKING), None)


def _unreadable_target(targets: list[TargetStatus]) -> tuple[Reason, str] | None:
    """Return the first target that may not be read.

    Missing permissions of switches are reported first: their message has the command that grants all of them.
    """
    return next((found for found in _troubled(targets) if found[0] in permission_checks.LACKING), None)


def _troubled(targets: list[TargetStatus]) -> Iterator[tuple[Reason, str]]:
    for index, one in enumerate(targets):
        if one.reason:
            yield Reason(one.reason), f"spec.targets[{index}] ({one.name}): {one.message}"


def _unwatched(said: NewStatus) -> tuple[Reason, str] | None:
    """Return the first declared entry that cannot be watched; all others are watched."""
    if not said.problems:
        return None
    first, more = said.problems[0], len(said.problems) - 1
    return Reason.INVALID_SPEC, f"{first.field}: {first.message}" + (f"; and {more} more like it" if more else "")
