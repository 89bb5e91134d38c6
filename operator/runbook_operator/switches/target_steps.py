"""The writes of the switch engine to targets: they set held values, correct drift, and restore saved values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import starmap

from runbook_operator.api.switch import Record
from runbook_operator.automation.desired_state import held_released
from runbook_operator.core.field_values import effect, for_audit
from runbook_operator.core.writes import Delete, Patch
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import Change, Step, WriteTarget
from runbook_operator.switches.action_planning import manifest
from runbook_operator.switches.action_progress import blocks, is_contested, is_over, obstacle
from runbook_operator.switches.held_field import HeldField, dropped, held_fields, read_together
from runbook_operator.switches.not_in_force import was_written
from runbook_operator.switches.requeue import correct_drift_at, tried_again_at
from runbook_operator.switches.suspended_start import resume
from runbook_operator.switches.switch_status import count_deviation


def deviations(snapshot: Snapshot, record: Record) -> Iterator[Step]:
    """Yield the writes that set held values or correct drift, in the order of the record, up to a field that blocks."""
    every = held_fields(snapshot, record)
    for held_field in every:
        applied = held_field.entry.result == "Applied"
        if held_field.deviates and applied and not record.momentary:
            yield from _correct_drift(held_field)
        elif not applied and _is_due(held_field):
            yield _first([one for one in read_together(held_field, every[held_field.index + 1 :]) if _is_due(one)])
        elif (resumed := resume(held_field)) is not None:
            yield resumed
        if blocks(held_field):
            return


def _is_due(held_field: HeldField) -> bool:
    """True if the first write of this field may be tried now."""
    if held_field.entry.result == "Applied" or not held_field.deviates or obstacle(held_field) is not None:
        return False
    return tried_again_at(held_field) <= held_field.snapshot.now and not _is_early(
        held_field, lambda one: one.deviates or one.waiting
    )


def restorations(left: tuple[HeldField, ...]) -> Iterator[WriteTarget]:
    """Yield the writes that restore these fields, except those that wait for a back-off."""
    for number, held_field in enumerate(left):
        if _is_to_restore(held_field):
            group = [one for one in read_together(held_field, left[number + 1 :]) if _is_to_restore(one)]
            act = _write_target(group, [one.value_after_release for one in group])
            yield _unseen_work(held_field, replace(act, released_by=_released_by(held_field.snapshot)))


def _released_by(snapshot: Snapshot) -> tuple[str, str] | None:
    """Return the author and the reason of the override that holds the switch released."""
    override = held_released(snapshot)
    return (override.by, override.reason) if override is not None else None


def _unseen_work(held_field: HeldField, act: WriteTarget) -> WriteTarget:
    """Let a deletion require the resourceVersion that was read: an object that has begun its work since then stays."""
    if not (held_field.is_made_once and held_field.saved and isinstance(act.effect, Delete)):
        return act
    return replace(act, effect=replace(act.effect, resource_version=held_field.saved.resource_version))


def _is_to_restore(held_field: HeldField) -> bool:
    if not _is_left(held_field) or _is_early(held_field, _is_left):
        return False
    return tried_again_at(held_field) <= held_field.snapshot.now


def _is_left(held_field: HeldField) -> bool:
    return held_field.restorable and not is_over(held_field)


def _is_early(held_field: HeldField, left: Callable[[HeldField], bool]) -> bool:
    """True if this field comes after the other fields of its action, and one of these is still to be written."""
    if not held_field.entry.last:
        return False
    every = (held_fields if held_field.index >= 0 else dropped)(held_field.snapshot, held_field.record)
    return any(left(one) for one in every if one.entry.step == held_field.entry.step and not one.entry.last)


def drift_correction(held_field: HeldField) -> WriteTarget:
    """Return the write that reapplies the held value."""
    return replace(_write_target([held_field], [held_field.entry.held]), corrects_drift=True)


def _correct_drift(held_field: HeldField) -> Iterator[Step]:
    """Yield the status write that counts the drift or, once it is counted, the correction, as the back-offs allow."""
    if not is_contested(held_field):
        if correct_drift_at(held_field) <= held_field.snapshot.now:
            yield count_deviation(held_field)
    elif tried_again_at(held_field) <= held_field.snapshot.now and obstacle(held_field) is None:
        yield drift_correction(held_field)


def _first(group: Sequence[HeldField]) -> WriteTarget:
    """Return the first write of the fields; it applies only to the object that was saved.

    If the fields show the saved values, the write accepts any version of the object: its status may have changed. If
    they do not, the write requires the saved version, so that a later change is saved again and not lost. After an
    accepted write the live value is the operator's own, and nothing is saved again.
    """
    values = [manifest(one) if one.is_made_once else one.entry.held for one in group]
    act = _write_target(group, values)
    moved = any(not (one.is_as_saved or was_written(one)) for one in group)
    version = group[0].entry.resource_version if moved else None
    pinned = replace(act.effect, resource_version=version) if version and isinstance(act.effect, Patch) else act.effect
    return replace(act, effect=pinned, timed=True)


def _write_target(group: Sequence[HeldField], values: Sequence[object]) -> WriteTarget:
    first = group[0]
    assert first.saved  # noqa: S101 # called only if the target exists
    written = [(one.entry.field, value) for one, value in zip(group, values, strict=True)]
    changes = tuple(starmap(_change, zip(group, values, strict=True)))
    # A write of a pod template includes other holds inside it: to reapply them later would cost one more rollout.
    kept = [claim for one in group if one.saved for claim in one.inside(one.saved) if not claim.releasing]
    inside = [(claim.field, claim.held) for claim in kept]
    return WriteTarget(effect(first.saved, written, first.snapshot.answers, inside), changes, first.record)


def _change(held_field: HeldField, value: object) -> Change:
    field = held_field.entry.field
    return Change(held_field.field_key, for_audit(field, held_field.live), for_audit(field, value))
