"""What was tried lately, in memory only: after a restart everything is tried anew, and nothing is done twice by it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.write_failures import Accepted, Answer, Effort, Failed, Place
from runbook_operator.kube import errors
from runbook_operator.runtime.work_queue import backoff

NOTHING = Effort()
CALM = timedelta(minutes=10)
"""After so long without a write, the same value counts anew."""


@dataclass
class Efforts:
    """The efforts of each switch, by the place that was written; how many writes of a place were undone, for all."""

    _of: dict[Ref, dict[Place, Effort]] = field(default_factory=dict)
    _undone: dict[Place, tuple[int, datetime]] = field(default_factory=dict)

    def of(self, switch: Ref) -> dict[Place, Effort]:
        return self._of.get(switch, {})

    def worked(self, switch: Ref, place: Place) -> None:
        """A write was accepted: what failed before it does not count any more."""
        found = self.of(switch).pop(place, NOTHING).accepted
        if found is not None:
            self._of[switch][place] = Effort(accepted=found)

    def answered(
        self, switch: Ref, places: Iterable[Place], answers: Iterable[tuple[Place, Answer]], now: datetime
    ) -> None:
        """A write to a target was accepted; what failed before it does not count any more."""
        for place in places:
            self.worked(switch, place)
        for place, found in answers:
            self._accepted(switch, place, found, now)

    def _accepted(self, switch: Ref, place: Place, found: Answer, now: datetime) -> None:
        before = self.of(switch).get(place, NOTHING).accepted
        if before is None or (before.uid, before.asked) != (found.uid, found.asked) or now - before.last >= CALM:
            accepted = Accepted(found.uid, found.asked, found.live, found.changed, 1, now, now)
        else:
            accepted = replace(before, live=found.live, changed=found.changed, times=before.times + 1, last=now)
        undone = self._count(place, now, did_not_last=found.changed or accepted.times > 1)
        self._of.setdefault(switch, {})[place] = Effort(accepted=replace(accepted, undone=undone))

    def _count(self, place: Place, now: datetime, *, did_not_last: bool) -> int:
        """How many writes of the place did not last; switches that follow each other share the pauses between them."""
        self._undone = {one: known for one, known in self._undone.items() if now - known[1] < CALM}
        count = self._undone.get(place, (0, now))[0]
        if did_not_last:
            count += 1
            self._undone[place] = (count, now)
        return count

    def failed(self, switch: Ref, place: Place, error: errors.ApiError, now: datetime) -> None:
        """A write failed: it is due again after the server's own pause, or after a back-off."""
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
        self._of.setdefault(switch, {})[place] = Effort(failed, before.accepted)

    def forget(self, switch: Ref) -> None:
        """The engagement is over, or the switch is gone."""
        self._of.pop(switch, None)
