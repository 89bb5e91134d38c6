"""What many idle switches ask of the API server in dry runs, counted over hours of a clock that the test controls.

Left out: the other requests of a deep check, which `make bench-looks` counts on a real API server.
"""

import heapq
from collections.abc import Iterator
from dataclasses import replace

import pytest

from runbook_operator.api.conditions import Condition
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.cache.deep_checks import DEEP_CHECK_SECONDS, DeepChecks
from runbook_operator.cache.store import Store
from runbook_operator.controller.dry_runs import ALLOWED_SECONDS, DryRuns
from runbook_operator.core.queries import DryRun
from runbook_operator.core.writes import Patch
from runbook_operator.kube.discovery import Paths
from tests.builders import WEB, switch
from tests.fakes.answering_kube import AnsweringKube

WRITE = Patch(WEB, "uid", "7", {"spec": {"replicas": 0}}, "scale")
HOURS = 4
READY = Condition(type="Ready", status="True", reason="Ready", observed_generation=1, last_transition_time="")


class Idle:
    """So many idle switches that are Ready, and the deep checks at them."""

    def __init__(self, count: int) -> None:
        self.kube, self.now, self.looked = AnsweringKube(), 0.0, 0
        self.deep_checks = DeepChecks(monotonic=lambda: self.now)
        self.dry_runs = DryRuns(Paths(self.kube), monotonic=lambda: self.now)
        self.switches = [_idle(number) for number in range(count)]

    async def rest(self, seconds: float) -> tuple[int, int]:
        """Nothing changes for so long; returns the deep checks and the dry runs."""
        looked, asked = self.looked, len(self.kube.asked)
        for number in self._due(seconds):
            self.looked += 1
            await self.dry_runs.answer(DryRun(self.switches[number].meta.ref, 0, WRITE), None, 1)
        return self.looked - looked, len(self.kube.asked) - asked

    def _due(self, seconds: float) -> Iterator[int]:
        """The switches that are due for a deep check, in order of time, as the queue of the operator visits them."""
        store, end = Store(), self.now + seconds
        due = [(self.now, number) for number in range(len(self.switches))]
        heapq.heapify(due)
        while due[0][0] < end:
            self.now, number = due[0]
            look = self.deep_checks.at(self.switches[number], store)
            heapq.heapreplace(due, (self.now + look.again, number))
            if look.thorough:
                yield number
        self.now = end


def _idle(number: int) -> SwitchObject:
    found = switch(f"s{number}")
    return replace(found, status=found.status.replace(observed_generation=1, conditions=[READY]))


@pytest.mark.parametrize("count", [100, 1_000])
async def test_idle_switch_sends_one_dry_run_an_hour(count: int) -> None:
    idle = Idle(count)
    await idle.rest(DEEP_CHECK_SECONDS)

    looked, dry_runs = await idle.rest(HOURS * ALLOWED_SECONDS)

    often = HOURS * ALLOWED_SECONDS / DEEP_CHECK_SECONDS
    assert looked == pytest.approx(often * count, rel=0.05)
    assert dry_runs == pytest.approx(HOURS * count, rel=0.05)
