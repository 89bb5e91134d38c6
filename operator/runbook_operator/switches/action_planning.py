"""Plan the fields that the declared actions write, save their live values, and plan again when objects change."""

from collections.abc import Sequence
from typing import Any

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.api.conditions import timestamp
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Declared, Failure, FieldRecord, Noted, PinnedTarget, Record
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, DesiredField, Refused, Remark
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.deployments import revision_history
from runbook_operator.holds.held_values import with_saved
from runbook_operator.permissions import enabled_actions
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches import gitops_suspension
from runbook_operator.switches.held_by_another import skipped
from runbook_operator.switches.held_field import HeldField, dropped, held_fields
from runbook_operator.switches.optional_reads import peek
from runbook_operator.switches.switch_messages import shown
from runbook_operator.switches.throw_context import throw_of

Planned = tuple[list[FieldRecord], list[Noted]]


def pinned(snapshot: Snapshot, entry: KillSwitch) -> list[Declared]:
    """Return the declared actions with the objects of their targets."""
    assert snapshot.runbook and snapshot.runbook.spec  # noqa: S101, PT018 # an entry comes from a parsed Runbook
    spec, namespace = snapshot.runbook.spec, snapshot.switch.meta.ref.namespace
    return [
        Declared(
            action=one.kind,
            spec=one.spec.model_dump(by_alias=True, exclude_none=True),
            target=PinnedTarget.of(spec.target(one.target, namespace)),
        )
        for one in entry.actions
    ]


def planned(snapshot: Snapshot, record: Record, timeouts: Sequence[str] = ()) -> Record:
    """Return the record with its fields planned and saved; fields of replaced objects are planned again.

    `timeouts` are those of the declared actions; if given, all is planned again, and only saved values stay. A field
    that no action wants any more becomes a dropped one, which is restored. Raises one NeedsRead for all missing reads.
    """
    record = followed(snapshot, record)
    entries: list[FieldRecord] = []
    remarks: list[Noted] = []
    needed: set[Query] = set()
    for step in range(len(record.plan)):
        try:
            new, notes = _step(snapshot, record, step, timeouts[step] if timeouts else "")
        except NeedsRead as more:
            needed |= more.queries
            continue
        entries += new
        remarks += notes
    if needed:
        raise NeedsRead(needed)
    kept = set(map(field_identity, entries))
    gone = [one for one in (*record.actions, *record.dropped) if _is_planned(one) and field_identity(one) not in kept]
    return skipped(snapshot, record.replace(actions=entries, remarks=remarks, dropped=gone))


def followed(snapshot: Snapshot, record: Record) -> Record:
    """Return the record with the new uids of objects that were created again at the held value, as from a backup.

    That live value comes from the operator, so the value that was saved first stays saved.
    """
    came = [*filter(_is_same_again, (*held_fields(snapshot, record), *dropped(snapshot, record)))]
    if not came:
        return record
    moved = {id(one.entry): _now(one) for one in came}
    return record.replace(
        actions=[moved.get(id(one), one) for one in record.actions],
        dropped=[moved.get(id(one), one) for one in record.dropped],
        remarks=[*record.remarks, *map(_saved_value, came)],
    )


def plan_context(snapshot: Snapshot, record: Record, step: int) -> PlanContext:
    """Return the context in which the action of that step plans: it shows objects as without this engagement."""
    meta, declared = snapshot.switch.meta, record.plan[step]
    return PlanContext(
        namespace=meta.ref.namespace,
        throw=throw_of(snapshot, record),
        peek=lambda ref: peek(snapshot, ref),
        duplicate_index=record.plan[:step].count(declared),
        target=declared.target.refs(meta.ref.namespace),
        observed=lambda ref, whole: _undone(snapshot, record, snapshot.require(ref, whole=whole)),
        answers=snapshot.answers,
        good=revision_history.good(snapshot),
        bad=revision_history.bad(snapshot),
        rolled_back_templates=lambda workload: revision_history.rolled_back_templates(snapshot, record, workload),
        version=lambda workload: str(
            _held_field(snapshot, record, DesiredField(workload.ref, TEMPLATE, None)).live["digest"]
        ),
        holds=lambda uid: _holds(snapshot, record, uid),
        desired_fields=tuple(
            one.desired(meta.ref.namespace) for one in record.actions if one.step == step and _is_planned(one)
        ),
    )


def manifest(held_field: HeldField) -> Any:
    """Plan again the object that is made only once; raises Refused if that is no longer possible.

    The record does not contain the object: its pod template may hold values that no status should show.
    """
    context = plan_context(held_field.snapshot, held_field.record, held_field.entry.step)
    action, spec = action_of(held_field.record.plan[held_field.entry.step])
    desired = (one for one in action.plan(spec, context) if isinstance(one, DesiredField))
    if not (made := [one.held for one in desired if one.ref == held_field.ref]):
        text = "this version of the operator plans another object; release the switch, and throw it again"
        raise Refused(Reason.INVALID_SPEC, f"{held_field.ref}: {text}")
    return made[0]


