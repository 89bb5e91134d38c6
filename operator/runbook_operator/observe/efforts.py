"""What was tried lately, in memory only: after a restart everything is tried anew, and nothing is done twice by it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runbook_operator import errors
from runbook_operator.io.queue import backoff
from runbook_operator.model.efforts import Effort, Failed, Place
from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import Ref

NOTHING = Effort()


@dataclass
class Efforts:
    """The efforts of each switch, by the place that was written."""

    _of: dict[Ref, dict[Place, Effort]] = field(default_factory=dict)

    def of(self, switch: Ref) -> dict[Place, Effort]:
        return self._of.get(switch, {})

    def worked(self, switch: Ref, place: Place) -> None:
        """A write was accepted."""
        self.of(switch).pop(place, None)

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
        self._of.setdefault(switch, {})[place] = Effort(failed)

    def forget(self, switch: Ref) -> None:
        """The engagement is over, or the switch is gone."""
        self._of.pop(switch, None)
