"""The status that a switch should have now, and what is to be said when it changes."""

from runbook_operator.api.conditions import Finding, condition, timestamp
from runbook_operator.api.switch import HISTORY, Engagement, Entry, Record, SwitchStatus
from runbook_operator.decide.notices import about_record, said, summary
from runbook_operator.decide.record import is_saved, live, overruled, target
from runbook_operator.model.notices import Notice
from runbook_operator.model.reasons import Reason
from runbook_operator.model.seen import Missing, Seen
from runbook_operator.plan.steps import WriteStatus
from runbook_operator.plan.world import World


def tell(world: World) -> WriteStatus | None:
    """Write the status if it is not what it should be."""
    if world.record is None and world.switch.meta.deleting:
        return None
    step = _ended(world) if world.record and not world.wanted else _current(world)
    return step if step.status != world.switch.status else None


def begun(world: World, record: Record) -> WriteStatus:
    """The write-ahead write: it stands before anything is done to a target."""
    status = world.switch.status.model_copy(update={"record": record, "phase": "Engaging"})
    return WriteStatus(world.switch.meta, _with_conditions(world, status))


def stalled(world: World, reason: Reason, message: str) -> WriteStatus | None:
    """A write was refused and a person must act; the record stays, and the write is tried again."""
    old, generation = world.switch.status, world.switch.meta.generation
    kept = [one for one in old.conditions if one.type not in ("Ready", "Stalled")]
    conditions = [
        condition(old.conditions, "Ready", Finding(False, reason, message), generation, world.now),
        condition(old.conditions, "Stalled", Finding(True, reason, message), generation, world.now),
        *kept,
    ]
    update = {"phase": "Stalled", "conditions": conditions, "observed_generation": generation}
    status = old.model_copy(update=update)
    return WriteStatus(world.switch.meta, status, _complaint(world, reason, message)) if status != old else None


def _complaint(world: World, reason: Reason, message: str) -> tuple[Notice, ...]:
    identity = f"{world.switch.meta.uid}.{world.switch.meta.generation}.{reason}"
    return said(world, reason, message, identity, warning=True)


def _current(world: World) -> WriteStatus:
    if world.record is None:
        return _idle(world)
    record = _progress(world, world.record)
    complete = all(entry.result == "Applied" for entry in record.actions)
    record = record.model_copy(update={"done": complete and record.momentary})
    status = world.switch.status.model_copy(update={"record": record, "phase": _phase(record, complete=complete)})
    if complete and world.latency is not None:
        status = status.model_copy(update={"latency_milliseconds": world.latency})
    notices = about_record(world, record, _finished(record), summary(record)) if complete else ()
    fresh = notices if world.switch.status.phase in ("Engaging", "Stalled") else ()
    return WriteStatus(world.switch.meta, _with_conditions(world, status), fresh)


def _phase(record: Record, *, complete: bool) -> str:
    if record.done:
        return "Releasing"
    return "Engaged" if complete else "Engaging"


def _finished(record: Record) -> Reason:
    return Reason.DONE if record.momentary else Reason.ENGAGED


def _progress(world: World, record: Record) -> Record:
    entries = [_applied(world, record, entry) for entry in record.actions]
    return record.model_copy(update={"actions": entries})


def _applied(world: World, record: Record, entry: Entry) -> Entry:
    seen = target(world, entry)
    if record.done or entry.result != "Pending" or not isinstance(seen, Seen) or not is_saved(entry, seen):
        return entry
    holds = live(entry, seen) == entry.held or overruled(world, record, entry)
    return entry.model_copy(update={"result": "Applied"}) if holds else entry


def _ended(world: World) -> WriteStatus:
    record = world.record
    assert record  # noqa: S101 # tell() asks only with a record
    ended = record.model_copy(update={"actions": [_restored(world, record, entry) for entry in record.actions]})
    over = Engagement(
        id=record.id,
        reason=record.reason,
        engaged_at=record.engaged_at,
        released_at=timestamp(world.now),
        outcome=summary(ended),
    )
    history = [over, *world.switch.status.history][:HISTORY]
    status = world.switch.status.model_copy(
        update={"record": None, "phase": "Released", "engaged_at": None, "history": history}
    )
    skipped = any(entry.result == "RestoreSkipped" for entry in ended.actions)
    reason = Reason.RESTORE_SKIPPED if skipped else Reason.RESTORED
    notices = () if record.done else about_record(world, record, reason, summary(ended))
    return WriteStatus(world.switch.meta, _with_conditions(world, status), notices)