def action_of(declared: Declared) -> tuple[type[Action], Any]:
    """Return the action and its spec, parsed from the record."""
    action = REGISTRY[declared.action]
    return action, action.Spec.model_validate(declared.spec)


def _is_same_again(held_field: HeldField) -> bool:
    """True if another object of the same name shows the held value, and the saved value differs from it."""
    entry = held_field.entry
    if not _is_planned(entry) or entry.mode != "Hold" or entry.uid is None or held_field.is_object:
        return False
    if not isinstance(held_field.target, ObservedObject) or held_field.target.uid == entry.uid:
        return False
    return field_values.shows(held_field.target, entry.field, entry.held) and not field_values.same(
        entry.field, entry.saved, entry.held
    )


def _now(held_field: HeldField) -> FieldRecord:
    assert isinstance(held_field.target, ObservedObject)  # noqa: S101 # it shows the held value
    return held_field.entry.replace(uid=held_field.target.uid, resource_version=None)


def _saved_value(held_field: HeldField) -> Noted:
    text = (
        f"{held_field.ref} was created again, already at the held {shown(held_field.entry.held)}; a release restores "
        f"{shown(held_field.entry.saved)}, which was saved from the former object"
    )
    return Noted(step=held_field.entry.step, reason=Reason.SAVED_BEFORE, message=text)


def _step(snapshot: Snapshot, record: Record, step: int, timeout: str) -> Planned:
    old: list[FieldRecord] = []
    if not timeout:
        old = [entry for entry in record.actions if entry.step == step]
        if not any(_is_to_plan(snapshot, record, entry) for entry in old):
            return old, [note for note in record.remarks if note.step == step]
        timeout = old[0].timeout
    context, (action, spec) = plan_context(snapshot, record, step), action_of(record.plan[step])
    try:
        plan = enabled_actions.checked(snapshot, record, action).plan(spec, context)
        desired_fields = [one for one in plan if isinstance(one, DesiredField)]
        guards, notes = gitops_suspension.guards(snapshot, context, desired_fields)
        blank = FieldRecord(step=step, action=action.kind, timeout=timeout, api_version="", kind="", name="")
        entries = [_entry(snapshot, record, blank, desired) for desired in (*guards, *desired_fields)]
    except Refused as refused:
        return [*_settled(snapshot, record, old), _placeholder(snapshot, record, step, refused, timeout)], []
    except field_paths.FieldError as error:
        unfound = Refused(error.reason, str(error))
        return [*_settled(snapshot, record, old), _placeholder(snapshot, record, step, unfound, timeout)], []
    found = (one for one in (*plan, *notes) if isinstance(one, Remark))
    return entries, [Noted(step=step, reason=one.reason, message=one.message) for one in found]


def field_identity(entry: FieldRecord) -> tuple[str, ...]:
    """Return the identity of a field, without the uid of its object."""
    return (entry.api_version, entry.kind, entry.name, entry.field)


def _is_planned(entry: FieldRecord) -> bool:
    return entry.result != "Waiting"


def _settled(snapshot: Snapshot, record: Record, old: list[FieldRecord]) -> list[FieldRecord]:
    """Return the fields that stay held while their action cannot be planned again."""
    return [entry for entry in old if not _is_to_plan(snapshot, record, entry)]


def _is_to_plan(snapshot: Snapshot, record: Record, entry: FieldRecord) -> bool:
    """True if the field was not planned or saved yet, or its object was replaced."""
    if not _is_planned(entry):
        return True
    if entry.field == OBJECT or entry.result == "Skipped" or (entry.mode == "Once" and entry.result == "Applied"):
        return False
    target = HeldField(snapshot, record, 0, entry).target
    return isinstance(target, ObservedObject) and target.uid != entry.uid


def _entry(snapshot: Snapshot, record: Record, blank: FieldRecord, desired: DesiredField) -> FieldRecord:
    """Return the field of the record for `desired`: the recorded one, or a new one that saves the live value."""
    ref, namespace = desired.ref, snapshot.switch.meta.ref.namespace
    named = blank.replace(
        api_version=ref.api_version, kind=ref.kind, name=ref.name, field=desired.field, mode=desired.mode
    )
    fresh = named.replace(last=desired.last, held=desired.held, result="Pending")
    if desired.is_made_once:
        return _made_once(record, fresh)
    target = snapshot.require(ref, whole=True) if desired.field == OBJECT else _require(snapshot, desired)
    uid = target.uid if isinstance(target, ObservedObject) else None
    fresh = fresh.replace(uid=uid)
    for old in (*record.actions, *record.dropped):
        if (old.ref(namespace), old.field, old.uid) == (ref, desired.field, uid) and old.result != "Waiting":
            return _with_saved(old, fresh)
    if desired.field == OBJECT:
        _check_name(snapshot, desired, target)
        return fresh.replace(uid=uid if desired.held is None else None)
    if isinstance(target, Missing):
        raise Refused(target.reason, target.message)
    return _saved(HeldField(snapshot, record, len(record.actions), fresh), target)


