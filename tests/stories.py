"""What becomes of a Runbook's target over time, as the Runbook's own decisions note it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.api.switch import FieldRecord, Record, SwitchStatus
from runbook_operator.core.monitors import Key, MonitorState
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import Missing, ObservedObject, observed_from
from runbook_operator.core.queries import Find, NeedsRead, Query
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import WriteStatus
from runbook_operator.runbooks.runbook_reconcile import next_step
from tests.builders import NOW, WEB, Body, runbook, switch, unseen
from tests.revisions import ARGO, DS, STS, UID, workload

UP = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}


@dataclass
class Story:
    """A Runbook with the target `web`, whose status is written as often as it asks for it."""

    ref: Ref = WEB
    now: datetime = NOW
    writes: int = 0
    asked: list[Query] = field(default_factory=list)
    keepers: Any = ()
    thorough: bool = True
    runbook: RunbookObject = field(init=False)
    observed: dict[Ref, ObservedObject | Missing] = field(default_factory=dict)
    switch: SwitchStatus = field(default_factory=SwitchStatus)
    others: dict[str, SwitchObject] = field(default_factory=dict)
    """Switches with a status of their own."""
    monitor_states: dict[Key, MonitorState] = field(default_factory=dict)
    said: list[Notice] = field(default_factory=list)
    spec: Body = field(default_factory=dict)

    def __post_init__(self) -> None:
        target = {"name": "web", "workload": {"apiVersion": self.ref.api_version, "kind": self.ref.kind, "name": "web"}}
        self.runbook = runbook(**{"targets": [target]} | self.spec)

    def is_at(self, body: Body, *, whole: bool = False, uid: str = UID) -> "Story":
        """The workload is seen like this, and the Runbook looked at until it is settled."""
        body["metadata"]["uid"] = uid
        self.observed = {self.ref: observed_from(body, whole=whole or self.ref in (DS, ARGO))}
        return self.look()

    def look(self) -> "Story":
        for _ in range(5):
            if not isinstance(step := self._step(), WriteStatus):
                return self
            assert isinstance(step.status, RunbookStatus)
            self.writes += 1
            self.said += step.notices
            self.runbook = replace(self.runbook, status=step.status)
        raise AssertionError("it writes for ever")

    def after(self, **time: float) -> "Story":
        self.now += timedelta(**time)
        return self.look()

    @property
    def snapshot(self) -> RunbookSnapshot:
        return self.world_with({})

    def world_with(self, answers: dict[Query, Any]) -> RunbookSnapshot:
        entries = self.runbook.spec.switches() if self.runbook.spec else ("stop",)
        switches = {f"shop-{entry}": replace(switch(entry), status=self.switch) for entry in entries}
        switches |= self.others
        observed, monitor_states = unseen(self.runbook) | self.observed, dict(self.monitor_states)
        return RunbookSnapshot(self.runbook, switches, observed, self.now, answers, self.thorough, monitor_states)

    def _step(self) -> Any:
        answers: dict[Query, Any] = {}
        while True:
            try:
                return next_step(self.world_with(answers))
            except NeedsRead as needed:
                finds = [query for query in needed.queries if isinstance(query, Find)]
                if len(finds) < len(needed.queries):
                    raise
                self.asked += finds
                answers |= dict.fromkeys(finds, self.keepers)

    @property
    def target(self) -> TargetStatus:
        return self.runbook.status.targets[0]

    @property
    def good(self) -> list[int]:
        return [one.revision for one in self.target.good]


def deployment(number: int, status: Body | None = None, **spec: Any) -> Body:
    return workload(number, number, status=UP if status is None else status, **spec)


def stateful_set(name: str, status: Body = UP) -> Body:
    return workload("x", ref=STS, status={**status, "updateRevision": name})


def daemon_set(version: str) -> Body:
    counts = {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}
    return workload(version, ref=DS, status=counts)


def entry(before: Body, after: Body, **rest: Any) -> FieldRecord:
    fields = {"api_version": "apps/v1", "kind": "Deployment", "name": "web", "field": "spec.template", "uid": UID}
    values = {"saved": before, "held": after, "mode": "Keep", "result": "Applied", "applied_at": "2026-11-24T03:00:00Z"}
    return FieldRecord.model_validate({"action": "rollback"} | fields | values | rest)


def revision(number: int, name: str, *before: int) -> Body:
    return {"digest": f"digest-{name}", "revision": number, "keeper": f"web-{name}", "before": list(before)}


def engaged(*entries: FieldRecord) -> SwitchStatus:
    return SwitchStatus(record=Record(engagement_id="id", engaged_at="2026-11-24T03:00:00Z", actions=list(entries)))
