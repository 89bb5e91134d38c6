"""Record recent writes in memory only: after a restart the operator repeats them, which does no harm."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.write_failures import Accepted, Answer, Failed, FieldKey, WriteHistory
from runbook_operator.kube import errors
from runbook_operator.runtime.work_queue import backoff

NOTHING = WriteHistory()
CALM = timedelta(minutes=10)
"""The quiet period: after this time without a write of a value, its count starts again."""


@dataclass
class WriteHistories:
    """Recent writes by switch and field, and for each field the number of writes by any switch that did not last."""

    _of: dict[Ref, dict[FieldKey, WriteHistory]] = field(default_factory=dict)
    _undone: dict[FieldKey, tuple[int, datetime]] = field(default_factory=dict)

    def of(self, switch: Ref) -> dict[FieldKey, WriteHistory]:
        return self._of.get(switch, {})

    def worked(self, switch: Ref, place: FieldKey) -> None:
        """Clear the failures of a field after an accepted write."""
        found = self.of(switch).pop(place, NOTHING).accepted
        if found is not None:
            self._of[switch][place] = WriteHistory(accepted=found)

    def answered(
        self, switch: Ref, places: Iterable[FieldKey], answers: Iterable[tuple[FieldKey, Answer]], now: datetime
    ) -> None:
        """Record an accepted write to a target: clear the failures of its fields and keep the API server's answers."""
        for place in places:
            self.worked(switch, place)
        for place, found in answers:
            self._accepted(switch, place, found, now)

    def _accepted(self, switch: Ref, place: FieldKey, found: Answer, now: datetime) -> None:
        before = self.of(switch).get(place, NOTHING).accepted
        if before is None or (before.uid, before.asked) != (found.uid, found.asked) or now - before.last >= CALM:
            accepted = Accepted(found.uid, found.asked, found.live, found.changed, 1, now, now)
        else:
            accepted = replace(before, live=found.live, changed=found.changed, times=before.times + 1, last=now)
        undone = self._count(place, now, did_not_last=found.changed or accepted.times > 1)
        self._of.setdefault(switch, {})[place] = WriteHistory(accepted=replace(accepted, undone=undone))

    def _count(self, place: FieldKey, now: datetime, *, did_not_last: bool) -> int:
        """Count this write if it did not last; return the count of the field, which all switches share."""
        self._undone = {one: known for one, known in self._undone.items() if now - known[1] < CALM}
        count = self._undone.get(place, (0, now))[0]
        if did_not_last:
            count += 1
            self._undone[place] = (count, now)
        return count

    def failed(self, switch: Ref, place: FieldKey, error: errors.ApiError, now: datetime) -> None:
        """Record a failed write; the next one is due after the server's Retry-After, or after a back-off."""
        before = self.of(switch).get(place, NOTHING)
        attempts = before.failed.attempts + 1 if before.failed else 1
        pause = backoff(attempts) if error.retry_after is None else error.retry_after
        failed = Failed(
            reason=Reason(error.reason),
            message=f"{error}. {error.user_action}".strip(),
            fatal=not isinstance(error, errors.UnavailableError),
            attempts=attempts,
            since=before.failed.since if before.failed else now,
            due=now + timedelta(seconds=pause),
        )
        self._of.setdefault(switch, {})[place] = WriteHistory(failed, before.accepted)

    def forget(self, switch: Ref) -> None:
        """Forget the writes of a switch that is released or deleted."""
        self._of.pop(switch, None)
