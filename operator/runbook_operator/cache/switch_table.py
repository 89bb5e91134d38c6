"""The stored Switches: whose they are, what they hold, their signals, and their automatic engagements."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.parsing import SwitchObject, parse_switch
from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.automation_ledger import AutomationLedger
from runbook_operator.cache.object_table import Listed, ObjectTable, Relations
from runbook_operator.cache.unconfirmed_throws import UnconfirmedThrows, with_deferred_status
from runbook_operator.core.accounts import Account, named
from runbook_operator.core.references import Ref, ref_of
from runbook_operator.core.sharding import ObjectFilter
from runbook_operator.core.signals import Signal
from runbook_operator.reconcile.target_index import held_by
from runbook_operator.runtime.subscribers import Subscribers

Key = TypeVar("Key", Ref, str)
Switches = dict[Ref, SwitchObject]
Trait = Callable[[SwitchObject], bool]


@dataclass
class SwitchIndex:
    """Switches by Runbook, those that may be engaged, and counts by trait: no decision scans all Switches."""

    _of: dict[Ref, Switches] = field(default_factory=lambda: defaultdict(dict))
    _engaged: dict[str, Switches] = field(default_factory=lambda: defaultdict(dict))
    _counted: list[tuple[Trait, set[Ref]]] = field(default_factory=list)
    """The Switches that have a trait, by trait."""

    def put(self, switch: SwitchObject, before: SwitchObject | None) -> None:
        """Add or replace a Switch; it may name another Runbook than `before`."""
        if before is not None:
            self.drop(before)
        ref = switch.meta.ref
        self._of[switch.runbook][ref] = switch
        if switch.status.record is not None or switch.maybe_thrown:
            self._engaged[ref.namespace][ref] = switch
        for trait, found in self._counted:
            if trait(switch):
                found.add(ref)

    def drop(self, switch: SwitchObject) -> None:
        """Remove a Switch."""
        ref = switch.meta.ref
        _take(self._of, switch.runbook, ref)
        _take(self._engaged, ref.namespace, ref)
        for _, found in self._counted:
            found.discard(ref)

    def count(self, trait: Trait, known: Iterable[SwitchObject]) -> Callable[[], int]:
        """Count the Switches with the trait from now on, beginning with `known`; return a function for the count."""
        found = {switch.meta.ref for switch in known if trait(switch)}
        self._counted.append((trait, found))
        return lambda: len(found)

    def of(self, runbook: Ref) -> Mapping[Ref, SwitchObject]:
        """Return the Switches that name the Runbook."""
        return self._of.get(runbook, {})

    def engaged(self, namespace: str) -> Mapping[Ref, SwitchObject]:
        """Return the Switches of the namespace that have a record, or may have written targets before it was stored."""
        return self._engaged.get(namespace, {})


class SwitchTable(ObjectTable[SwitchObject]):
    """The Switches. `held_targets_changed` is notified when the set of targets that they hold has changed."""

    def __init__(self, kind: ResourceKind, relations: Relations) -> None:
        super().__init__(kind, relations)
        self.index, self.ledger, self.unconfirmed_throws = SwitchIndex(), AutomationLedger(), UnconfirmedThrows()
        self.holders: dict[Ref, set[Ref]] = defaultdict(set)
        """The Switches that hold a target, by target."""
        self.signals: dict[Ref, tuple[Signal, ...]] = {}
        self.held_targets_changed = Subscribers()

    def parse(self, body: Mapping[str, object]) -> SwitchObject:
        return with_deferred_status(self.objects.get(ref_of(body)), parse_switch(body))

    def put(self, new: SwitchObject) -> frozenset[Ref]:
        ref = new.meta.ref
        old = self.objects.get(ref)
        self.objects[ref] = new
        self.index.put(new, old)
        self.ledger.note(new)
        self.unconfirmed_throws.note_stored(new)
        before, now = (held_by(old) if old else ()), held_by(new)
        if before != now:
            if old:
                self._forget_holds(old)
            for target in now:
                self.holders[target].add(ref)
            self.held_targets_changed.notify()
        return frozenset({ref, *self._concerned(new), *self._unprepared({*before} - {*now})})

    def drop(self, ref: Ref) -> frozenset[Ref]:
        held = self.objects[ref]
        self.signals.pop(ref, None)
        self.ledger.forget(ref)
        self.unconfirmed_throws.forget(ref)
        self.index.drop(held)
        self._forget_holds(self.objects.pop(ref))
        return frozenset({*self._concerned(held), *self._unprepared(held_by(held))})

    def defer_status(self, ref: Ref, status: ObjectStatus) -> None:
        if isinstance(status, SwitchStatus):
            switch = self.objects[ref]
            self.unconfirmed_throws.note_early_write(ref)
            self.put(replace(switch, status=status, stored_status=switch.written))

    def note_read(self, ref: Ref) -> None:
        if (switch := self.objects.get(ref)) is not None:
            self.unconfirmed_throws.read(switch)

    def note_listed(self, ref: Ref, version: str, listed: Listed) -> None:
        switch = self.objects.get(ref)
        if switch and listed(ref, version) and switch.meta.resource_version == version:
            self.unconfirmed_throws.read(switch)

    def members(self, runbook: Ref) -> Iterable[Ref]:
        return self.index.of(runbook)

    def start_leading(self, only: ObjectFilter) -> None:
        self.unconfirmed_throws.clear(only)

    def stop_leading(self, only: ObjectFilter) -> None:
        self.ledger.leave(only)

    def accounts(self, kind: tuple[str, str, str]) -> tuple[Account | None, ...]:
        """Return the accounts under which objects of that kind are held, None (the operator's own) first."""
        names = {
            record.service_account_name
            for ref, holders in self.holders.items()
            if (ref.api_version, ref.kind, ref.namespace) == kind
            for holder in holders
            if (record := self.objects[holder].status.record)
        }
        return tuple(named(kind[2], name) for name in sorted(names, key=lambda one: one or ""))

    def _concerned(self, switch: SwitchObject) -> Iterable[Ref]:
        """Return the Runbook of the Switch, and the objects that follow the Runbook's Switches."""
        return (switch.runbook, *self.relations.followers.get(switch.runbook, ()))

    def _unprepared(self, freed: Iterable[Ref]) -> Iterable[Ref]:
        """Yield the Switches without a prewritten record that use these targets, which are no longer held."""
        users = (self.objects.get(user) for target in freed for user in self.relations.users(target))
        return (one.meta.ref for one in users if one and one.is_unprepared)

    def _forget_holds(self, switch: SwitchObject) -> None:
        for target in held_by(switch):
            self.holders[target].discard(switch.meta.ref)
            if not self.holders[target]:
                del self.holders[target]
        self.held_targets_changed.notify()


def _take(found: dict[Key, Switches], key: Key, ref: Ref) -> None:
    held = found.get(key, {})
    held.pop(ref, None)
    if not held:
        found.pop(key, None)
