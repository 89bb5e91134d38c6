"""The stored Runbooks, with the users of each target that they declare."""

from collections import defaultdict

from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.cache.object_table import ObjectTable, Relations
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.target_index import declared


class RunbookTable(ObjectTable[RunbookObject]):
    """The Runbooks; a change of one concerns every object that belongs to it."""

    def __init__(self, kind: ResourceKind, relations: Relations) -> None:
        super().__init__(kind, relations)
        self.users: dict[Ref, set[Ref]] = defaultdict(set)
        """The Runbooks that declare a target, by target."""

    def put(self, new: RunbookObject) -> frozenset[Ref]:
        ref, old = new.meta.ref, self.objects.get(new.meta.ref)
        if old:
            self._forget_users(old)
        self.objects[ref] = new
        for target in declared(new):
            self.users[target].add(ref)
        if old is None or old.meta.life != new.meta.life:
            return frozenset((ref, *self.relations.members(ref)))
        return frozenset(self.relations.followers.get(ref, ()) if old.status != new.status else ())

    def drop(self, ref: Ref) -> frozenset[Ref]:
        self._forget_users(self.objects.pop(ref))
        return frozenset(self.relations.members(ref))

    def _forget_users(self, runbook: RunbookObject) -> None:
        for target in declared(runbook):
            self.users[target].discard(runbook.meta.ref)
            if not self.users[target]:
                del self.users[target]
