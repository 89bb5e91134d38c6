"""A Runbook and one of its incidents, moved by the steps that are decided; each is carried out at once.

Left out: conflicts, lost answers and the sending of messages.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident import IncidentStatus
from runbook_operator.api.incident_kind import Author, IncidentObject, parse_incident
from runbook_operator.api.parsing import RunbookObject, SwitchObject, parse_runbook
from runbook_operator.core.references import API_VERSION
from runbook_operator.incidents.incident_reconcile import next_step
from runbook_operator.incidents.incident_requeue import incident_due
from runbook_operator.incidents.incident_snapshot import IncidentSnapshot, Outcome
from runbook_operator.incidents.opening import opening
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import ClearAcknowledgement, CreateIncident, DeleteIncident, WriteStatus
from tests.builders import NAMESPACE, NOW, Body, runbook_body

METRIC = {"name": "error-rate", "query": "errors", "critical": "> 5%", "severity": "SEV2"}
OTHER = {"name": "latency", "query": "latency", "critical": "> 2", "severity": "SEV3"}
MANY = 10


class IncidentStory:
    """`now` is the clock; `deleted` is True once the incident was deleted for its age."""

    def __init__(self, **spec: Any) -> None:
        self.now = NOW
        self.runbook: Body | None = runbook_body(**{"metrics": [METRIC, OTHER]} | spec)
        self.statuses: dict[str, list[Body]] = {"metrics": [], "dependencies": [], "healthEndpoints": []}
        self.targets: list[Body] = []
        self.incident: IncidentObject | None = None
        self.others: tuple[IncidentObject, ...] = ()
        self.switches: dict[str, SwitchObject] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.deleted = False

    def level(self, name: str, level: str, section: str = "metrics", **fields: Any) -> "IncidentStory":
        """Give an entry this level from now on."""
        entries = [one for one in self.statuses[section] if one["name"] != name]
        entry = {"name": name, "level": level, "since": timestamp(self.now), "message": f"it is {level}"} | fields
        self.statuses[section] = [*entries, entry]
        return self

    def after(self, **time: float) -> "IncidentStory":
        self.now += timedelta(**time)
        return self

    def parsed(self) -> RunbookObject | None:
        if self.runbook is None:
            return None
        return parse_runbook(self.runbook | {"status": {**self.statuses, "targets": self.targets}})

    def step(self) -> CreateIncident | None:
        """Return the step by which the Runbook opens an incident."""
        runbook = self.parsed()
        assert runbook is not None
        incidents = (*self.others, *([self.incident] if self.incident else ()))
        return opening(RunbookSnapshot(runbook, {}, {}, self.now, incidents=incidents))

    def opened(self) -> "IncidentStory":
        """Open the incident that the Runbook asks for, and settle it."""
        step = self.step()
        assert step is not None
        self.create(step.name, step.spec.model_dump(by_alias=True, exclude_none=True))
        return self

    def create(self, name: str = "shop-1", spec: Body | None = None, by: str = "", **meta: Any) -> "IncidentStory":
        """Create an incident with this spec, as a person does if its cause says so."""
        usual = {"runbook": "shop", "title": "The shop is slow", "severity": "SEV3"}
        body = {
            "apiVersion": API_VERSION,
            "kind": "Incident",
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "uid": f"uid-{name}",
                "resourceVersion": "1",
                "generation": 1,
                "creationTimestamp": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            | meta,
            "spec": spec or usual,
        }
        self.incident = replace(parse_incident(body), opened=Author(by, ""))
        self.settle()
        return self

    def says(self, by: str = "alice", **spec: Any) -> "IncidentStory":
        """Change the spec as a person does, and settle."""
        incident = self._incident()
        author = Author(by, timestamp(self.now))
        meta = replace(incident.meta, generation=incident.meta.generation + 1)
        changed = replace(incident, meta=meta, spec=incident.spec.replace(**spec))
        self.incident = replace(
            changed,
            acknowledged=author if "acknowledged" in spec else changed.acknowledged,
            resolved=author if "resolved" in spec else changed.resolved,
            note=author if "note" in spec else changed.note,
        )
        self.settle()
        return self

    def snapshot(self) -> IncidentSnapshot:
        return IncidentSnapshot(
            self._incident(), self.parsed(), self.now, self.switches, self.others, dict(self.outcomes)
        )

    def settle(self) -> "IncidentStory":
        """Carry out steps until none is left."""
        for _ in range(MANY):
            if not self.take():
                return self
        raise AssertionError(f"not settled after {MANY} steps")

    def take(self) -> bool:
        """Carry out one step; return False if there is none."""
        step = None if self.deleted else next_step(self.snapshot())
        incident = self._incident()
        match step:
            case WriteStatus(status=IncidentStatus() as status):
                self.incident = replace(incident, status=IncidentStatus.model_validate(status.model_dump()))
            case ClearAcknowledgement():
                self.incident = replace(incident, spec=incident.spec.replace(acknowledged=None))
            case DeleteIncident():
                self.deleted = True
        return step is not None

    def due(self) -> datetime | None:
        return incident_due(self.snapshot())

    @property
    def status(self) -> IncidentStatus:
        return self._incident().status

    @property
    def kinds(self) -> list[str]:
        """The kinds of the timeline's entries."""
        return [one.kind for one in self.status.timeline]

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(one for one in self.status.conditions if one.type == kind)
        return found.status, found.reason

    def _incident(self) -> IncidentObject:
        assert self.incident is not None
        return self.incident
