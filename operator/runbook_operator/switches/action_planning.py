"""Plan which fields the declared actions write, save their live values, and plan again when objects change."""

from collections.abc import Sequence
from typing import Any

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.actions.plan_context import Scene
from runbook_operator.api.conditions import timestamp
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Declared, Entry, Failure, Noted, PinnedTarget, Record
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, Aim, Refused, Remark
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.queries import Query, Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.deployments import revision_history
from runbook_operator.permissions import allowed_actions
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches import gitops_suspension
from runbook_operator.switches.held_by_another import skipped
from runbook_operator.switches.held_field import Part, dropped, parts
from runbook_operator.switches.optional_reads import glance
from runbook_operator.switches.switch_messages import shown
from runbook_operator.switches.throw_context import throw_of

Planned = tuple[list[Entry], list[Noted]]


def pinned(world: World, entry: KillSwitch) -> list[Declared]:
    """Return the declared actions with the objects of their targets."""
    assert world.runbook and world.runbook.spec  # noqa: S101, PT018 # an entry comes from a parsed Runbook
    spec, namespace = world.runbook.spec, world.switch.meta.ref.namespace
    return [
        Declared(
            action=one.kind,
            spec=one.spec.model_dump(by_alias=True, exclude_none=True),
            target=PinnedTarget.of(spec.target(one.target, namespace)),
        )
        for one in entry.actions
    ]


def planned(world: World, record: Record, timeouts: Sequence[str] = ()) -> Record:
    """Return the record with its fields planned and saved; fields of replaced objects are planned again.

    `timeouts` are those of the declared actions; with them everything is planned afresh, and only saved values stay. A
    field that no action wants any more is dropped, which restores it. Raises Unread with all that is to be read.
    """
    record = followed(world, record)
    entries: list[Entry] = []
    remarks: list[Noted] = []
    unread: set[Query] = set()
    for step in range(len(record.plan)):
        try:
            new, notes = _step(world, record, step, timeouts[step] if timeouts else "")
        except Unread as more:
            unread |= more.queries
            continue
        entries += new
        remarks += notes
    if unread:
        raise Unread(unread)
    kept = set(map(place, entries))
    gone = [one for one in (*record.actions, *record.dropped) if _is_planned(one) and place(one) not in kept]
    return skipped(world, record.replace(actions=entries, remarks=remarks, dropped=gone))


def followed(world: World, record: Record) -> Record:
    """Return the record with new uids where another object shows the held value: a backup restored it as held.

    Such a live value was never a user's own, so that the value saved first stays saved.
    """
    came = [part for part in (*parts(world, record), *dropped(world, record)) if _is_same_again(part)]
    if not came:
        return record
    moved = {id(part.entry): _now(part) for part in came}
    return record.replace(
        actions=[moved.get(id(one), one) for one in record.actions],
        dropped=[moved.get(id(one), one) for one in record.dropped],
        remarks=[*record.remarks, *map(_kept_saved, came)],
    )


def scene_of(world: World, record: Record, step: int) -> Scene:
    """Return the scene from which the action of that step plans; it shows no changes of this engagement itself."""
    meta, declared = world.switch.meta, record.plan[step]
    return Scene(
        namespace=meta.ref.namespace,
        throw=throw_of(world, record),
        glance=lambda ref: glance(world, ref),
        twin=record.plan[:step].count(declared),
        target=declared.target.refs(meta.ref.namespace),
        seen=lambda ref, whole: _undone(world, record, world.look(ref, whole=whole)),
        answers=world.answers,
        good=revision_history.good(world),
        bad=revision_history.bad(world),
        brought=lambda workload: revision_history.brought(world, record, workload),
        version=lambda workload: str(_part(world, record, Aim(workload.ref, TEMPLATE, None)).live["digest"]),
        holds=lambda uid: _holds(world, record, uid),
        aims=tuple(one.aim(meta.ref.namespace) for one in record.actions if one.step == step and _is_planned(one)),
    )


def manifest(part: Part) -> Any:
    """Plan again the object that is to be made once; raises Refused if that is no longer possible.

    The record does not contain it: its pod template may hold values that no status should show.
    """
    scene = scene_of(part.world, part.record, part.entry.step)
    action, spec = action_of(part.record.plan[part.entry.step])
    made = [one.held for one in action.plan(spec, scene) if isinstance(one, Aim) and one.ref == part.ref]
    if not made:
        raise Refused(Reason.INVALID_SPEC, f"{part.ref}: this version makes something else; release, and throw again")
    return made[0]


