"""By how many KiB a process grows for each Runbook with two switches that it stores; with `led`, that it leads too."""

import gc
import json
import resource
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from runbook_operator.cache.store import Store
from runbook_operator.core.monitors import Key, Reading, Watch
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.io.check_scheduler import CheckScheduler
from runbook_operator.telemetry.metrics import Metrics
from tests.builders import runbook_body, switch_body

RUNBOOKS = 5000
NAMESPACES = 50
SERVED = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web", "port": 80}}


class Replica:
    """What a replica keeps of Runbooks: all of it of all of them, and what is watched of those that it leads."""

    def __init__(self, checks: int, *, leads: bool) -> None:
        self.leads = leads
        self.store = Store()
        self.scheduler = CheckScheduler(nobody, lambda _: None, lambda _: True, Metrics())
        self.versions = count(1)
        self.endpoints = [{"name": f"check-{number}", "target": "web", "path": "/health"} for number in range(checks)]

    def add(self, number: int) -> None:
        namespace, name = f"team-{number % NAMESPACES}", f"shop-{number}"
        runbook = runbook_body(targets=[SERVED], healthEndpoints=self.endpoints)
        for body in (runbook, switch_body(), switch_body()):
            version = next(self.versions)
            called = name if body is runbook else f"{name}-{version}"
            meta = {"namespace": namespace, "name": called, "uid": f"uid-{version}", "resourceVersion": str(version)}
            # By way of its text, as it comes: no two objects share a string then.
            self.store.put(json.loads(json.dumps({**body, "metadata": body["metadata"] | meta})))
        if self.leads:
            ref = Ref(API_VERSION, "Runbook", namespace, name)
            self.scheduler.watch(ref, watches(self.store.runbooks[ref], {}).watches, {})


async def nobody(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
    """Nothing is asked here."""
    del watches
    return {}


def resident() -> float:
    """KiB that are resident."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024


def main(what: str, checks: int) -> None:
    replica = Replica(checks, leads=what == "led")
    # The first one brings along what is made once.
    replica.add(RUNBOOKS)
    before = resident()
    for number in range(RUNBOOKS):
        replica.add(number)
    print((resident() - before) / RUNBOOKS)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
