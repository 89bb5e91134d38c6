"""The stored Incidents, with the open ones of each Runbook and the numbers for the metrics."""

from collections import Counter

from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.cache.object_table import ObjectTable, Relations
from runbook_operator.core.references import Ref


class IncidentTable(ObjectTable[IncidentObject]):
    """The Incidents. A change of one concerns its Runbook, which may open the next one."""

    def __init__(self, kind: ResourceKind, relations: Relations) -> None:
        super().__init__(kind, relations)
        self.numbers: Counter[tuple[str, ...]] = Counter()
        """The number of Incidents by severity and phase."""
        self.owed = 0
        """The number of messages that are owed."""

    def put(self, new: IncidentObject) -> frozenset[Ref]:
        ref, old = new.meta.ref, self.objects.get(new.meta.ref)
        if old is not None:
            self._count(old, -1)
        super().put(new)
        self._count(new, 1)
        if not new.is_resolved:
            self.relations.followers.setdefault(new.runbook, set()).add(ref)
        is_ended = new.is_resolved and not (old is not None and old.is_resolved)
        # One more resolved Incident may make the oldest one of its Runbook superfluous.
        return frozenset((ref, new.runbook, *(self.members(new.runbook) if is_ended else ())))

    def drop(self, ref: Ref) -> frozenset[Ref]:
        held = self.objects[ref]
        self._count(held, -1)
        super().drop(ref)
        return frozenset({held.runbook})

    def _leave(self, old: IncidentObject) -> None:
        super()._leave(old)
        followers = self.relations.followers
        left = followers.get(old.runbook, set()) - {old.meta.ref}
        if left:
            followers[old.runbook] = left
        else:
            followers.pop(old.runbook, None)

    def _count(self, incident: IncidentObject, number: int) -> None:
        status = incident.status
        self.numbers[status.severity or incident.spec.severity, status.phase] += number
        self.owed += number * sum(one.state == "Owed" for one in status.deliveries)
