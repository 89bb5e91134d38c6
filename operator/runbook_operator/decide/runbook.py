"""The next step of a Runbook: its switches are there, no others are, and its status says how it is."""

from runbook_operator.api.conditions import Finding, condition
from runbook_operator.api.objects import SwitchObject
from runbook_operator.api.runbook import RunbookSpec, RunbookStatus, TargetStatus
from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import Ref
from runbook_operator.model.seen import Missing, Seen, absent
from runbook_operator.plan.steps import CreateSwitch, DeleteSwitch, RunbookStep, WriteStatus
from runbook_operator.plan.world import RunbookWorld


def next_step(world: RunbookWorld) -> RunbookStep | None:
    """The next step, or None. A Runbook that does not parse keeps its switches as they are: nothing is lost."""
    if world.runbook.meta.deleting:
        return None
    spec = world.runbook.spec
    step = (_missing_switch(world, spec) or _dropped_switch(world, spec)) if spec else None
    return step or _status(world)


def switch_name(runbook: str, switch: str) -> str:
    return f"{runbook}-{switch}"


def _missing_switch(world: RunbookWorld, spec: RunbookSpec) -> CreateSwitch | DeleteSwitch | None:
    meta = world.runbook.meta
    for entry in spec.switches():
        name = switch_name(meta.ref.name, entry)
        if name not in world.switches:
            return CreateSwitch(meta, name, entry)
    return None


def _dropped_switch(world: RunbookWorld, spec: RunbookSpec) -> CreateSwitch | DeleteSwitch | None:
    declared = {switch_name(world.runbook.meta.ref.name, entry) for entry in spec.switches()}
    for name, switch in world.switches.items():
        if _owned(world, switch) and name not in declared and not switch.meta.deleting:
            return DeleteSwitch(switch.meta)
    return None


def _owned(world: RunbookWorld, switch: SwitchObject) -> bool:
    return world.runbook.meta.uid in switch.meta.owner_uids


def _status(world: RunbookWorld) -> WriteStatus | None:
    meta, old = world.runbook.meta, world.runbook.status
    reason, message = _ready(world)
    finding = Finding(reason is Reason.READY, reason, message)
    ready = condition(old.conditions, "Ready", finding, meta.generation, world.now)
    status = RunbookStatus(
        observed_generation=meta.generation,
        switches=len(world.runbook.spec.switches()) if world.runbook.spec else old.switches,
        engaged=sum(1 for switch in world.switches.values() if _owned(world, switch) and switch.status.record),
        targets=_targets(world),
        conditions=[ready],
    )
    return WriteStatus(meta, status) if status != old else None


def _targets(world: RunbookWorld) -> list[TargetStatus]:
    if world.runbook.spec is None:
        return world.runbook.status.targets
    namespace = world.runbook.meta.ref.namespace
    found = [(target.name, _look(world, target.workload.ref(namespace))) for target in world.runbook.spec.targets]
    return [
        TargetStatus(name=name, found=isinstance(one, Seen), message=one.message if isinstance(one, Missing) else "")
        for name, one in found
    ]


def _look(world: RunbookWorld, ref: Ref) -> Seen | Missing:
    return world.seen.get(ref) or absent(ref)


def _ready(world: RunbookWorld) -> tuple[Reason, str]:
    spec = world.runbook.spec
    if spec is None:
        return (
            Reason.INVALID_SPEC,
            f"{world.runbook.error}. Its switches stay as they are until this is corrected",
        )
    return _collision(world, spec) or _missing_target(world, spec) or (Reason.READY, "")


def _collision(world: RunbookWorld, spec: RunbookSpec) -> tuple[Reason, str] | None:
    for entry in spec.switches():
        name = switch_name(world.runbook.meta.ref.name, entry)
        switch = world.switches.get(name)
        if switch and not _owned(world, switch):
            return Reason.NAME_COLLISION, (
                f"switch {entry}: the Switch {name} belongs to Runbook {switch.spec.runbook}; "
                f"rename the entry, or delete that Switch if nobody owns it"
            )
    return None


def _missing_target(world: RunbookWorld, spec: RunbookSpec) -> tuple[Reason, str] | None:
    for index, target in enumerate(spec.targets):
        found = _look(world, target.workload.ref(world.runbook.meta.ref.namespace))
        if isinstance(found, Missing):
            return found.reason, f"spec.targets[{index}] ({target.name}): {found.message}"
    return None
