"""The stored objects of one registered kind."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar, cast

from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.resource_kind import OwnObject, ResourceKind
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ObjectFilter

T = TypeVar("T", bound=OwnObject)
Listed = Callable[[Ref, str], bool]
"""Called with the resourceVersion of a listed object; True if that counts as a read of this leader."""


class Relations(Protocol):
    """How the objects of the store relate to each other."""

    followers: dict[Ref, set[Ref]]
    """By Runbook, the objects to reconcile when the Runbook's status, or a Switch of it, changes."""

    def members(self, runbook: Ref) -> Iterable[Ref]:
        """Return the objects of all kinds that belong to the Runbook."""

    def users(self, target: Ref) -> frozenset[Ref]:
        """Return the objects to reconcile when the target changes."""


class ObjectTable(Generic[T]):
    """The objects of a kind by reference, and by the Runbook that they belong to.

    Every method that returns references returns the objects to reconcile.
    """

    def __init__(self, kind: ResourceKind, relations: Relations) -> None:
        self.kind, self.relations = kind, relations
        self.objects: dict[Ref, T] = {}
        self._members: dict[Ref, set[Ref]] = defaultdict(set)

    def parse(self, body: Mapping[str, Any]) -> T:
        """Parse an object; raises ValidationError for one that its CRD would reject."""
        return cast("T", self.kind.parsed(body))

    def put(self, new: T) -> frozenset[Ref]:
        """Store an object."""
        ref, old = new.meta.ref, self.objects.get(new.meta.ref)
        if old is not None:
            self._leave(old)
        self.objects[ref] = new
        if (runbook := self.kind.runbook_of(new)) is not None:
            self._members[runbook].add(ref)
        return frozenset() if old is not None and old.meta.life == new.meta.life else frozenset({ref})

    def drop(self, ref: Ref) -> frozenset[Ref]:
        """Delete an object."""
        self._leave(self.objects.pop(ref))
        return frozenset()

    def defer_status(self, ref: Ref, status: ObjectStatus) -> None:
        """Store a status that the API server gets later; a status by another writer meanwhile takes precedence."""
        self.objects[ref] = replace(self.objects[ref], status=status)

    def note_read(self, ref: Ref) -> None:
        """Note that the API server has just answered the object."""

    def note_listed(self, ref: Ref, version: str, listed: Listed) -> None:
        """Note that the object was in a list."""

    def members(self, runbook: Ref) -> Iterable[Ref]:
        """Return the objects of this kind that belong to the Runbook."""
        return self._members.get(runbook, ())

    def start_leading(self, only: ObjectFilter) -> None:
        """Forget what another replica may have changed meanwhile."""

    def stop_leading(self, only: ObjectFilter) -> None:
        """Forget what only a leader may count on."""

    def _leave(self, old: T) -> None:
        runbook = self.kind.runbook_of(old)
        members = self._members.get(runbook, set()) if runbook else set()
        members.discard(old.meta.ref)
        if runbook and not members:
            self._members.pop(runbook, None)
