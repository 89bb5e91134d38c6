"""A metric source whose clock differs. Left out: queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runbook_operator.core.samples import Answer, Sample


@dataclass
class Off:
    """A source whose clock is not ours: it answers for the time that it is asked for, and tells its own in passing."""

    its: timedelta
    ahead: timedelta | None = None
    asked: list[datetime] = field(default_factory=list)

    async def instant(self, queries: Iterable[str], at: datetime) -> dict[str, Answer]:
        self.asked.append(at)
        self.ahead = self.its
        return dict.fromkeys(queries, (Sample({}, 1.0, at),))