def action_of(declared: Declared) -> tuple[type[Action], Any]:
    """Return the action and its spec, parsed from the record."""
    action = REGISTRY[declared.action]
    return action, action.Spec.model_validate(declared.spec)


def _is_same_again(part: Part) -> bool:
    """True if another object of the name shows the held value, and that differs from the saved one."""
    entry = part.entry
    if not _is_planned(entry) or entry.mode != "Hold" or entry.uid is None or part.is_object:
        return False
    if not isinstance(part.target, Seen) or part.target.uid == entry.uid:
        return False
    return field_values.shows(part.target, entry.field, entry.held) and not field_values.same(
        entry.field, entry.saved, entry.held
    )


def _now(part: Part) -> Entry:
    assert isinstance(part.target, Seen)  # noqa: S101 # it shows what is held
    return part.entry.replace(uid=part.target.uid, resource_version=None)


def _kept_saved(part: Part) -> Noted:
    text = (
        f"{part.ref} came back as another object at the held {shown(part.entry.held)}; a release restores "
        f"{shown(part.entry.saved)}, which was saved of the object before"
    )
    return Noted(step=part.entry.step, reason=Reason.SAVED_BEFORE, message=text)


def _step(world: World, record: Record, step: int, timeout: str) -> Planned:
    old: list[Entry] = []
    if not timeout:
        old = [entry for entry in record.actions if entry.step == step]
        if not any(_is_to_plan(world, record, entry) for entry in old):
            return old, [note for note in record.remarks if note.step == step]
        timeout = old[0].timeout
    scene, (action, spec) = scene_of(world, record, step), action_of(record.plan[step])
    try:
        plan = allowed_actions.checked(world, record, action).plan(spec, scene)
        aims = [one for one in plan if isinstance(one, Aim)]
        guards, notes = gitops_suspension.guards(world, scene, aims)
        blank = Entry(step=step, action=action.kind, timeout=timeout, api_version="", kind="", name="")
        entries = [_entry(world, record, blank, aim) for aim in (*guards, *aims)]
    except Refused as refused:
        return [*_settled(world, record, old), _placeholder(world, record, step, refused, timeout)], []
    except field_paths.FieldError as error:
        unfound = Refused(error.reason, str(error))
        return [*_settled(world, record, old), _placeholder(world, record, step, unfound, timeout)], []
    said = (one for one in (*plan, *notes) if isinstance(one, Remark))
    return entries, [Noted(step=step, reason=one.reason, message=one.message) for one in said]


def place(entry: Entry) -> tuple[str, ...]:
    """Return the identity of a field, without the uid of its object."""
    return (entry.api_version, entry.kind, entry.name, entry.field)


def _is_planned(entry: Entry) -> bool:
    return entry.result != "Waiting"


def _settled(world: World, record: Record, old: list[Entry]) -> list[Entry]:
    """Return the fields that stay held while their action cannot be planned again."""
    return [entry for entry in old if not _is_to_plan(world, record, entry)]


def _is_to_plan(world: World, record: Record, entry: Entry) -> bool:
    """True if the field was not planned or saved yet, or its object was replaced."""
    if not _is_planned(entry):
        return True
    if entry.field == OBJECT or entry.result == "Skipped" or (entry.mode == "Once" and entry.result == "Applied"):
        return False
    target = Part(world, record, 0, entry).target
    return isinstance(target, Seen) and target.uid != entry.uid


def _entry(world: World, record: Record, blank: Entry, aim: Aim) -> Entry:
    """Return the field of the record for `aim`: the recorded one, or a new one that saves the live value."""
    ref, namespace = aim.ref, world.switch.meta.ref.namespace
    named = blank.replace(api_version=ref.api_version, kind=ref.kind, name=ref.name, field=aim.field, mode=aim.mode)
    fresh = named.replace(last=aim.last, held=aim.held, result="Pending")
    if aim.is_made_once:
        return _made_once(record, fresh)
    target = world.look(ref, whole=True) if aim.field == OBJECT else _look(world, aim)
    uid = target.uid if isinstance(target, Seen) else None
    fresh = fresh.replace(uid=uid)
    for old in (*record.actions, *record.dropped):
        if (old.ref(namespace), old.field, old.uid) == (ref, aim.field, uid) and old.result != "Waiting":
            return _kept(old, fresh)
    if aim.field == OBJECT:
        _check_name(world, aim, target)
        return fresh.replace(uid=uid if aim.held is None else None)
    if isinstance(target, Missing):
        raise Refused(target.reason, target.message)
    return _saved(Part(world, record, len(record.actions), fresh), target)


