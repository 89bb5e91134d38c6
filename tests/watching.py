"""A Runbook that watches, and what it is told of what it watches, without anybody who asks.

`Watching` stands in for the sensor and for the API server: a reading is taken into the senses as the sensor does it,
and `look` carries out what is decided until nothing is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from runbook_operator.api.conditions import Condition, find
from runbook_operator.api.parsing import RunbookObject, SwitchObject, parse_runbook
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import Hold
from runbook_operator.core.level_tracker import advance
from runbook_operator.core.monitors import Group, Key, MonitorState, Reading, level_of
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import ObservedObject, observed_from
from runbook_operator.core.query_languages import Languages
from runbook_operator.core.references import Ref
from runbook_operator.core.signals import Signal, Source
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.entry_status import signals
from runbook_operator.monitoring.message_kind import kind_of
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import WriteStatus
from runbook_operator.runbooks.runbook_reconcile import next_step
from tests.builders import NAMESPACE, NOW, WEB, Body, kill_switch, runbook_body, switch, unseen, workload_body

One = TypeVar("One")
SERVICE = Ref("v1", "Service", NAMESPACE, "web")
TARGET: Body = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}
READY: Body = {"name": "ready", "target": "web", "meaning": "Service can handle traffic"}
MODEL: Body = {
    "name": "model",
    "check": {"tcp": {"service": {"name": "model"}}},
    "impactIfDown": "No AI responses",
    "targets": ["web"],
    "fallback": {"engage": "stop"},
}
ERRORS: Body = {
    "name": "error-rate",
    "query": "error_ratio",
    "normal": "< 1%",
    "warning": "> 5%",
    "critical": "> 10%",
    "response": {"likelyCause": "Deployment", "firstAction": {"engage": "stop"}},
}


def service_body(name: str = "web") -> Body:
    meta = {"name": name, "namespace": NAMESPACE, "uid": f"svc-{name}", "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}}


def watching(**spec: Any) -> RunbookObject:
    usual: Body = {"targets": [TARGET], "killSwitches": [kill_switch("stop"), kill_switch("halt")]}
    return parse_runbook(runbook_body(**(usual | spec)))


@dataclass
class Watching:
    """See above."""

    runbook: RunbookObject
    now: datetime = NOW
    monitor_states: dict[Key, MonitorState] = field(default_factory=dict)
    switches: dict[str, SwitchObject] = field(
        default_factory=lambda: {f"shop-{one}": switch(one) for one in ("stop", "halt")}
    )
    observed: Mapping[Ref, ObservedObject] = field(
        default_factory=lambda: {
            WEB: observed_from(workload_body()),
            SERVICE: observed_from(service_body(), whole=True),
        }
    )
    languages: Languages = field(default_factory=dict)
    writes: int = 0
    said: list[Notice] = field(default_factory=list)

    @property
    def snapshot(self) -> RunbookSnapshot:
        found = {**unseen(self.runbook), **self.observed}
        return RunbookSnapshot(
            self.runbook, self.switches, found, self.now, monitor_states=self.monitor_states, languages=self.languages
        )

    @property
    def status(self) -> RunbookStatus:
        return self.runbook.status

    @property
    def messages(self) -> list[str]:
        """What was said, each as `Reason: message`."""
        return [f"{one.reason}: {one.message}" for one in self.said]

    def after(self, **time: float) -> "Watching":
        self.now += timedelta(**time)
        return self

    def read(self, group: Group, name: str, reading: Reading) -> "Watching":
        """An answer comes."""
        key = Key(self.runbook.meta.ref, group, name)
        watch = next(one for one in watches(self.runbook, self.languages).watches if one.key == key)
        track = self.monitor_states[key].track if key in self.monitor_states else None
        level = level_of(watch, reading, track)
        steady = key not in self.monitor_states or kind_of(self.monitor_states[key].reading) == kind_of(reading)
        new = advance(track, level, reading.value, reading.reason, self.now, watch.timing)
        self.monitor_states[key] = MonitorState(new, reading, steady)
        return self

    def last(self, group: Group, name: str, reading: Reading, minutes: int = 3) -> "Watching":
        """The same answer comes for so long that it counts, a look after each."""
        for _ in range(minutes * 4 + 1):
            self.read(group, name, reading).look().after(seconds=15)
        return self

    def look(self) -> "Watching":
        """Carry out what is decided; a Runbook whose switches are there needs no more than its status."""
        while (step := next_step(self.snapshot)) is not None:
            assert isinstance(step, WriteStatus)
            assert isinstance(step.status, RunbookStatus)
            self.writes += 1
            self.said += step.notices
            self.runbook = replace(self.runbook, status=step.status)
            assert self.writes < 100, "it is written again and again"
        return self

    def edit(self, **spec: Any) -> "Watching":
        """Somebody edits the Runbook; what was known is known of the entries that are the same."""
        edited = watching(**spec)
        meta = replace(edited.meta, generation=self.runbook.meta.generation + 1)
        self.runbook = replace(edited, meta=meta, status=self.runbook.status)
        keys = {one.key for one in watches(self.runbook, self.languages).watches}
        self.monitor_states = {key: monitor_state for key, monitor_state in self.monitor_states.items() if key in keys}
        return self

    def holding(self, source: Source, name: str, entry: str = "stop") -> "Watching":
        """A Switch that is held."""
        old = self.switches[f"shop-{entry}"]
        hold = Hold(source=source, name=name, since="2026-11-24T03:00:00Z")
        status = old.status.replace(holds=[*old.status.holds, hold])
        self.switches[f"shop-{entry}"] = replace(old, status=status)
        return self

    def heard(self, entry: str = "stop") -> dict[str, Signal]:
        """What a Switch is told, by the name of who says it."""
        return {one.name: one for one in signals(self.snapshot).get(entry, ())}

    def condition(self, kind: str) -> Condition:
        found = find(self.status.conditions, kind)
        assert found, f"there is no condition {kind}"
        return found


def only(told: Sequence[One]) -> One:
    (one,) = told
    return one
