"""Objects as the API server gives them, and a world that is moved by the steps that are asked of it.

`Simulation` stands in for the API server in decisions' tests: it carries out each step at once and without failing.
What it leaves out (conflicts, refusals, lost answers, other controllers) the e2e tests have from a real server.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_operator.api.objects import RunbookObject, SwitchObject, parse_runbook, parse_switch
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.decide.switch import next_step
from runbook_operator.model.notices import Notice
from runbook_operator.model.refs import API_VERSION, Ref, switch_ref
from runbook_operator.model.seen import Seen
from runbook_operator.observe.store import Store
from runbook_operator.observe.worlds import switch_world
from runbook_operator.plan.steps import Act, SetFinalizers, SpringBack, Step, WriteStatus
from runbook_operator.plan.world import World

NAMESPACE = "shop"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WEB = Ref("apps/v1", "Deployment", NAMESPACE, "web")
Body = dict[str, Any]


def scale(**amount: Any) -> Body:
    return {"scale": {"target": "web"} | amount}


def kill_switch(name: str = "stop", *actions: Body, **rest: Any) -> Body:
    return {"name": name, "actions": list(actions) or [scale(replicas=0)]} | rest


def runbook_body(name: str = "shop", *, uid: str = "rb-1", **spec: Any) -> Body:
    """A Runbook with the target `web` and the kill switch `stop`, unless `spec` says otherwise."""
    usual: Body = {
        "title": "Shop",
        "targets": [{"name": "web", "workload": {"name": "web"}}],
        "killSwitches": [kill_switch()],
    }
    meta = {"name": name, "namespace": NAMESPACE, "uid": uid, "resourceVersion": "1", "generation": 1}
    return {"apiVersion": API_VERSION, "kind": "Runbook", "metadata": meta, "spec": usual | spec}


def switch_body(entry: str = "stop", *, runbook: str = "shop", **spec: Any) -> Body:
    meta = {
        "name": f"{runbook}-{entry}",
        "namespace": NAMESPACE,
        "uid": f"uid-{entry}",
        "resourceVersion": "1",
        "generation": 1,
        "ownerReferences": [{"uid": "rb-1"}],
    }
    named = {"runbook": runbook, "switch": entry}
    return {"apiVersion": API_VERSION, "kind": "Switch", "metadata": meta, "spec": named | spec}


def runbook(**spec: Any) -> RunbookObject:
    return parse_runbook(runbook_body(**spec))


def switch(entry: str = "stop", **spec: Any) -> SwitchObject:
    return parse_switch(switch_body(entry, **spec))


def seen(replicas: int = 3, *, uid: str = "web-1", version: str = "1", manager: str = "", ref: Ref = WEB) -> Seen:
    return Seen(ref, uid, version, replicas, manager)


@dataclass
class Simulation:
    """Switches of one Runbook and their targets; `drive` carries out what is asked for until nothing is."""

    store: Store = field(default_factory=Store)
    now: datetime = NOW
    steps: list[Step] = field(default_factory=list)
    said: list[Notice] = field(default_factory=list)
    ids: int = 0

    def with_runbook(self, **spec: Any) -> "Simulation":
        parsed = runbook(**spec)
        self.store.runbooks[parsed.meta.ref] = parsed
        for entry in parsed.spec.switches() if parsed.spec else ():
            ref = switch_ref(NAMESPACE, f"shop-{entry}")
            if ref not in self.store.switches:
                self.store.put(switch_body(entry))
        return self

    def with_target(self, replicas: int = 3, **rest: Any) -> "Simulation":
        self.store.put_target(seen(replicas, **rest))
        return self

    def without_target(self) -> "Simulation":
        self.store.targets.pop(WEB, None)
        return self

    def switch(self, entry: str = "stop") -> SwitchObject:
        return self.store.switches[switch_ref(NAMESPACE, f"shop-{entry}")]

    def status(self, entry: str = "stop") -> SwitchStatus:
        return self.switch(entry).status

    @property
    def replicas(self) -> int:
        target = self.store.targets[WEB]
        assert isinstance(target, Seen)
        return target.replicas

    def throw(self, entry: str = "stop", *, reason: str = "INC-42") -> "Simulation":
        return self._say(entry, engaged=True, reason=reason)

    def release(self, entry: str = "stop") -> "Simulation":
        return self._say(entry, engaged=None, reason="")

    def delete(self, entry: str = "stop") -> "Simulation":
        old = self.switch(entry)
        return self._put(replace(old, meta=replace(old.meta, deleting=True)))

    def world(self, entry: str = "stop", latency: int | None = None) -> World:
        self.ids += 1
        self.now += timedelta(milliseconds=1)
        return switch_world(self.store, self.switch(entry), now=self.now, new_id=f"id-{self.ids}", latency=latency)

    def drive(self, *entries: str, at_most: int = 20) -> "Simulation":
        """Carry out the steps of each switch until it is settled, or `at_most` steps were done: then it crashed."""
        for entry in entries or ("stop",):
            for _ in range(at_most):
                step = next_step(self.world(entry))
                if step is None:
                    break
                self._carry_out(entry, step)
        return self

    def _carry_out(self, entry: str, step: Step) -> None:
        self.steps.append(step)
        old = self.switch(entry)
        match step:
            case SetFinalizers():
                self._put(replace(old, meta=replace(old.meta, finalizers=step.finalizers)))
            case WriteStatus():
                assert isinstance(step.status, SwitchStatus)
                self.said += step.notices
                self._put(replace(old, status=step.status))
            case SpringBack():
                self._say(entry, engaged=None, reason=old.spec.reason)
            case Act():
                self.said += step.notices
                target = self.store.targets[step.effect.ref]
                assert isinstance(target, Seen)
                assert (target.uid, target.resource_version) == (step.effect.uid, step.effect.resource_version)
                version = str(int(target.resource_version) + 1)
                self.store.put_target(replace(target, replicas=step.effect.replicas, resource_version=version))

    def _say(self, entry: str, *, engaged: bool | None, reason: str) -> "Simulation":
        old = self.switch(entry)
        spec = old.spec.model_copy(update={"engaged": engaged, "reason": reason})
        return self._put(replace(old, spec=spec, meta=replace(old.meta, generation=old.meta.generation + 1)))

    def _put(self, new: SwitchObject) -> "Simulation":
        self.store.switches[new.meta.ref] = new
        self.store._namespaces[NAMESPACE][new.meta.ref] = new
        return self


def condition(status: SwitchStatus, kind: str) -> tuple[str, str, str]:
    """Status, reason and message of one condition."""
    found = next(one for one in status.conditions if one.type == kind)
    return found.status, found.reason, found.message


def kinds(steps: list[Step]) -> list[str]:
    return [type(step).__name__ for step in steps]