def _made_once(record: Record, fresh: Entry) -> Entry:
    """Return the field for an object that is made once. The engagement determines its name: nothing is read."""
    fresh = fresh.replace(held={"apiVersion": fresh.api_version, "kind": fresh.kind})
    noted = {place(old): old for old in (*record.dropped, *record.actions) if _is_planned(old)}
    return _kept(noted[place(fresh)], fresh) if place(fresh) in noted else fresh


def _look(world: World, aim: Aim) -> Seen | Missing:
    return _part(world, Record(engagement_id="", engaged_at=""), aim).target


def _part(world: World, record: Record, aim: Aim) -> Part:
    """Return the field that `aim` would add after all recorded ones."""
    return Part(world, record, len(record.actions), _bare(aim))


def _bare(aim: Aim) -> Entry:
    ref = aim.ref
    return Entry(
        action="", api_version=ref.api_version, kind=ref.kind, name=ref.name, field=aim.field, result="Pending"
    )


def _saved(part: Part, target: Seen) -> Entry:
    holds = part.entry.mode != "Once" and not part.record.momentary
    before = part.rivals[0].saved if part.rivals and holds else part.live
    if part.entry.field == TEMPLATE and not part.rivals:
        before = field_values.numbered(target, before, part.world.answers)
    return part.entry.replace(saved=before, resource_version=target.resource_version)


def _kept(old: Entry, fresh: Entry) -> Entry:
    """Return the recorded field with its saved value; the held value may be another one now."""
    update = {"step": fresh.step, "action": fresh.action, "timeout": fresh.timeout, "held": fresh.held}
    moved = not field_values.same(old.field, old.held, fresh.held) and old.field != OBJECT
    return old.replace(**(update | ({"result": "Pending"} if moved else {})))


def _check_name(world: World, aim: Aim, target: Seen | Missing) -> None:
    """Refuse an object that is to be made if another owner's object has its name."""
    if aim.held is None or isinstance(target, Missing):
        return
    owners = target.body["metadata"].get("ownerReferences", ())
    if not any(owner.get("uid") == world.switch.meta.uid for owner in owners):
        raise Refused(Reason.NAME_COLLISION, f"{aim.ref} is there and is not this switch's; delete or rename it")


def _placeholder(world: World, record: Record, step: int, refused: Refused, timeout: str) -> Entry:
    """Return a field that stands for an action that cannot be planned now, with the failure and its start."""
    refs = record.plan[step].target.refs(world.switch.meta.ref.namespace).refs
    ref = refs[0] if refs else Ref("", record.plan[step].action, "", "")
    named = {"api_version": ref.api_version, "kind": ref.kind, "name": ref.name}
    old = next((one.failure for one in record.actions if one.step == step and one.result == "Waiting"), None)
    since = old.since if old and old.reason == refused.reason else timestamp(world.now)
    failure = Failure(reason=refused.reason, message=refused.message, since=since)
    return Entry(step=step, action=record.plan[step].action, timeout=timeout, failure=failure, **named)


def _holds(world: World, record: Record, uid: str) -> dict[str, tuple[Any, Any]]:
    """Return, for each held field of an object, the saved value and the value held apart from this engagement."""
    own = {one.field: (one.saved, one.saved) for one in record.actions if one.uid == uid and one.mode == "Hold"}
    others = sorted((claim for claim in world.claims if claim.uid == uid), key=lambda claim: claim.order)
    held = own | {claim.field: (claim.saved, claim.held) for claim in others}
    return {field: values for field, values in held.items() if field not in (OBJECT, TEMPLATE)}


def _undone(world: World, record: Record, seen: Seen | Missing) -> Seen | Missing:
    """Return the object as it would be without this engagement: relative amounts count from the saved values."""
    if isinstance(seen, Missing):
        return seen
    body = dict(seen.body)
    for part in reversed(parts(world, record)):
        entry = part.entry
        mine = not part.unplanned and entry.uid == seen.uid and entry.mode == "Hold"
        if mine and entry.field not in (OBJECT, TEMPLATE):
            body = field_paths.put(body, entry.field, entry.saved)
    return Seen(seen.ref, seen.uid, seen.resource_version, body, seen.whole, seen.scalable, seen.managed)
