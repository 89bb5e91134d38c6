"""The last state of every object that matters, filled by watches, by lists and by the answers to our own writes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from pydantic import ValidationError

from runbook_operator.api.parsing import RunbookObject, SwitchObject, parse_runbook, parse_switch
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.automation_ledger import Acting
from runbook_operator.cache.switch_index import Index, Trait
from runbook_operator.cache.unconfirmed_throws import Doubts, as_foreseen
from runbook_operator.cache.unlisted_kinds import Listings
from runbook_operator.core import observed_object
from runbook_operator.core.accounts import Account, named
from runbook_operator.core.observed_object import ALWAYS_WATCHED, Missing, Seen, alike, is_only_progress
from runbook_operator.core.references import API_VERSION, Ref, ref_of, switch_ref
from runbook_operator.core.sharding import Whose, everybody
from runbook_operator.core.signals import Signal
from runbook_operator.reconcile.target_index import declared, held_by

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Stored = RunbookObject | SwitchObject | Seen


@dataclass
class Store:
    """Objects by reference. A body older than the one held is ignored, so that our own writes are read at once."""

    runbooks: dict[Ref, RunbookObject] = field(default_factory=dict)
    switches: dict[Ref, SwitchObject] = field(default_factory=dict)
    targets: dict[Ref, Seen | Missing] = field(default_factory=dict)
    _signals: dict[Ref, tuple[Signal, ...]] = field(default_factory=dict)
    _index: Index = field(default_factory=Index)
    _users: dict[Ref, set[Ref]] = field(default_factory=lambda: defaultdict(set))
    _holders: dict[Ref, set[Ref]] = field(default_factory=lambda: defaultdict(set))
    acting: Acting = field(default_factory=Acting)
    doubts: Doubts = field(default_factory=Doubts)
    listings: Listings = field(default_factory=Listings)
    changed: Callable[[], None] = lambda: None
    """Called when other objects are held than before."""

    def take(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """As put, for what others wrote: an object that this version cannot read is told and left alone."""
        try:
            return self.put(body)
        except ValidationError as error:
            log.warning("an object cannot be read and is left alone", object=str(ref_of(body)), error=str(error))
            return frozenset()

    def put(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Keep the body; returns the Runbooks and Switches to look at again, none where nothing changed."""
        ref = ref_of(body)
        old = self._held(ref)
        if old is not None and not _newer(body["metadata"]["resourceVersion"], old):
            return frozenset()
        match ref.kind, ref.api_version:
            case "Runbook", version if version == API_VERSION:
                return self._put_runbook(parse_runbook(body))
            case "Switch", version if version == API_VERSION:
                return self._put_switch(as_foreseen(self.switches.get(ref), parse_switch(body)))
            case kind, version:
                if (version, kind) in ALWAYS_WATCHED:
                    return self.put_target(observed_object.seen_of(body, whole=self.is_held(ref)))
                return self._put_followed(ref, body) if self.is_held(ref) else frozenset()

    def read(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """As put, for one of our own that was just answered."""
        wake = self.put(body)
        if (switch := self.switches.get(ref_of(body))) is not None:
            self.doubts.read(switch)
        return wake

    def _put_followed(self, ref: Ref, body: Mapping[str, Any]) -> frozenset[Ref]:
        """An event of a watch that begins and ends with what is held; whether it scales is known from a read."""
        scalable = old.scalable if isinstance(old := self.targets.get(ref), Seen) else True
        return self.put_target(observed_object.seen_of(body, whole=True, scalable=scalable))

    def unanswered(self) -> list[Ref]:
        """The Switches whose levers moved while nobody led here."""
        return [ref for ref, switch in self.switches.items() if switch.is_unanswered]

    def is_held(self, target: Ref) -> bool:
        """Whether a Switch's record names it."""
        return target in self._holders

    def learn(self, seen: Seen | Missing) -> frozenset[Ref]:
        """As put_target, for the answer to a request: an event of a watch may have overtaken it, and stays."""
        return frozenset() if _is_overtaken(self.targets.get(seen.ref), seen) else self.put_target(seen)

    def put_target(self, seen: Seen | Missing) -> frozenset[Ref]:
        """Keep what was seen of a target; only a change that decisions look at wakes its users."""
        old = self.targets.get(seen.ref)
        self.targets[seen.ref] = seen
        if old is None:
            return self.users(seen.ref)
        if alike(old, seen):
            return frozenset()
        if is_only_progress(old, seen):
            return frozenset((*self._users.get(seen.ref, ()), *self._holders.get(seen.ref, ())))
        return self.users(seen.ref)

    def held_kinds(self) -> frozenset[tuple[str, str, str]]:
        """API version, kind and namespace of what is held and not watched anyway."""
        kinds = {(ref.api_version, ref.kind, ref.namespace) for ref in self._holders}
        return frozenset(kind for kind in kinds if kind[:2] not in ALWAYS_WATCHED)

    def accounts(self, kind: tuple[str, str, str]) -> tuple[Account | None, ...]:
        """In whose names objects of that kind are held, the operator's own first."""
        names = {
            record.service_account_name
            for ref, holders in self._holders.items()
            if (ref.api_version, ref.kind, ref.namespace) == kind
            for holder in holders
            if (record := self.switches[holder].status.record)
        }
        return tuple(named(kind[2], name) for name in sorted(names, key=lambda one: one or ""))

    def let_go(self, refs: Iterable[Ref]) -> None:
        """Forget what these objects look like: nobody watches them, and they are to be read again when needed."""
        for ref in refs:
            self.targets.pop(ref, None)

    def strangers(self, refs: Iterable[Ref]) -> list[Ref]:
        """Those of them that nobody holds, declares or watches: what was made for an engagement that is over."""
        known = (self._holders, self._users)
        return [
            ref
            for ref in refs
            if (ref.api_version, ref.kind) not in ALWAYS_WATCHED and not any(ref in users for users in known)
        ]

    def hear(self, switch: Ref, signals: tuple[Signal, ...]) -> frozenset[Ref]:
        """Keep what the automatic sources say about a switch, in place of all that they said; who is to look again."""
        if signals == self.signals_of(switch):
            return frozenset()
        self._signals[switch] = signals
        return frozenset({switch})

    def signals_of(self, switch: Ref) -> tuple[Signal, ...]:
        """The latest word of each source about a switch."""
        return self._signals.get(switch, ())

    def hush(self, whose: Whose = everybody) -> None:
        """Forget what all sources have said about these."""
        for switch in [*filter(whose, self._signals)]:
            del self._signals[switch]

    def drop(self, ref: Ref, uid: str) -> frozenset[Ref]:
        """The object of that uid is gone; returns who is to look again. A newer object of the name stays."""
        held = self._held(ref)
        if held is None or _uid(held) != uid:
            return frozenset()
        match held:
            case RunbookObject():
                self._forget_users(self.runbooks.pop(ref))
                return frozenset(self._index.of(ref))
            case SwitchObject():
                self._signals.pop(ref, None)
                self.acting.forget(ref)
                self.doubts.forget(ref)
                self._index.drop(held)
                self._forget_holds(self.switches.pop(ref))
                return frozenset({held.runbook, *self._unprepared(held_by(held))})
            case _:
                # Kept as missing where somebody holds it: that it is gone is known, and need not be asked.
                self.targets.pop(ref)
                if ref in self._holders:
                    self.targets[ref] = observed_object.absent(ref)
                return self.users(ref)

    def forget(self, ref: Ref) -> frozenset[Ref]:
        """The object is gone, whichever it was."""
        held = self._held(ref)
        return self.drop(ref, _uid(held)) if held is not None else frozenset()

    def users(self, target: Ref) -> frozenset[Ref]:
        """The Runbooks that declare the target and their Switches, and the Switches that hold it."""
        runbooks = self._users.get(target, set())
        theirs = (ref for runbook in runbooks for ref in self._index.of(runbook))
        return frozenset((*runbooks, *theirs, *self._holders.get(target, ())))

    def foresee(self, ref: Ref, status: SwitchStatus | RunbookStatus) -> None:
        """Go on with a status that is written later; a status that somebody else writes meanwhile goes before it."""
        if isinstance(status, RunbookStatus):
            self.runbooks[ref] = replace(self.runbooks[ref], status=status)
            return
        switch = self.switches[ref]
        self.doubts.foresee(ref)
        self._put_switch(replace(switch, status=status, told=switch.written))

    def runbook_of(self, switch: SwitchObject) -> RunbookObject | None:
        return self.runbooks.get(switch.runbook)

    def engaged(self, namespace: str) -> Mapping[Ref, SwitchObject]:
        """Every Switch of a namespace that has a record, or may have acted before it could write one."""
        return self._index.engaged(namespace)

    def count(self, trait: Trait) -> Callable[[], int]:
        """What tells how many Switches have the trait, without a look at each, for which all else would wait."""
        return self._index.count(trait, self.switches.values())

    def concerned(self, runbook: RunbookObject, names: Iterable[str]) -> dict[str, SwitchObject]:
        """By name: the Runbook's Switches, those of the names, and those of everybody who shares a target."""
        ref = runbook.meta.ref
        named = (switch_ref(ref.namespace, name) for name in names)
        users = (user for target in declared(runbook) for user in self.users(target))
        refs = (*self._index.of(ref), *named, *users)
        return {one.name: self.switches[one] for one in refs if one in self.switches}

    def uids(self, api_version: str, kind: str, namespace: str) -> dict[str, Ref]:
        """What is held of one kind, by uid; an empty namespace means all of them."""
        own: dict[str, Mapping[Ref, Stored | Missing]] = {"Runbook": self.runbooks, "Switch": self.switches}
        held = own.get(kind, self.targets)
        return {_uid(one): ref for ref, one in held.items() if ref.is_of(api_version, kind, namespace)}

    def is_older(self, ref: Ref, version: str) -> bool:
        return isinstance(held := self.targets.get(ref), Seen) and _newer(version, held)

    def own(self, ref: Ref) -> RunbookObject | SwitchObject | None:
        """The Runbook or the Switch."""
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
        self.acting.note(switch)
        self.doubts.told(switch)
        before, now = (held_by(old) if old else ()), held_by(switch)
        if before != now:
            if old:
                self._forget_holds(old)
            for target in now:
                self._holders[target].add(ref)
            self.changed()
        return frozenset({ref, switch.runbook, *self._unprepared({*before} - {*now})})

    def _unprepared(self, freed: Iterable[Ref]) -> Iterable[Ref]:
        """The Switches that could not be prepared while somebody held these targets."""
        users = (self.switches.get(user) for target in freed for user in self.users(target))
        return (one.meta.ref for one in users if one and one.is_unprepared)

    def _forget_holds(self, switch: SwitchObject) -> None:
        for target in held_by(switch):
            self._holders[target].discard(switch.meta.ref)
            if not self._holders[target]:
                del self._holders[target]
        self.changed()

    def _forget_users(self, runbook: RunbookObject) -> None:
        for target in declared(runbook):
            self._users[target].discard(runbook.meta.ref)
            if not self._users[target]:
                del self._users[target]


def _uid(held: Stored | Missing) -> str:
    if isinstance(held, RunbookObject | SwitchObject):
        return held.meta.uid
    return held.uid if isinstance(held, Seen) else ""


def _is_overtaken(old: Seen | Missing | None, seen: Seen | Missing) -> bool:
    """Whether a watch has told of the object as it was after this answer."""
    if not isinstance(old, Seen) or not isinstance(seen, Seen):
        return False
    return old.uid == seen.uid and _newer(old.resource_version, seen)


def _newer(version: str, held: Stored | Missing) -> bool:
    """ResourceVersions of one resource compare as integers (KEP-5504)."""
    if isinstance(held, Missing):
        return True
    known = held.resource_version if isinstance(held, Seen) else held.meta.resource_version
    return int(version) > int(known)