def _restored(world: World, record: Record, entry: Entry) -> Entry:
    if record.momentary:
        return entry
    seen = target(world, entry)
    if not isinstance(seen, Seen) or not is_saved(entry, seen):
        return entry.model_copy(update={"result": "Gone"})
    kept = overruled(world, record, entry) or live(entry, seen) in (entry.saved, entry.held)
    return entry.model_copy(update={"result": "Restored" if kept else "RestoreSkipped"})


def _idle(world: World) -> WriteStatus:
    status = world.switch.status.model_copy(update={"phase": "Released", "engaged_at": None})
    status = _with_conditions(world, status)
    return WriteStatus(world.switch.meta, status, _observed(world))


def _observed(world: World) -> tuple[Notice, ...]:
    if not (world.wanted and world.observing):
        return ()
    identity = f"{world.switch.meta.uid}.{world.switch.meta.generation}"
    return said(world, Reason.OBSERVING, _would(world), identity)


def _would(world: World) -> str:
    does = _does(world)
    return f"mode is Observe: nothing was done; Enforce would {does}" if does else "mode is Observe: nothing was done"


def _does(world: World) -> str:
    if world.entry is None:
        return world.switch.status.does
    return "; ".join(one.action.describe(one.spec) for one in world.entry.actions)


def _with_conditions(world: World, status: SwitchStatus) -> SwitchStatus:
    """The status with its conditions, what it does, and the generation that all this is about."""
    old, generation = world.switch.status.conditions, world.switch.meta.generation
    ready_reason, ready_message = _ready(world, status)
    engaged_reason, engaged_message = _engaged(world, status)
    holding = status.record is not None and status.phase == "Engaged"
    ready = Finding(ready_reason is Reason.READY, ready_reason, ready_message)
    engaged = Finding(holding, engaged_reason, engaged_message)
    conditions = [
        condition(old, "Ready", ready, generation, world.now),
        condition(old, "Engaged", engaged, generation, world.now),
    ]
    since = status.record.engaged_at if status.record else None
    update = {
        "conditions": conditions,
        "observed_generation": generation,
        "does": _does(world),
        "engaged_at": since,
    }
    return status.model_copy(update=update)


def _ready(world: World, status: SwitchStatus) -> tuple[Reason, str]:
    missing = _missing(world, status)
    if missing:
        return missing.reason, missing.message
    if status.record is None and (trouble := _undeclared(world)):
        return trouble
    if status.record and status.phase == "Engaging":
        return Reason.ENGAGING, summary(status.record)
    return Reason.READY, ""


def _undeclared(world: World) -> tuple[Reason, str] | None:
    spec = world.switch.spec
    if world.runbook is None:
        return Reason.RUNBOOK_NOT_FOUND, f"spec.runbook: there is no Runbook {spec.runbook} in this namespace"
    if world.runbook.spec is None:
        return Reason.INVALID_SPEC, f"Runbook {spec.runbook}: {world.runbook.error}"
    if world.entry is None:
        return (
            Reason.SWITCH_NOT_DECLARED,
            f"spec.switch: Runbook {spec.runbook} declares no switch {spec.switch}",
        )
    return None


def _missing(world: World, status: SwitchStatus) -> Missing | None:
    if status.record:
        found = (target(world, entry) for entry in status.record.actions)
    elif world.entry and world.runbook and world.runbook.spec:
        spec, namespace = world.runbook.spec, world.switch.meta.ref.namespace
        found = (world.look(spec.workload(one.spec.target, namespace)) for one in world.entry.actions)
    else:
        return None
    return next((one for one in found if isinstance(one, Missing)), None)


def _engaged(world: World, status: SwitchStatus) -> tuple[Reason, str]:
    if status.record:
        reason = Reason.ENGAGED if status.phase == "Engaged" else Reason.ENGAGING
        return reason, summary(status.record)
    if world.wanted and world.observing:
        return Reason.OBSERVING, _would(world)
    last = status.history[0].outcome if status.history else ""
    return Reason.RELEASED, last