def _made_once(record: Record, fresh: FieldRecord) -> FieldRecord:
    """Return the field for an object that is made once. The engagement determines its name: nothing is read."""
    fresh = fresh.replace(held={"apiVersion": fresh.api_version, "kind": fresh.kind})
    noted = {field_identity(old): old for old in (*record.dropped, *record.actions) if _is_planned(old)}
    return _with_saved(noted[field_identity(fresh)], fresh) if field_identity(fresh) in noted else fresh


def _require(snapshot: Snapshot, desired: DesiredField) -> ObservedObject | Missing:
    return _held_field(snapshot, Record(engagement_id="", engaged_at=""), desired).target


def _held_field(snapshot: Snapshot, record: Record, desired: DesiredField) -> HeldField:
    """Return the field that `desired` would add after all recorded ones."""
    return HeldField(snapshot, record, len(record.actions), _blank_record(desired))


def _blank_record(desired: DesiredField) -> FieldRecord:
    ref = desired.ref
    return FieldRecord(
        action="", api_version=ref.api_version, kind=ref.kind, name=ref.name, field=desired.field, result="Pending"
    )


def _saved(held_field: HeldField, target: ObservedObject) -> FieldRecord:
    holds = held_field.entry.mode != "Once" and not held_field.record.momentary
    before = held_field.rivals[0].saved if held_field.rivals and holds else held_field.live
    if held_field.entry.field == TEMPLATE and not held_field.rivals:
        before = field_values.numbered(target, before, held_field.snapshot.answers)
    return held_field.entry.replace(saved=before, resource_version=target.resource_version)


def _with_saved(old: FieldRecord, fresh: FieldRecord) -> FieldRecord:
    """Return the recorded field with its saved value; the held value may be another one now."""
    update = {"step": fresh.step, "action": fresh.action, "timeout": fresh.timeout, "held": fresh.held}
    moved = not field_values.same(old.field, old.held, fresh.held) and old.field != OBJECT
    return old.replace(**(update | ({"result": "Pending"} if moved else {})))


def _check_name(snapshot: Snapshot, desired: DesiredField, target: ObservedObject | Missing) -> None:
    """Refuse an object that is to be made if another owner's object has its name."""
    if desired.held is None or isinstance(target, Missing):
        return
    owners = target.body["metadata"].get("ownerReferences", ())
    if not any(owner.get("uid") == snapshot.switch.meta.uid for owner in owners):
        raise Refused(
            Reason.NAME_COLLISION,
            f"{desired.ref} exists already and does not belong to this switch; delete or rename it",
        )


def _placeholder(snapshot: Snapshot, record: Record, step: int, refused: Refused, timeout: str) -> FieldRecord:
    """Return a field that stands for an action that cannot be planned now, with the failure and its start."""
    refs = record.plan[step].target.refs(snapshot.switch.meta.ref.namespace).refs
    ref = refs[0] if refs else Ref("", record.plan[step].action, "", "")
    named = {"api_version": ref.api_version, "kind": ref.kind, "name": ref.name}
    old = next((one.failure for one in record.actions if one.step == step and one.result == "Waiting"), None)
    since = old.since if old and old.reason == refused.reason else timestamp(snapshot.now)
    failure = Failure(reason=refused.reason, message=refused.message, since=since)
    return FieldRecord(step=step, action=record.plan[step].action, timeout=timeout, failure=failure, **named)


def _holds(snapshot: Snapshot, record: Record, uid: str) -> dict[str, tuple[Any, Any]]:
    """Return, for each held field of an object, the saved value and the value held apart from this engagement."""
    own = {one.field: (one.saved, one.saved) for one in record.actions if one.uid == uid and one.mode == "Hold"}
    others = sorted((claim for claim in snapshot.claims if claim.uid == uid), key=lambda claim: claim.order)
    held = own | {claim.field: (claim.saved, claim.held) for claim in others}
    return {field: values for field, values in held.items() if field not in (OBJECT, TEMPLATE)}


def _undone(snapshot: Snapshot, record: Record, observed: ObservedObject | Missing) -> ObservedObject | Missing:
    """Return the object as it would be without this engagement: relative amounts count from the saved values."""
    if isinstance(observed, Missing):
        return observed
    planned = (held_field.entry for held_field in reversed(held_fields(snapshot, record)) if not held_field.unplanned)
    mine = (one for one in planned if one.uid == observed.uid and one.mode == "Hold")
    return with_saved(observed, (one for one in mine if one.field not in (OBJECT, TEMPLATE)))
