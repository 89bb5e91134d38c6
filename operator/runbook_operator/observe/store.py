"""The last state of every object that matters, filled by watches, by lists and by the answers to our own writes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import ValidationError

from runbook_operator.api.objects import RunbookObject, SwitchObject, parse_runbook, parse_switch
from runbook_operator.model.refs import API_VERSION, Ref
from runbook_operator.model.seen import Missing, Seen, seen_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Stored = RunbookObject | SwitchObject | Seen


@dataclass
class Store:
    """Objects by reference. A body older than the one held is ignored, so that our own writes are read at once."""

    runbooks: dict[Ref, RunbookObject] = field(default_factory=dict)
    switches: dict[Ref, SwitchObject] = field(default_factory=dict)
    targets: dict[Ref, Seen | Missing] = field(default_factory=dict)
    _namespaces: dict[str, dict[Ref, SwitchObject]] = field(default_factory=lambda: defaultdict(dict))
    _users: dict[Ref, set[Ref]] = field(default_factory=lambda: defaultdict(set))

    def take(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """As put, for what others wrote: an object that this version cannot read is told and left alone."""
        try:
            return self.put(body)
        except ValidationError as error:
            log.warning("an object cannot be read and is left alone", object=str(_ref(body)), error=str(error))
            return frozenset()

    def put(self, body: Mapping[str, Any]) -> frozenset[Ref]:
        """Keep the body; returns the Runbooks and Switches to look at again, none where nothing changed."""
        ref = _ref(body)
        old = self._held(ref)
        if old is not None and not _newer(body["metadata"]["resourceVersion"], old):
            return frozenset()
        match ref.kind, ref.api_version:
            case "Runbook", version if version == API_VERSION:
                return self._put_runbook(parse_runbook(body))
            case "Switch", version if version == API_VERSION:
                return self._put_switch(parse_switch(body))
            case _:
                return self.put_target(seen_of(body))

    def put_target(self, seen: Seen | Missing) -> frozenset[Ref]:
        """Keep what was seen of a target; only a change that decisions look at wakes its users."""
        old = self.targets.get(seen.ref)
        self.targets[seen.ref] = seen
        if isinstance(seen, Missing) or isinstance(old, Missing) or old is None:
            return self.users(seen.ref) if seen != old else frozenset()
        same = (old.uid, old.replicas) == (seen.uid, seen.replicas)
        return frozenset() if same else self.users(seen.ref)

    def drop(self, ref: Ref, uid: str) -> frozenset[Ref]:
        """The object of that uid is gone; returns who is to look again. A newer object of the name stays."""
        held = self._held(ref)
        if held is None or _uid(held) != uid:
            return frozenset()
        match held:
            case RunbookObject():
                self._forget_users(self.runbooks.pop(ref))
                return frozenset(self._switches_of(ref))
            case SwitchObject():
                del self._namespaces[ref.namespace][ref]
                return frozenset({self._runbook_of(self.switches.pop(ref))})
            case _:
                del self.targets[ref]
                return self.users(ref)

    def forget(self, ref: Ref) -> frozenset[Ref]:
        """The object is gone, whichever it was."""
        held = self._held(ref)
        return self.drop(ref, _uid(held)) if held is not None else frozenset()

    def users(self, target: Ref) -> frozenset[Ref]:
        """The Runbooks that declare the target and their Switches, and the Switches that hold it."""
        runbooks = self._users.get(target, set())
        names = {runbook.name for runbook in runbooks}
        switches = self._namespaces.get(target.namespace, {}).items()
        return frozenset((*runbooks, *(r for r, s in switches if s.spec.runbook in names or target in held_by(s))))

    def runbook_of(self, switch: SwitchObject) -> RunbookObject | None:
        return self.runbooks.get(self._runbook_of(switch))

    def neighbours(self, namespace: str) -> Mapping[Ref, SwitchObject]:
        """Every Switch of a namespace."""
        return self._namespaces.get(namespace, {})

    def uids(self, api_version: str, kind: str, namespace: str) -> dict[str, Ref]:
        """What is held of one kind, by uid; an empty namespace means all of them."""
        own: dict[str, Mapping[Ref, Stored | Missing]] = {"Runbook": self.runbooks, "Switch": self.switches}
        held = own.get(kind, self.targets)
        return {
            _uid(one): ref
            for ref, one in held.items()
            if (ref.api_version, ref.kind) == (api_version, kind) and namespace in ("", ref.namespace)
        }

    def keys(self) -> Iterable[Ref]:
        return (*self.runbooks, *self.switches)

    def _held(self, ref: Ref) -> Stored | Missing | None:
        return self.runbooks.get(ref) or self.switches.get(ref) or self.targets.get(ref)

    def _put_runbook(self, runbook: RunbookObject) -> frozenset[Ref]:
        ref = runbook.meta.ref
        old = self.runbooks.get(ref)
        if old:
            self._forget_users(old)
        self.runbooks[ref] = runbook
        for target in declared(runbook):
            self._users[target].add(ref)
        if old and (old.meta.generation, old.meta.deleting) == (
            runbook.meta.generation,
            runbook.meta.deleting,
        ):
            return frozenset()
        return frozenset((ref, *self._switches_of(ref)))

    def _put_switch(self, switch: SwitchObject) -> frozenset[Ref]:
        self.switches[switch.meta.ref] = switch
        self._namespaces[switch.meta.ref.namespace][switch.meta.ref] = switch
        return frozenset({switch.meta.ref, self._runbook_of(switch)})

    def _switches_of(self, runbook: Ref) -> Iterable[Ref]:
        return (r for r, s in self.neighbours(runbook.namespace).items() if s.spec.runbook == runbook.name)

    def _forget_users(self, runbook: RunbookObject) -> None:
        for target in declared(runbook):
            self._users[target].discard(runbook.meta.ref)
            if not self._users[target]:
                del self._users[target]

    @staticmethod
    def _runbook_of(switch: SwitchObject) -> Ref:
        return Ref(API_VERSION, "Runbook", switch.meta.ref.namespace, switch.spec.runbook)


def declared(runbook: RunbookObject) -> tuple[Ref, ...]:
    """The targets that a Runbook declares."""
    if runbook.spec is None:
        return ()
    return tuple(dict.fromkeys(t.workload.ref(runbook.meta.ref.namespace) for t in runbook.spec.targets))


def held_by(switch: SwitchObject) -> tuple[Ref, ...]:
    """The targets in a Switch's record."""
    record = switch.status.record
    return tuple(entry.ref(switch.meta.ref.namespace) for entry in record.actions) if record else ()


def _ref(body: Mapping[str, Any]) -> Ref:
    meta = body["metadata"]
    return Ref(body["apiVersion"], body["kind"], meta.get("namespace", ""), meta["name"])


def _uid(held: Stored | Missing) -> str:
    match held:
        case Seen():
            return held.uid
        case Missing():
            return ""
        case _:
            return held.meta.uid


def _newer(version: str, held: Stored | Missing) -> bool:
    """ResourceVersions of one resource compare as integers (KEP-5504)."""
    match held:
        case Missing():
            return True
        case Seen():
            return int(version) > int(held.resource_version)
        case _:
            return int(version) > int(held.meta.resource_version)
