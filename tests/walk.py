"""The files of the operator that run between the event of a thrown switch and its first write to the target.

`PYTHONPATH=operator python -m tests.walk` prints them in order, without the shared vocabulary. The switch is at rest
and prepared, as on almost every throw. Counted from the operator's handler of watch events on; kopf's part is one file
more.
"""

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from runbook_operator.api.switch import FINALIZER
from runbook_operator.cli import run
from runbook_operator.controller import kopf_watches
from runbook_operator.core.references import switch_ref
from runbook_operator.settings import Settings
from tests.builders import NAMESPACE, WEB, runbook_body, switch_body
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, FaultyKube
from tests.fakes.list_kube import ListKube, deployment

PACKAGE = Path(run.__file__).parents[1]
VOCABULARY = ("core", "api")
"""Packages of small shared types, which a reader of a walk does not open."""
STOP = switch_ref(NAMESPACE, "shop-stop")


class Walked:
    """The files whose functions were called while this was on, in the order of their first call."""

    def __init__(self) -> None:
        self.files = [str(Path(kopf_watches.__file__).relative_to(PACKAGE))]

    def on(self) -> None:
        sys.setprofile(self._note)

    def off(self) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            name = str(path.relative_to(PACKAGE))
            if name not in self.files:
                self.files.append(name)


def to_read(files: list[str]) -> list[str]:
    """The files without the shared vocabulary."""
    return [name for name in files if not name.startswith(tuple(f"{one}/" for one in VOCABULARY))]


async def walk() -> list[str]:
    """Throw a scale switch once, in the whole operator over a fake API server, up to the write of the replicas."""
    rest = switch_body()
    kube = FaultyKube({DEPLOYMENT: deployment(), SWITCH: rest})
    operator = run.Operator(Settings(), kube, ListKube(), ListKube())
    for body in (runbook_body(), rest, deployment()):
        operator.handle_event("ADDED", body)
    operator.lead()
    await operator.reconciler.visit(STOP)
    assert operator.store.switches[STOP].status.prepared
    operator.executor.reader.read_versions.listing()(WEB, "1")
    walked, written = Walked(), asyncio.Event()

    def arrive(_method: str, path: str) -> None:
        if path.endswith("/scale"):
            walked.off()
            written.set()

    kube.fault = arrive
    meta = {"generation": 2, "finalizers": [FINALIZER]}
    thrown = kube._patched(SWITCH, {"metadata": meta, "spec": {"engaged": True}})
    walked.on()
    operator.handle_event("MODIFIED", thrown)
    worker = asyncio.create_task(operator.queue.work(operator.reconciler.visit))
    try:
        await asyncio.wait_for(written.wait(), 60)
    finally:
        walked.off()
        worker.cancel()
    return walked.files


if __name__ == "__main__":
    print("\n".join(to_read(asyncio.run(walk()))))  # noqa: T201 # a command
