"""The write-ahead record: what is pinned when a switch is thrown, and what is saved of each target."""

from typing import Any

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.api.conditions import timestamp
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Entry, Record
from runbook_operator.api.union import OneAction
from runbook_operator.model.refs import Ref
from runbook_operator.model.seen import Missing, Seen
from runbook_operator.plan.world import Claim, World, order


def new_record(world: World, entry: KillSwitch) -> Record:
    """The record of a throw that begins now, with everything saved that can be seen."""
    record = Record(
        id=world.new_id,
        engaged_at=timestamp(world.now),
        reason=world.switch.spec.reason,
        generation=world.switch.meta.generation,
        momentary=entry.momentary,
        actions=[_pinned(world, one) for one in entry.actions],
    )
    return saved(world, record)


def saved(world: World, record: Record) -> Record:
    """The record with what is live saved for each target not saved yet, or made anew under another uid."""
    return record.model_copy(update={"actions": [_saved(world, entry) for entry in record.actions]})


def resaved(world: World, record: Record, ref: Ref) -> Record:
    """The record with `ref` saved again: the write was refused since the target moved after it was saved."""
    entries = [
        e.model_copy(update={"uid": None}) if _ref(world, e) == ref and e.result == "Pending" else e
        for e in record.actions
    ]
    return saved(world, record.model_copy(update={"actions": entries}))


def target(world: World, entry: Entry) -> Seen | Missing:
    return world.look(_ref(world, entry))


def action_of(entry: Entry) -> type[Action]:
    return REGISTRY[entry.action]


def live(entry: Entry, seen: Seen) -> Any:
    return action_of(entry).read(seen)


def is_saved(entry: Entry, seen: Seen | Missing) -> bool:
    """Whether the target that is there is the one that was saved."""
    return isinstance(seen, Seen) and seen.uid == entry.uid


def rivals(world: World, entry: Entry) -> tuple[Claim, ...]:
    """Other switches that hold the same field of the same object, in the order in which they were engaged."""
    field = action_of(entry).field
    return tuple(sorted((c for c in world.claims if (c.uid, c.field) == (entry.uid, field)), key=lambda c: c.order))


def overruled(world: World, record: Record, entry: Entry) -> bool:
    """Whether a switch engaged later holds the same field: the later engagement wins."""
    return any(claim.order > order(record) for claim in rivals(world, entry))


def _ref(world: World, entry: Entry) -> Ref:
    return entry.ref(world.switch.meta.ref.namespace)


def _pinned(world: World, one: OneAction) -> Entry:
    namespace = world.switch.meta.ref.namespace
    assert world.runbook and world.runbook.spec  # noqa: S101, PT018 # an entry comes from a parsed Runbook
    ref = world.runbook.spec.workload(one.spec.target, namespace)
    spec = one.spec.model_dump(by_alias=True, exclude_none=True)
    return Entry(action=one.kind, api_version=ref.api_version, kind=ref.kind, name=ref.name, spec=spec)


def _saved(world: World, entry: Entry) -> Entry:
    seen = target(world, entry)
    if isinstance(seen, Missing) or seen.uid == entry.uid:
        return entry
    entry = entry.model_copy(update={"uid": seen.uid})
    value = live(entry, seen)
    held = action_of(entry).resolve(action_of(entry).Spec.model_validate(entry.spec), value)
    others = rivals(world, entry)
    before = others[0].saved if others else value
    return entry.model_copy(update={"saved": before, "held": held, "result": "Pending"})
