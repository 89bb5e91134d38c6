"""A monotonic clock that the test moves. Left out: the calendar."""

from runbook_operator.cache.status_deferral import StatusDeferral


class Time:
    """Passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.status_deferral = StatusDeferral(lambda: self.now)

    def passes(self, seconds: float) -> StatusDeferral:
        self.now += seconds
        return self.status_deferral
