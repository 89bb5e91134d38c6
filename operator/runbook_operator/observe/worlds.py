"""The world of one Switch or Runbook, read from the store."""

from collections.abc import Iterator
from datetime import datetime

from runbook_operator.actions import REGISTRY
from runbook_operator.api.objects import RunbookObject, SwitchObject
from runbook_operator.model.refs import Ref
from runbook_operator.observe.store import Store, declared, held_by
from runbook_operator.plan.world import Claim, RunbookWorld, World, order


def switch_world(store: Store, switch: SwitchObject, *, now: datetime, new_id: str, latency: int | None) -> World:
    runbook = store.runbook_of(switch)
    seen = {ref: found for ref in targets_of(store, switch) if (found := store.targets.get(ref))}
    return World(switch, runbook, seen, tuple(_claims(store, switch)), now, new_id, latency)


def runbook_world(store: Store, runbook: RunbookObject, now: datetime) -> RunbookWorld:
    seen = {ref: found for ref in declared(runbook) if (found := store.targets.get(ref))}
    switches = {ref.name: switch for ref, switch in store.neighbours(runbook.meta.ref.namespace).items()}
    return RunbookWorld(runbook, switches, seen, now)


def targets_of(store: Store, switch: SwitchObject) -> tuple[Ref, ...]:
    """What the switch may act on: what its record holds and what its Runbook declares, in one fixed order."""
    runbook = store.runbook_of(switch)
    return tuple(sorted({*held_by(switch), *(declared(runbook) if runbook else ())}))


def _claims(store: Store, switch: SwitchObject) -> Iterator[Claim]:
    mine = set(targets_of(store, switch))
    for ref, other in store.neighbours(switch.meta.ref.namespace).items():
        record = other.status.record
        if ref == switch.meta.ref or record is None or record.momentary:
            continue
        for entry in record.actions:
            if entry.uid and entry.ref(ref.namespace) in mine:
                yield Claim(ref, order(record), entry.uid, REGISTRY[entry.action].field, entry.saved, entry.held)
