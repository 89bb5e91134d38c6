"""The last known state of every relevant object, from watches, lists, reads and the answers to own writes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import ValidationError

from runbook_operator.api.incident_kind import INCIDENT, IncidentObject
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.resource_kind import OwnObject
from runbook_operator.api.runbook_kind import RUNBOOK
from runbook_operator.api.switch_kind import SWITCH
from runbook_operator.cache.incident_table import IncidentTable
from runbook_operator.cache.object_table import Listed, ObjectTable
from runbook_operator.cache.runbook_table import RunbookTable
from runbook_operator.cache.switch_table import SwitchTable, Trait
from runbook_operator.cache.unlisted_kinds import Listings
from runbook_operator.core import observed_object
from runbook_operator.core.accounts import Account
from runbook_operator.core.observed_object import ALWAYS_WATCHED, Missing, ObservedObject, alike, is_only_progress
from runbook_operator.core.references import Ref, ref_of, switch_ref
from runbook_operator.core.sharding import ObjectFilter, all_objects
from runbook_operator.core.signals import Signal
from runbook_operator.reconcile.target_index import declared

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Stored = OwnObject | ObservedObject


@dataclass
class Store:
    """Objects by reference. An older body than the stored one is ignored, so that own writes are visible at once."""

    targets: dict[Ref, ObservedObject | Missing] = field(default_factory=dict)
    listings: Listings = field(default_factory=Listings)
    followers: dict[Ref, set[Ref]] = field(default_factory=dict)
    """By Runbook, the objects to reconcile when the Runbook's status, or a Switch of it, changes."""
    tables: dict[tuple[str, str], ObjectTable[Any]] = field(init=False)
    """The objects of each registered kind."""

    def __post_init__(self) -> None:
        self._runbooks, self._switches = RunbookTable(RUNBOOK, self), SwitchTable(SWITCH, self)
        self.incidents = IncidentTable(INCIDENT, self)
        self.tables = {gvk: ObjectTable(kind, self) for gvk, kind in RESOURCE_KINDS.items()}
        self.tables |= {RUNBOOK.gvk: self._runbooks, SWITCH.gvk: self._switches, INCIDENT.gvk: self.incidents}
        self.runbooks, self.switches = self._runbooks.objects, self._switches.objects
        self.held_targets_changed = self._switches.held_targets_changed
        self.ledger, self.unconfirmed_throws = self._switches.ledger, self._switches.unconfirmed_throws

    def take(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store a body from a watch or a list; an object that this version cannot parse is logged and ignored."""
        try:
            return self.put(body)
        except ValidationError as error:
            log.warning("an object cannot be parsed and is ignored", object=str(ref_of(body)), error=str(error))
            return frozenset()

    def put(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store the body; return the objects to reconcile, none if nothing changed."""
        ref = ref_of(body)
        old = self._held(ref)
        if old is not None and not _newer(body["metadata"]["resourceVersion"], old):
            return frozenset()
        if (table := self._table(ref)) is not None:
            return table.put(table.parse(body))
        if (ref.api_version, ref.kind) in ALWAYS_WATCHED:
            return self.put_target(observed_object.observed_from(body, whole=self.is_held(ref)))
        return self._put_held_object(ref, body) if self.is_held(ref) else frozenset()

    def read(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store an own object from the API server's answer to a read or a write."""
        wake = self.put(body)
        if (table := self._table(ref_of(body))) is not None:
            table.note_read(ref_of(body))
        return wake

    def note_listed(self, ref: Ref, version: str, listed: Listed) -> None:
        """Note that a list has just had an own object, or a target in use."""
        if (table := self._table(ref)) is not None:
            table.note_listed(ref, version, listed)
        elif self.users(ref):
            listed(ref, version)

    def _put_held_object(self, ref: Ref, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Store a held object from a dynamic watch; keep `scalable` from the last read, since events do not have it."""
        scalable = old.scalable if isinstance(old := self.targets.get(ref), ObservedObject) else True
        return self.put_target(observed_object.observed_from(body, whole=True, scalable=scalable))

    def unanswered(self) -> list[Ref]:
        """Return the Switches whose throw or release no replica has carried out yet."""
        return [ref for ref, switch in self.switches.items() if switch.is_unanswered]

    def is_held(self, target: Ref) -> bool:
        """True if a Switch's record names the target."""
        return target in self._switches.holders

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
            return frozenset(
                (*self._runbooks.users.get(observed.ref, ()), *self._switches.holders.get(observed.ref, ()))
            )
        return self.users(observed.ref)

    def held_kinds(self) -> frozenset[tuple[str, str, str]]:
        """Return API version, kind and namespace of held targets that need a dynamic watch."""
        kinds = {(ref.api_version, ref.kind, ref.namespace) for ref in self._switches.holders}
        return frozenset(kind for kind in kinds if kind[:2] not in ALWAYS_WATCHED)

    def accounts(self, kind: tuple[str, str, str]) -> tuple[Account | None, ...]:
        """Return the accounts under which objects of that kind are held, None (the operator's own) first."""
        return self._switches.accounts(kind)

    def start_leading(self, only: ObjectFilter) -> None:
        """Forget what another replica may have changed meanwhile."""
        for table in self.tables.values():
            table.start_leading(only)

    def stop_leading(self, only: ObjectFilter) -> None:
        """Forget what only a leader may count on."""
        for table in self.tables.values():
            table.stop_leading(only)

    def evict(self, refs: Iterable[Ref]) -> None:
        """Drop these targets, which have no watch, so that they are read again when needed."""
        for ref in refs:
            self.targets.pop(ref, None)

    def unreferenced(self, refs: Iterable[Ref]) -> list[Ref]:
        """Return the refs that are neither held nor declared nor always watched: leftovers of past engagements."""
        known = (self._switches.holders, self._runbooks.users)
        return [
            ref
            for ref in refs
            if (ref.api_version, ref.kind) not in ALWAYS_WATCHED and not any(ref in users for users in known)
        ]

    def set_signals(self, switch: Ref, signals: tuple[Signal, ...]) -> frozenset[Ref]:
        """Replace the automatic signals of a switch; return the switch to reconcile if they changed."""
        if signals == self.signals_of(switch):
            return frozenset()
        self._switches.signals[switch] = signals
        return frozenset({switch})

    def signals_of(self, switch: Ref) -> tuple[Signal, ...]:
        """Return the latest signal of each source for a switch."""
        return self._switches.signals.get(switch, ())

    def clear_signals(self, only: ObjectFilter = all_objects) -> None:
        """Drop the signals of these switches."""
        for switch in [*filter(only, self._switches.signals)]:
            del self._switches.signals[switch]

    def drop(self, ref: Ref, uid: str) -> frozenset[Ref]:
        """Delete the object if it has that uid, so that a newer one of its name stays; return what to reconcile."""
        held = self._held(ref)
        if held is None or _uid(held) != uid:
            return frozenset()
        if (table := self._table(ref)) is not None:
            return table.drop(ref)
        # A held target stays as Missing: it is known not to exist and needs no read.
        self.targets.pop(ref)
        if self.is_held(ref):
            self.targets[ref] = observed_object.absent(ref)
        return self.users(ref)

    def forget(self, ref: Ref) -> frozenset[Ref]:
        """Delete the object, whatever its uid."""
        held = self._held(ref)
        return self.drop(ref, _uid(held)) if held is not None else frozenset()

    def members(self, runbook: Ref) -> Iterator[Ref]:
        """Yield the objects of all kinds that belong to the Runbook."""
        for table in self.tables.values():
            yield from table.members(runbook)

    def users(self, target: Ref) -> frozenset[Ref]:
        """Return the Runbooks that declare the target, their Switches, and the Switches that hold it."""
        runbooks = self._runbooks.users.get(target, set())
        theirs = (ref for runbook in runbooks for ref in self._switches.members(runbook))
        return frozenset((*runbooks, *theirs, *self._switches.holders.get(target, ())))

    def defer_status(self, ref: Ref, status: ObjectStatus) -> None:
        """Store a status that the API server gets later; a status by another writer meanwhile takes precedence."""
        if (table := self._table(ref)) is not None:
            table.defer_status(ref, status)

    def runbook_of(self, switch: SwitchObject) -> RunbookObject | None:
        return self.runbooks.get(switch.runbook)

    def declaring(self, found: OwnObject) -> RunbookObject | None:
        """Return the Runbook itself, or the Runbook that an object of another kind belongs to."""
        ref = found.meta.ref
        if (runbook := self.runbooks.get(ref)) is not None:
            return runbook
        of = RESOURCE_KINDS[(ref.api_version, ref.kind)].runbook_of(found)
        return self.runbooks.get(of) if of else None

    def engaged(self, namespace: str) -> Mapping[Ref, SwitchObject]:
        """Return the Switches of a namespace that have a record, or may have written targets before it was stored."""
        return self._switches.index.engaged(namespace)

    def count(self, trait: Trait) -> Callable[[], int]:
        """Return a function that counts the Switches with the trait, without a scan that would block the loop."""
        return self._switches.index.count(trait, self.switches.values())

    def switches_of(self, runbook: Ref) -> dict[str, SwitchObject]:
        """Return the Switches that name the Runbook, by the names of their entries."""
        return {one.spec.switch: one for one in self._switches.index.of(runbook).values()}

    def incidents_of(self, runbook: Ref) -> tuple[IncidentObject, ...]:
        """Return the Incidents of the Runbook in the order of their names."""
        return tuple(self.incidents.objects[ref] for ref in sorted(self.incidents.members(runbook)))

    def concerned(self, runbook: RunbookObject, names: Iterable[str]) -> dict[str, SwitchObject]:
        """Return by name the Runbook's Switches, those with these names, and all others that share a target with it."""
        ref = runbook.meta.ref
        named = (switch_ref(ref.namespace, name) for name in names)
        users = (user for target in declared(runbook) for user in self.users(target))
        refs = (*self._switches.members(ref), *named, *users)
        return {one.name: self.switches[one] for one in refs if one in self.switches}

    def uids(self, api_version: str, kind: str, namespace: str) -> dict[str, Ref]:
        """Return the stored objects of one kind by uid; an empty namespace means all of them."""
        table = self.tables.get((api_version, kind))
        held: Mapping[Ref, Stored | Missing] = table.objects if table is not None else self.targets
        return {_uid(one): ref for ref, one in held.items() if ref.is_of(api_version, kind, namespace)}

    def is_older(self, ref: Ref, version: str) -> bool:
        return isinstance(held := self.targets.get(ref), ObservedObject) and _newer(version, held)

    def own(self, ref: Ref) -> OwnObject | None:
        """Return the object if it is of a registered kind and stored."""
        table = self._table(ref)
        return table.objects.get(ref) if table is not None else None

    def keys(self) -> Iterable[Ref]:
        """Return all objects of registered kinds."""
        return [ref for table in self.tables.values() for ref in table.objects]

    def _held(self, ref: Ref) -> Stored | Missing | None:
        table = self._table(ref)
        return self.targets.get(ref) if table is None else table.objects.get(ref)

    def _table(self, ref: Ref) -> ObjectTable[Any] | None:
        return self.tables.get((ref.api_version, ref.kind))


def _uid(held: Stored | Missing) -> str:
    if isinstance(held, Missing):
        return ""
    return held.uid if isinstance(held, ObservedObject) else held.meta.uid


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
