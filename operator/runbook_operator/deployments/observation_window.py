"""Judge a revision in its window: the evidence against it, what is excused and why, and the verdict at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.deployment_guard_spec import Verdict, WatchedRevision
from runbook_operator.core.durations import spoken
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.rollout_progress import (
    KINDS,
    ROLLED_OUT_BY,
    is_updating,
    kind_of,
    may_stand_still,
    rolling_out,
)
from runbook_operator.deployments.evidence import Judge
from runbook_operator.monitoring.intended_downtime import Excuse


@dataclass(frozen=True)
class Case:
    """A revision in its window, its workload, and the levels that judge it now."""

    watch: WatchedRevision
    judges: Sequence[Judge]
    until: datetime
    is_live: bool
    now: datetime
    observed: ObservedObject
    excuse: Excuse | None = None

    @property
    def excused_until(self) -> datetime | None:
        """The time when the target was last down on purpose, or None."""
        if self.watch.excuse and not self.excuse:
            return self.now
        return moment(self.watch.excused_until) if self.watch.excused_until else None

    @property
    def before(self) -> list[str]:
        """The names of judges that are excused and were not Ok since.

        They were Critical before the revision came, or while the target was down on purpose.
        """
        return [one.name for one in self.judges if self._is_excused(one)]

    @property
    def evidence(self) -> list[Judge]:
        """The judges that became Critical in the window, while the revision was live, without another cause."""
        if not self.is_live or is_standing_still(self.observed, self.watch, self.now):
            return []
        found = (one for one in self.judges if one.level == "Critical" and one.track.since < self.until)
        return [one for one in found if not self._is_excused(one)]

    @property
    def judged_by(self) -> list[str]:
        """The names of all judges that were evidence in the window and are still declared."""
        names = {*self.watch.judged_by, *(one.name for one in self.evidence)}
        return [one.name for one in self.judges if one.name in names]

    @property
    def reason(self) -> str:
        """The reason that is reported while the window is open."""
        text = f"watched until {timestamp(self.until)} by {', '.join(one.name for one in self.judges)}"
        why = (
            f"; {self.excuse.text}, so what becomes Critical meanwhile does not count against it" if self.excuse else ""
        )
        return f"{text}{why}"

    @property
    def looked(self) -> WatchedRevision:
        """The watch with the results of this visit."""
        ended = self.excused_until
        return self.watch.replace(
            until=timestamp(self.until),
            before=self.before,
            judged_by=self.judged_by,
            available=self.watch.available or (self.is_live and is_available(self.observed)),
            excuse=self.excuse.text if self.excuse else "",
            excused_until=timestamp(ended) if ended else None,
        )

    @property
    def outcome(self) -> tuple[Verdict, str]:
        """The verdict and its reason at the end of a window without evidence against the revision."""
        since = moment(self.watch.since)
        silent = ", ".join(one.name for one in self.judges if not one.has_data(since))
        if self.excuse:
            return "Unproven", f"its window ended while {self.excuse.text}"
        if silent:
            return "Unproven", f"its window ended without data of {silent}"
        if self.before:
            when = " or while the target was down on purpose" if self.excused_until else ""
            return "Unproven", (
                f"{', '.join(self.before)} was Critical before this revision came{when}, and has not been Ok since"
            )
        if not self.looked.available:
            far = rolling_out(self.observed)
            counted = f"{far.working} of {far.desired} pods have it and are available"
            return "Unproven", f"its pods were never all available in its window: {counted}"
        return "Good", f"nothing became Critical within {spoken(self.until - since)}"

    def _is_excused(self, one: Judge) -> bool:
        if one.name in self.watch.before and not one.is_well:
            return True
        since, ended = one.bad_since, self.excused_until
        if since is None or one.name in self.watch.judged_by:
            return False
        after = ended is not None and since < ended + one.patience
        return after or (self.excuse is not None and self.excuse.covers(since))


def is_available(observed: ObservedObject) -> bool:
    """True if all pods are available, and at least one of them runs the live revision."""
    far = rolling_out(observed)
    return far.complete and far.working > 0 and not is_updating(observed)


def is_standing_still(observed: ObservedObject, watch: WatchedRevision, now: datetime) -> bool:
    """True if the rollout itself may have stopped all pods; one that takes too long is no excuse."""
    if watch.available or now >= still_until(watch) or kind_of(observed) not in KINDS:
        return False
    far = rolling_out(observed)
    return may_stand_still(observed) and not (far.complete or far.overdue)


def still_until(watch: WatchedRevision) -> datetime:
    """Return the time until which a rollout that replaces all pods at once is an excuse."""
    return moment(watch.since) + ROLLED_OUT_BY
