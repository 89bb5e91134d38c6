"""Two acts of the operator on one target, carried out on simulated objects for the table in tests/pairs.py."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from runbook_operator.api.deployment_guard_spec import GoodRevision, JudgedRevision, WatchedRevision
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.cache.snapshot_builder import runbook_snapshot
from runbook_operator.core.level_tracker import Level, Track
from runbook_operator.core.monitors import Key, MonitorState, Reading
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.core.references import API_VERSION, MANAGER, Ref
from runbook_operator.core.writes import Patch
from runbook_operator.deployments import guard
from runbook_operator.reconcile.steps import SetFinalizers, WriteProbes, WriteStatus
from runbook_operator.reconcile.write_answers import answers
from runbook_operator.runbooks import runbook_reconcile
from tests.builders import NAMESPACE, WEB, Body, Simulation, condition, runbook_body
from tests.pairs import KINDS
from tests.revisions import UID, kept, roll_out, template, workload

CRON_JOB = Ref("batch/v1", "CronJob", NAMESPACE, "backup")
COUNTS = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
ERRORS: Body = {"name": "error-rate", "query": "errors", "unit": "ratio", "critical": "> 10%"}
BEGAN = "2026-11-24T03:00:00Z"
WATCHED = WatchedRevision(revision=2, since=BEGAN, until="2026-11-24T03:30:00Z")
DEPLOYED = JudgedRevision(revision=2, verdict="Watching", since=BEGAN)
"""Version two was deployed just now, and the guard watches it."""
CONTACTS: list[Body] = [{"name": "team", "role": "On call", "notify": "slack"}]


class Both:
    """Two acts, `first` and `second`, in one Runbook or in `shop` and `other`, on one Deployment and one CronJob."""

    def __init__(self, first: str, second: str, *, another: bool) -> None:
        self.kinds, self.another = {"first": KINDS[first], "second": KINDS[second]}, another
        self.on = {"first": False, "second": False}
        self.simulation = Simulation()
        for body in _objects():
            self.simulation.with_object(body)
        self.edition = 0
        self.declare()
        self.before = self.state

    def set(self, name: str, *, on: bool) -> "Both":
        """Throw or release a switch; of a probe, `enforce` is edited."""
        self.on[name] = on
        if self.kinds[name].section == "healthEndpoints":
            self.declare()
            return self
        if self.kinds[name].guard:
            return self.settle()
        moved = self.simulation.throw if on else self.simulation.release
        moved(self._entry(name))
        return self.settle()

    @property
    def live(self) -> dict[str, object]:
        """What is live and was not there before both."""
        return {key: value for key, value in self.state.items() if value != self.before[key]}

    @property
    def state(self) -> dict[str, object]:
        spec = self.simulation.objects[WEB]["spec"]
        container, meta = spec["template"]["spec"]["containers"][0], spec["template"]["metadata"]
        env = {one["name"]: one.get("value") for one in container["env"]}
        return {
            "replicas": self.simulation.replicas,
            "version": env["VERSION"],
            "flag": env.get("AI"),
            "restarted": RESTARTED_AT in (meta.get("annotations") or {}),
            "probe": (container.get("readinessProbe") or {}).get("httpGet", {}).get("path"),
            "suspended": self.simulation.objects[CRON_JOB]["spec"]["suspend"],
            "jobs": sum(ref.kind == "Job" for ref in self.simulation.objects),
            "notices": sum(ref.kind == "Event" for ref in self.simulation.objects),
        }

    def report(self, name: str) -> str:
        """The message of the switch's condition, of the probe's status, or of the revision that the guard watches."""
        if self.kinds[name].section == "healthEndpoints":
            runbook = self.simulation.store.runbooks[self._runbook(name)]
            return next(one.message for one in runbook.status.probes if one.name == name)
        kind = "Acted" if self._is_momentary(name) else "Engaged"
        text = condition(self.simulation.status(self._entry(name)), kind)[2]
        return self._verdict(name) if self.kinds[name].guard and not text else text

    def _verdict(self, name: str) -> str:
        """Why the guard has not engaged its switch."""
        return self.simulation.store.runbooks[self._runbook(name)].status.targets[0].verdicts[0].reason

    def declare(self) -> None:
        """The Runbooks as they are to be now."""
        self.edition += 1
        for ref in dict.fromkeys(map(self._runbook, self.on)):
            spec: Body = {"killSwitches": [], "scaling": [], "healthEndpoints": [], "targets": _targets()}
            spec |= {"contacts": CONTACTS, "metrics": [ERRORS]}
            for name in (one for one in self.on if self._runbook(one) == ref):
                spec[self.kinds[name].section].append(self._declared(name))
                if self.kinds[name].guard:
                    spec["deployments"] = {"firstAction": {"engage": name}}
            self._put(ref, spec)
        self.settle()

    def settle(self) -> "Both":
        """Visit everything until nothing is left to do; the Deployment's controller takes up each template."""
        for _ in range(30):
            before = len(self.simulation.steps)
            for name in (one for one in self.on if self.kinds[one].section != "healthEndpoints"):
                self.simulation.drive(self._entry(name))
            for ref in tuple(self.simulation.store.runbooks):
                self._visit(ref)
                self._hear(ref)
            if len(self.simulation.steps) == before:
                return self
            self._roll_out()
        raise AssertionError("the two never come to rest")

    def _roll_out(self) -> None:
        """The controllers take up the template and the number of replicas, and run the Jobs."""
        for ref in [ref for ref, one in self.simulation.objects.items() if ref.kind == "Job" and "status" not in one]:
            done = {"conditions": [{"type": "Complete", "status": "True"}], "startTime": BEGAN, "completionTime": BEGAN}
            self.simulation.change(ref, {"status": done}, "kube-controller-manager")
        body = self.simulation.objects[WEB]
        counts = dict.fromkeys(COUNTS, body["spec"]["replicas"])
        if body["status"] != body["status"] | counts:
            self.simulation.change(WEB, {"status": counts}, "kube-controller-manager")
        roll_out(self.simulation.after(seconds=3))

    def _declared(self, name: str) -> Body:
        entry = deepcopy(self.kinds[name].entry) | {"name": name}
        return entry | ({"enforce": self.on[name]} if self.kinds[name].section == "healthEndpoints" else {})

    def _put(self, ref: Ref, spec: Body) -> None:
        """A Runbook whose status stays; revision 1 is known good."""
        store = self.simulation.store
        old = store.runbooks.get(ref)
        body = runbook_body(ref.name, uid=f"rb-{ref.name}", **spec)
        body["metadata"] |= {"resourceVersion": str(self.edition), "generation": self.edition}
        store.put(body)
        known = TargetStatus(name="web", found=True, uid=UID, good=[GoodRevision(revision=1)])
        if "deployments" in spec:
            known = known.replace(watch=WATCHED, verdicts=[DEPLOYED])
        new = store.runbooks[ref]
        status = old.status if old else RunbookStatus(targets=[known])
        finalizers = old.meta.finalizers if old else ()
        store.runbooks[ref] = replace(new, status=status, meta=replace(new.meta, finalizers=finalizers))
        self.simulation.with_switches(ref.name)

    def _visit(self, ref: Ref) -> None:
        simulation = self.simulation
        while (step := self._step(ref)) is not None:
            runbook = simulation.store.runbooks[ref]
            simulation.steps.append(step)
            if isinstance(step, SetFinalizers):
                meta = replace(runbook.meta, finalizers=step.finalizers)
                simulation.store.runbooks[ref] = replace(runbook, meta=meta)
            elif isinstance(step, WriteStatus):
                assert isinstance(step.status, RunbookStatus)
                simulation.said += step.notices
                simulation.store.runbooks[ref] = replace(runbook, status=step.status)
            else:
                assert isinstance(step, WriteProbes)
                self._adjust(ref, step)

    def _hear(self, ref: Ref) -> None:
        """The deployment guard reports what it judged."""
        store = self.simulation.store
        snapshot = runbook_snapshot(store, store.runbooks[ref], self.simulation.now, monitor_states=self._senses(ref))
        for entry, signals in guard.signals(snapshot).items():
            store.set_signals(self.simulation.switch(f"{ref.name}/{entry}").meta.ref, signals)

    def _senses(self, ref: Ref) -> dict[Key, MonitorState]:
        """The errors of the Deployment are Critical while the guard of this Runbook acts, and Ok otherwise."""
        own = [name for name in self.on if self._runbook(name) == ref]
        acts = any(self.on[name] and self.kinds[name].guard for name in own)
        level: Level = "Critical" if acts else "Ok"
        track = Track(level=level, since=self.simulation.now, known=level, data_at=self.simulation.now)
        return {Key(ref, "Metric", "error-rate"): MonitorState(track, Reading(value=0.12 if acts else 0.0))}

    def _adjust(self, ref: Ref, step: WriteProbes) -> None:
        assert isinstance(step.effect, Patch)
        simulation, target = self.simulation, step.effect.ref
        simulation.change(target, dict(step.effect.patch), manager=MANAGER)
        after = observed_from(simulation.objects[target], whole=True)
        simulation.write_histories.answered(ref, step.field_keys, answers(step, after), simulation.now)

    def _step(self, ref: Ref) -> Any:
        found: dict[Query, Any] = {}
        while True:
            simulation = self.simulation
            known, write_histories = simulation.store.runbooks[ref], simulation.write_histories.of(ref)
            rest = {"answers": found, "write_histories": write_histories, "monitor_states": self._senses(ref)}
            try:
                return runbook_reconcile.next_step(runbook_snapshot(simulation.store, known, simulation.now, **rest))
            except NeedsRead as needed:
                found |= {query: simulation.answer(query) for query in needed.queries}

    def _is_momentary(self, name: str) -> bool:
        return self.kinds[name].section == "scaling" or bool(self.kinds[name].entry.get("momentary"))

    def _entry(self, name: str) -> str:
        return f"{self._runbook(name).name}/{name}"

    def _runbook(self, name: str) -> Ref:
        return Ref(API_VERSION, "Runbook", NAMESPACE, "other" if self.another and name == "second" else "shop")


def _targets() -> list[Body]:
    cron_job = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "backup"}
    web = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}
    return [web, {"name": "backup", "workload": cron_job}]


def _objects() -> list[Body]:
    """A Deployment at its second revision, all rolled out, its Service, and a CronJob."""
    one, two = map(_template, ("one", "two"))
    web = workload(two, 2, status={"observedGeneration": 1, **dict.fromkeys(COUNTS, 3)})
    web["metadata"]["generation"] = 1
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    service = {"selector": {"app": "web"}, "ports": ports}
    pod = {"containers": [{"name": "backup", "image": "backup"}]}
    cron_job = {"suspend": False, "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    return [
        web,
        kept(one, 1),
        kept(two, 2),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service},
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup"}, "spec": cron_job},
    ]


def _template(version: str) -> Body:
    env = [{"name": "VERSION", "value": version}, {"name": "AI", "value": "on"}]
    return template(version, container={"env": env, "ports": [{"name": "http", "containerPort": 8080}]})
