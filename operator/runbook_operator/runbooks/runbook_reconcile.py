"""Decide the next step of a Runbook: create missing switches, delete undeclared ones, then write its status."""

from collections.abc import Iterator

from runbook_operator.api.conditions import Condition, Finding, condition, find, timestamp
from runbook_operator.api.parsing import SwitchObject, switch_name
from runbook_operator.api.runbook import RunbookSpec, RunbookStatus, TargetStatus
from runbook_operator.api.target_specs import Target
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.queries import Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.deployments import guard_messages, revision_history
from runbook_operator.monitoring.entry_status import Told, told
from runbook_operator.monitoring.healthy_condition import degraded, healthy
from runbook_operator.permissions import allowed_actions, permission_checks
from runbook_operator.probes import probe_reconcile
from runbook_operator.reconcile.acting_identity import UNNAMED
from runbook_operator.reconcile.automation_pauses import unreadable
from runbook_operator.reconcile.snapshot import RunbookWorld, suspended
from runbook_operator.reconcile.steps import AdoptSwitch, CreateSwitch, DeleteSwitch, RunbookStep, WriteStatus
from runbook_operator.runbooks import missing_references
from runbook_operator.switches.owned_switches import is_orphan, is_ours, is_own, is_owned, stranger, unmade, waits


def next_step(world: RunbookWorld) -> RunbookStep | None:
    """Return the next step, or None. A Runbook that does not parse keeps its switches, so that nothing is lost."""
    if world.runbook.meta.deleting:
        return probe_reconcile.next_step(world)
    spec = world.runbook.spec
    step = (_missing_switch(world, spec) or _dropped_switch(world, spec)) if spec else None
    return step or probe_reconcile.next_step(world) or _status(world)


def _missing_switch(world: RunbookWorld, spec: RunbookSpec) -> CreateSwitch | AdoptSwitch | None:
    meta = world.runbook.meta
    for entry in spec.switches():
        name = switch_name(meta.ref.name, entry)
        if waits(world, name):
            continue
        if name not in world.switches:
            return CreateSwitch(meta, name, entry)
        if is_orphan(world, world.switches[name]):
            return AdoptSwitch(meta, world.switches[name].meta)
    return None


def _dropped_switch(world: RunbookWorld, spec: RunbookSpec) -> DeleteSwitch | None:
    declared = {switch_name(world.runbook.meta.ref.name, entry) for entry in spec.switches()}
    for name, switch in world.switches.items():
        is_left = is_owned(world, switch) or (is_orphan(world, switch) and is_ours(switch))
        if is_left and name not in declared and not (switch.meta.deleting or waits(world, name)):
            return DeleteSwitch(switch.meta, _dropped(world, switch))
    return None


def _dropped(world: RunbookWorld, switch: SwitchObject) -> tuple[Notice, ...]:
    """Return the warnings about an engaged switch that an edit of the Runbook removes."""
    record = switch.status.record
    if record is None or record.momentary:
        return ()
    keeps = record.on_delete == "Keep"
    outcome = "leaves what it holds, as onDelete: Keep asks," if keeps else "restores what it holds"
    text = f"{switch.meta.ref.name} is engaged and is no longer declared: the operator {outcome} and deletes it"
    identity = f"{switch.meta.uid}.{record.engagement_id}.{Reason.SWITCH_DROPPED}"
    about = (world.runbook.meta, switch.meta)
    message = f"{text} [{record.engagement_id}]"
    return tuple(
        Notice(
            one.ref, one.uid, Reason.SWITCH_DROPPED, message, identity, warning=True, engagement=record.engagement_id
        )
        for one in about
    )


def _status(world: RunbookWorld) -> WriteStatus | None:
    meta, old = world.runbook.meta, world.runbook.status
    said = told(world)
    targets = _targets(world, said)
    reason, message = _ready(world, targets, said)
    finding = Finding(reason is Reason.READY, reason, message)
    ready, health = condition(old.conditions, "Ready", finding, meta.generation, world.now), healthy(world, said)
    engaged = sorted(one.spec.switch for one in world.switches.values() if is_own(world, one) and _is_engaged(one))
    status = RunbookStatus(
        observed_generation=meta.generation,
        switches=len(world.runbook.spec.switches()) if world.runbook.spec else old.switches,
        engaged=len(engaged),
        engaged_switches=engaged,
        targets=targets,
        health_endpoints=said.health_endpoints,
        probes=old.probes,
        dependencies=said.dependencies,
        metrics=said.metrics,
        conditions=[
            ready,
            *([health] if health else []),
            *_suspended(world),
            *probe_reconcile.conditions(world),
            *guard_messages.conditions(world, targets),
        ],
    )
    notices = (*_invalid(world, ready), *said.notices, *guard_messages.said(world, status))
    return WriteStatus(meta, status, notices) if status != old else None


def _invalid(world: RunbookWorld, ready: Condition) -> tuple[Notice, ...]:
    """Return the Event about a field that cannot be read, although `kubectl apply` accepted it."""
    before, meta = find(world.runbook.status.conditions, "Ready"), world.runbook.meta
    if ready.reason != Reason.INVALID_SPEC or (before is not None and before.message == ready.message):
        return ()
    identity = f"{meta.uid}.{meta.generation}.{Reason.INVALID_SPEC}"
    return (Notice(meta.ref, meta.uid, Reason.INVALID_SPEC, ready.message, identity, warning=True),)


