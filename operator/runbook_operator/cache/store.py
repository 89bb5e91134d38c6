"""The last known state of every relevant object, from watches, lists, reads and the answers to own writes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from pydantic import ValidationError

from runbook_operator.api.parsing import RunbookObject, SwitchObject, parse_runbook, parse_switch
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.automation_ledger import AutomationLedger
from runbook_operator.cache.switch_index import Index, Trait
from runbook_operator.cache.unconfirmed_throws import UnconfirmedThrows, with_deferred_status
from runbook_operator.cache.unlisted_kinds import Listings
from runbook_operator.core import observed_object
from runbook_operator.core.accounts import Account, named
from runbook_operator.core.observed_object import ALWAYS_WATCHED, Missing, ObservedObject, alike, is_only_progress
from runbook_operator.core.references import API_VERSION, Ref, ref_of, switch_ref
from runbook_operator.core.sharding import ObjectFilter, all_objects
from runbook_operator.core.signals import Signal
from runbook_operator.reconcile.target_index import declared, held_by
from runbook_operator.runtime.subscribers import Subscribers

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Stored = RunbookObject | SwitchObject | ObservedObject


@dataclass
class Store:
    """Objects by reference. An older body than the stored one is ignored, so that own writes are visible at once."""

    runbooks: dict[Ref, RunbookObject] = field(default_factory=dict)
    switches: dict[Ref, SwitchObject] = field(default_factory=dict)
    targets: dict[Ref, ObservedObject | Missing] = field(default_factory=dict)
    _signals: dict[Ref, tuple[Signal, ...]] = field(default_factory=dict)
    _index: Index = field(default_factory=Index)
    _users: dict[Ref, set[Ref]] = field(default_factory=lambda: defaultdict(set))
    _holders: dict[Ref, set[Ref]] = field(default_factory=lambda: defaultdict(set))
    ledger: AutomationLedger = field(default_factory=AutomationLedger)
    unconfirmed_throws: UnconfirmedThrows = field(default_factory=UnconfirmedThrows)
    listings: Listings = field(default_factory=Listings)
    held_targets_changed: Subscribers = field(default_factory=Subscribers)
    """Notified when the set of targets that Switches hold has changed."""

    def take(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store a body from a watch or a list; an object that this version cannot parse is logged and ignored."""
        try:
            return self.put(body)
        except ValidationError as error:
            log.warning("an object cannot be parsed and is ignored", object=str(ref_of(body)), error=str(error))
            return frozenset()

    def put(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store the body; return the Runbooks and Switches to reconcile, none if nothing changed."""
        ref = ref_of(body)
        old = self._held(ref)
        if old is not None and not _newer(body["metadata"]["resourceVersion"], old):
            return frozenset()
        match ref.kind, ref.api_version:
            case "Runbook", version if version == API_VERSION:
                return self._put_runbook(parse_runbook(body))
            case "Switch", version if version == API_VERSION:
                return self._put_switch(with_deferred_status(self.switches.get(ref), parse_switch(body)))
            case kind, version:
                if (version, kind) in ALWAYS_WATCHED:
                    return self.put_target(observed_object.observed_from(body, whole=self.is_held(ref)))
                return self._put_held_object(ref, body) if self.is_held(ref) else frozenset()

    def read(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store a Runbook or Switch from the API server's answer to a read or a write."""
        wake = self.put(body)
        if (switch := self.switches.get(ref_of(body))) is not None:
            self.unconfirmed_throws.read(switch)
        return wake

    def _put_held_object(self, ref: Ref, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store a held object from a dynamic watch; keep `scalable` from the last read, since events do not have it."""
        scalable = old.scalable if isinstance(old := self.targets.get(ref), ObservedObject) else True
        return self.put_target(observed_object.observed_from(body, whole=True, scalable=scalable))

    def unanswered(self) -> list[Ref]:
        """Return the Switches whose throw or release no replica has carried out yet."""
        return [ref for ref, switch in self.switches.items() if switch.is_unanswered]

    def is_held(self, target: Ref) -> bool:
        """True if a Switch's record names the target."""
        return target in self._holders

    def learn(self, observed: ObservedObject | Missing) -> frozenset[Ref]:
        """Store a target that was read, unless a watch event has already delivered a newer version."""
        return frozenset() if _is_overtaken(self.targets.get(observed.ref), observed) else self.put_target(observed)

    def put_target(self, observed: ObservedObject | Missing) -> frozenset[Ref]:
        """Store a target; return its users to reconcile, none if the change is irrelevant to decisions."""
        old = self.targets.get(observed.ref)
        self.targets[observed.ref] = observed
        if old is None:
            return self.users(observed.ref)
        if alike(old, observed):
            return frozenset()
        if is_only_progress(old, observed):
            return frozenset((*self._users.get(observed.ref, ()), *self._holders.get(observed.ref, ())))
        return self.users(observed.ref)

    def held_kinds(self) -> frozenset[tuple[str, str, str]]:
        """Return API version, kind and namespace of held targets that need a dynamic watch."""
        kinds = {(ref.api_version, ref.kind, ref.namespace) for ref in self._holders}
        return frozenset(kind for kind in kinds if kind[:2] not in ALWAYS_WATCHED)

    def accounts(self, kind: tuple[str, str, str]) -> tuple[Account | None, ...]:
        """Return the accounts under which objects of that kind are held, None (the operator's own) first."""
        names = {
            record.service_account_name
            for ref, holders in self._holders.items()
            if (ref.api_version, ref.kind, ref.namespace) == kind
            for holder in holders
            if (record := self.switches[holder].status.record)
        }
        return tuple(named(kind[2], name) for name in sorted(names, key=lambda one: one or ""))

    def evict(self, refs: Iterable[Ref]) -> None:
        """Drop these targets, which have no watch, so that they are read again when needed."""
        for ref in refs:
            self.targets.pop(ref, None)

    def unreferenced(self, refs: Iterable[Ref]) -> list[Ref]:
        """Return the refs that are neither held nor declared nor always watched: leftovers of past engagements."""
        known = (self._holders, self._users)
        return [
            ref
            for ref in refs
            if (ref.api_version, ref.kind) not in ALWAYS_WATCHED and not any(ref in users for users in known)
        ]

    def set_signals(self, switch: Ref, signals: tuple[Signal, ...]) -> frozenset[Ref]:
        """Replace the automatic signals of a switch; return the switch to reconcile if they changed."""
        if signals == self.signals_of(switch):
            return frozenset()
        self._signals[switch] = signals
        return frozenset({switch})

    def signals_of(self, switch: Ref) -> tuple[Signal, ...]:
        """Return the latest signal of each source for a switch."""
        return self._signals.get(switch, ())

    def clear_signals(self, only: ObjectFilter = all_objects) -> None:
        """Drop the signals of these switches."""
        for switch in [*filter(only, self._signals)]:
            del self._signals[switch]

    def drop(self, ref: Ref, uid: str) -> frozenset[Ref]:
        """Delete the object if it has that uid, so that a newer one of its name stays; return what to reconcile."""
        held = self._held(ref)
        if held is None or _uid(held) != uid:
            return frozenset()
        match held:
            case RunbookObject():
                self._forget_users(self.runbooks.pop(ref))
                return frozenset(self._index.of(ref))
            case SwitchObject():
                self._signals.pop(ref, None)
                self.ledger.forget(ref)
                self.unconfirmed_throws.forget(ref)
                self._index.drop(held)
                self._forget_holds(self.switches.pop(ref))
                return frozenset({held.runbook, *self._unprepared(held_by(held))})
            case _:
                # A held target stays as Missing: it is known not to exist and needs no read.
                self.targets.pop(ref)
                if ref in self._holders:
                    self.targets[ref] = observed_object.absent(ref)
                return self.users(ref)

    def forget(self, ref: Ref) -> frozenset[Ref]:
        """Delete the object, whatever its uid."""
        held = self._held(ref)
        return self.drop(ref, _uid(held)) if held is not None else frozenset()

    def users(self, target: Ref) -> frozenset[Ref]:
        """Return the Runbooks that declare the target, their Switches, and the Switches that hold it."""
        runbooks = self._users.get(target, set())
        theirs = (ref for runbook in runbooks for ref in self._index.of(runbook))
        return frozenset((*runbooks, *theirs, *self._holders.get(target, ())))

    def defer_status(self, ref: Ref, status: SwitchStatus | RunbookStatus) -> None:
        """Store a status that the API server gets later; a status by another writer meanwhile takes precedence."""
        if isinstance(status, RunbookStatus):
            self.runbooks[ref] = replace(self.runbooks[ref], status=status)
            return
        switch = self.switches[ref]
        self.unconfirmed_throws.note_early_write(ref)
        self._put_switch(replace(switch, status=status, stored_status=switch.written))

    def runbook_of(self, switch: SwitchObject) -> RunbookObject | None:
        return self.runbooks.get(switch.runbook)

    def engaged(self, namespace: str) -> Mapping[Ref, SwitchObject]:
        """Return the Switches of a namespace that have a record, or may have written targets before it was stored."""
        return self._index.engaged(namespace)

    def count(self, trait: Trait) -> Callable[[], int]:
        """Return a function that counts the Switches with the trait, without a scan that would block the loop."""
        return self._index.count(trait, self.switches.values())

    def concerned(self, runbook: RunbookObject, names: Iterable[str]) -> dict[str, SwitchObject]:
        """Return by name the Runbook's Switches, those with these names, and all others that share a target with it."""
        ref = runbook.meta.ref
        named = (switch_ref(ref.namespace, name) for name in names)
        users = (user for target in declared(runbook) for user in self.users(target))
        refs = (*self._index.of(ref), *named, *users)
        return {one.name: self.switches[one] for one in refs if one in self.switches}

    def uids(self, api_version: str, kind: str, namespace: str) -> dict[str, Ref]:
        """Return the stored objects of one kind by uid; an empty namespace means all of them."""
        own: dict[str, Mapping[Ref, Stored | Missing]] = {"Runbook": self.runbooks, "Switch": self.switches}
        held = own.get(kind, self.targets)
        return {_uid(one): ref for ref, one in held.items() if ref.is_of(api_version, kind, namespace)}

    def is_older(self, ref: Ref, version: str) -> bool:
        return isinstance(held := self.targets.get(ref), ObservedObject) and _newer(version, held)

    def own(self, ref: Ref) -> RunbookObject | SwitchObject | None:
        """Return the Runbook or Switch, or None."""
        return self.runbooks.get(ref) or self.switches.get(ref)

    def keys(self) -> Iterable[Ref]:
        return (*self.runbooks, *self.switches)

    def _held(self, ref: Ref) -> Stored | Missing | None:
        return self.own(ref) or self.targets.get(ref)

    def _put_runbook(self, runbook: RunbookObject) -> frozenset[Ref]:
        ref = runbook.meta.ref
        old = self.runbooks.get(ref)
        if old:
            self._forget_users(old)
        self.runbooks[ref] = runbook
        for target in declared(runbook):
            self._users[target].add(ref)
        is_as_it_was = old is not None and old.meta.life == runbook.meta.life
        return frozenset() if is_as_it_was else frozenset((ref, *self._index.of(ref)))

    def _put_switch(self, switch: SwitchObject) -> frozenset[Ref]:
        ref = switch.meta.ref
        old = self.switches.get(ref)
        self.switches[ref] = switch
        self._index.put(switch, old)
        self.ledger.note(switch)
        self.unconfirmed_throws.note_stored(switch)
        before, now = (held_by(old) if old else ()), held_by(switch)
        if before != now:
            if old:
                self._forget_holds(old)
            for target in now:
                self._holders[target].add(ref)
            self.held_targets_changed.notify()
        return frozenset({ref, switch.runbook, *self._unprepared({*before} - {*now})})

    def _unprepared(self, freed: Iterable[Ref]) -> Iterable[Ref]:
        """Yield the Switches without a prewritten record that use these targets, which are no longer held."""
        users = (self.switches.get(user) for target in freed for user in self.users(target))
        return (one.meta.ref for one in users if one and one.is_unprepared)

    def _forget_holds(self, switch: SwitchObject) -> None:
        for target in held_by(switch):
            self._holders[target].discard(switch.meta.ref)
            if not self._holders[target]:
                del self._holders[target]
        self.held_targets_changed.notify()

    def _forget_users(self, runbook: RunbookObject) -> None:
        for target in declared(runbook):
            self._users[target].discard(runbook.meta.ref)
            if not self._users[target]:
                del self._users[target]


def _uid(held: Stored | Missing) -> str:
    if isinstance(held, RunbookObject | SwitchObject):
        return held.meta.uid
    return held.uid if isinstance(held, ObservedObject) else ""


def _is_overtaken(old: ObservedObject | Missing | None, observed: ObservedObject | Missing) -> bool:
    """True if a watch event is newer than this answer."""
    if not isinstance(old, ObservedObject) or not isinstance(observed, ObservedObject):
        return False
    return old.uid == observed.uid and _newer(old.resource_version, observed)


def _newer(version: str, held: Stored | Missing) -> bool:
    """Compare resourceVersions of one resource as integers (KEP-5504)."""
    if isinstance(held, Missing):
        return True
    known = held.resource_version if isinstance(held, ObservedObject) else held.meta.resource_version
    return int(version) > int(known)