def _is_engaged(switch: SwitchObject) -> bool:
    """True if something is held or about to be; False for a momentary switch, and for one with nothing to do."""
    record = switch.status.record
    return record is not None and not record.momentary and bool(record.actions or record.dropped)


def _suspended(world: RunbookWorld) -> list[Condition]:
    """Return the condition Suspended while the Runbook is suspended; else an empty list."""
    spec = world.runbook.spec
    if spec is None or spec.suspend is None or not suspended(world.runbook, world.now):
        return []
    until = f" until {timestamp(spec.suspend.until)}" if spec.suspend.until else ""
    why = f": {spec.suspend.reason}" if spec.suspend.reason else ""
    finding = Finding(True, Reason.SUSPENDED, f"nothing automatic engages a switch{until}{why}")
    old, generation = world.runbook.status.conditions, world.runbook.meta.generation
    return [condition(old, "Suspended", finding, generation, world.now)]


def _targets(world: RunbookWorld, said: Told) -> list[TargetStatus]:
    """Return the status of each declared target; one that is not worth a read now keeps its last status."""
    spec, old = world.runbook.spec, {one.name: one for one in world.runbook.status.targets}
    if spec is None:
        return world.runbook.status.targets
    found, down = [_target(world, target, old.get(target.name)) for target in spec.targets], degraded(said)
    return [one.replace(degraded_by=down.get(one.name, [])) for one in found]


def _target(world: RunbookWorld, target: Target, old: TargetStatus | None) -> TargetStatus:
    try:
        missing = _first_missing(world, target)
    except Unread:
        if world.thorough or old is None or revision_history.is_due(world, old):
            raise
        return old
    status = old or TargetStatus(name=target.name, found=True)
    is_hidden = missing is not None and missing.reason is Reason.FORBIDDEN
    refused = allowed_actions.of_target(world, target.name) if is_hidden else None
    reason, message = refused or ((missing.reason, missing.message) if missing else ("", ""))
    is_found = missing is None or (is_hidden and _is_seen(world, target))
    return revision_history.noted(world, target, status.replace(found=is_found, reason=str(reason), message=message))


def _first_missing(world: RunbookWorld, target: Target) -> Missing | None:
    """Return the first part of the target that does not exist, or else the first that may not be read."""
    refs = target.refs(world.runbook.meta.ref.namespace).refs
    missing = [found for ref in refs if isinstance(found := world.look(ref), Missing)]
    gone = (one for one in missing if one.reason is not Reason.FORBIDDEN)
    return next(gone, missing[0] if missing else None)


def _is_seen(world: RunbookWorld, target: Target) -> bool:
    """True if a part of the target exists; a part that may not be read may exist too."""
    return any(isinstance(world.look(ref), Seen) for ref in target.refs(world.runbook.meta.ref.namespace).refs)


def _ready(world: RunbookWorld, targets: list[TargetStatus], said: Told) -> tuple[Reason, str]:
    spec = world.runbook.spec
    if spec is None:
        return (
            Reason.INVALID_SPEC,
            f"{world.runbook.error}. Its switches stay as they are until this is corrected",
        )
    if world.barred:
        return Reason.NO_ACCOUNT, UNNAMED
    if world.unsettled:
        return Reason.UNSETTLED, world.unsettled
    trouble = _collision(world, spec) or unmade(world, spec) or _unwatched(said) or _missing_target(targets)
    trouble = trouble or unreadable(spec) or _powerless(world) or _unreadable_target(targets)
    return trouble or missing_references.missing(world, said) or (Reason.READY, "")


def _powerless(world: RunbookWorld) -> tuple[Reason, str] | None:
    """Return the missing permission of the Runbook, or of its first switch that reports one.

    Access is reviewed in close looks only; in between, the last report stays.
    """
    if (refused := allowed_actions.of_runbook(world)) is not None:
        return refused
    for switch in world.switches.values():
        if is_own(world, switch) and (said := permission_checks.told(switch.status.conditions)):
            return said[0], f"switch {switch.spec.switch}: {said[1]}"
    return (
        permission_checks.of_runbook(world)
        if world.thorough
        else permission_checks.told(world.runbook.status.conditions)
    )


def _collision(world: RunbookWorld, spec: RunbookSpec) -> tuple[Reason, str] | None:
    for entry in spec.switches():
        name = switch_name(world.runbook.meta.ref.name, entry)
        switch = world.switches.get(name)
        if switch and (whose := stranger(world, switch)):
            return Reason.NAME_COLLISION, f"switch {entry}: the Switch {name} {whose}"
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


def _unwatched(said: Told) -> tuple[Reason, str] | None:
    """Return the first declared entry that cannot be watched; all others are watched."""
    if not said.problems:
        return None
    first, more = said.problems[0], len(said.problems) - 1
    return Reason.INVALID_SPEC, f"{first.field}: {first.message}" + (f"; and {more} more like it" if more else "")
