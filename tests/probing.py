"""A Runbook whose health endpoints are its workload's own probes, and an API server that carries out what it asks for.

Every status goes through JSON, as it does in a cluster. Watches tell of a Deployment without its template, so that a
visit has to read it; `reads` counts how often. Left out: validation, defaults, and all that a rollout takes time for.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from runbook_operator.api.parsing import RunbookObject, SwitchObject, parse_runbook
from runbook_operator.api.probe_status import ProbeStatus
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import FieldRecord, Record, SwitchStatus
from runbook_operator.cache.failed_writes import WriteHistories
from runbook_operator.controller.status_writer import dump
from runbook_operator.core.desired_fields import TEMPLATE, Mode
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import ALWAYS_WATCHED, Missing, ObservedObject, absent, observed_from
from runbook_operator.core.queries import AccessReview, Find, HasAccount, NeedsRead, Query, Read, ReviewResult
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import MANAGER, Ref, meta_of
from runbook_operator.core.write_failures import Failed, FieldKey, WriteHistory
from runbook_operator.core.writes import Patch
from runbook_operator.probes.probe_reconcile import next_step
from runbook_operator.reconcile.snapshot import Policy, RunbookSnapshot
from runbook_operator.reconcile.steps import DeleteSwitch, RunbookStep, SetFinalizers, WriteProbes, WriteStatus
from runbook_operator.reconcile.write_answers import answers
from tests.builders import ACCOUNT, NAMESPACE, NOW, WEB, Body, patched, runbook_body, switch, unseen

SERVICE = Ref("v1", "Service", NAMESPACE, "web")
RUNBOOK = Ref("runbooks.dev/v1alpha1", "Runbook", NAMESPACE, "shop")
PORTS = [{"name": "http", "containerPort": 8080}]
ROLLED_OUT = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}


def get(path: str = "/ready", port: Any = "http", **rest: Any) -> Body:
    """An httpGet of a probe."""
    return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}, **rest}


def endpoint(path: str = "/health/ready", *, name: str = "ready", **rest: Any) -> Body:
    """A health endpoint that is declared to be the readiness probe."""
    return {"name": name, "target": "web", "path": path, "probe": "readiness"} | rest


def container(name: str = "app", /, **probes: Body) -> Body:
    return {"name": name, "image": "app", "ports": PORTS, **probes}


def workload(*containers: Body, ref: Ref = WEB, status: Body | None = None, **spec: Any) -> Body:
    """The workload `web` with these containers, all of its pods rolled out."""
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": NAMESPACE, "uid": "web-1", "resourceVersion": "1", "generation": 1},
        "spec": {"replicas": 3, "template": {"spec": {"containers": list(containers)}}} | spec,
        "status": {"observedGeneration": 1, **ROLLED_OUT, **(status or {})},
    }


def service(target: Any = "http", **port: Any) -> Body:
    meta = {"name": "web", "namespace": NAMESPACE, "uid": "svc-1", "resourceVersion": "1"}
    ports = [{"name": "web", "port": 80, "targetPort": target} | port]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"selector": {"app": "web"}, "ports": ports},
    }


@dataclass
class Story:
    """`look` visits the Runbook until it is settled, as the reconciler does."""

    objects: dict[Ref, Body] = field(default_factory=dict)
    now: datetime = NOW
    runbook: RunbookObject = field(init=False)
    switches: dict[str, SwitchObject] = field(default_factory=dict)
    write_histories: dict[FieldKey, WriteHistory] = field(default_factory=dict)
    kept: list[Body] = field(default_factory=list)
    steps: list[RunbookStep] = field(default_factory=list)
    said: list[Notice] = field(default_factory=list)
    reads: int = 0
    denied: set[Ref] = field(default_factory=set)
    lacking: set[Query] = field(default_factory=set)
    policy: Policy = field(default_factory=Policy)
    admit: Callable[[Body], Body] = dict
    """What an admission policy makes of a workload that is written."""
    late: dict[Ref, Body] = field(default_factory=dict)
    """What a watch tells of as a whole, and not in time."""

    def declares(self, *endpoints: Body, ref: Ref = WEB, **spec: Any) -> "Story":
        """An edit of the Runbook: from now on it says this."""
        parts = {
            "workload": {"apiVersion": ref.api_version, "kind": ref.kind, "name": "web"},
            "service": {"name": "web"},
        }
        usual: Body = {"targets": [{"name": "web"} | parts], "healthEndpoints": list(endpoints), "killSwitches": []}
        new = parse_runbook(runbook_body(**(usual | spec)))
        if hasattr(self, "runbook"):
            meta = replace(self.runbook.meta, generation=self.runbook.meta.generation + 1)
            new = replace(new, meta=meta, status=self.runbook.status)
        self.runbook = new
        return self

    def has(self, *bodies: Body) -> "Story":
        self.objects |= {meta_of(one).ref: deepcopy(one) for one in bodies}
        return self

    def edit(self, probe: Body | None, *, of: str = "readinessProbe", manager: str = "kubectl", **more: Any) -> "Story":
        """Somebody writes the probe of the first container, and whatever else of it, and it is rolled out."""
        body = self.objects[WEB]
        first, *rest = body["spec"]["template"]["spec"]["containers"]
        new = {key: value for key, value in (first | {of: probe} | more).items() if value is not None}
        self._write(WEB, {"spec": {"template": {"spec": {"containers": [new, *rest]}}}})
        self._note(WEB, manager)
        return self.roll_out()

    def is_rolling(self, **status: Any) -> "Story":
        """The pods are being replaced."""
        self.objects[WEB]["status"] |= {"updatedReplicas": 1, **status}
        return self

    def roll_out(self) -> "Story":
        """The workload's controller has taken up the template, and all pods are of it."""
        for body in self.objects.values():
            if "template" in body["spec"]:
                body["status"] |= {"observedGeneration": body["metadata"]["generation"], **ROLLED_OUT}
        return self

    def holds(self, held: str = TEMPLATE, mode: Mode = "Hold", name: str = "back", **entry: Any) -> "Story":
        """A switch of this Runbook holds a field of the workload."""
        of = FieldRecord(
            action="rollback", api_version="apps/v1", kind="Deployment", name="web", field=held, uid="web-1"
        )
        record = Record(
            engagement_id="e-1",
            engaged_at="",
            actions=[of.replace(**({"mode": mode, "result": "Applied"} | entry))],
        )
        self.switches[f"shop-{name}"] = replace(switch(name), status=SwitchStatus(record=record))
        return self

    def lets_go(self, name: str = "back") -> "Story":
        found = self.switches[f"shop-{name}"]
        self.switches[f"shop-{name}"] = replace(found, status=SwitchStatus())
        return self

    def fails(
        self, ref: Ref = WEB, place: str = TEMPLATE, reason: Reason = Reason.FORBIDDEN, seconds: float = 5
    ) -> "Story":
        """A write was refused just now."""
        failed = Failed(
            reason, "403", fatal=True, attempts=1, since=self.now, due=self.now + timedelta(seconds=seconds)
        )
        self.write_histories[(ref, place)] = WriteHistory(failed)
        return self

    def restart(self) -> "Story":
        """Another process takes over, which remembers no write."""
        self.write_histories.clear()
        return self

    def after(self, **time: float) -> "Story":
        self.now += timedelta(**time)
        return self

    def deletes(self) -> "Story":
        """Somebody deletes the Runbook."""
        self.runbook = replace(self.runbook, meta=replace(self.runbook.meta, deleting=True))
        return self

    def look(self, *, thorough: bool = True, at_most: int = 30) -> "Story":
        """One visit; `at_most` so many steps are done, after which the process is gone."""
        answers: dict[Query, Any] = {}
        for _ in range(at_most):
            step = self.step(answers, thorough=thorough)
            if step is None:
                return self
            self._carry_out(step)
        if at_most < 30:  # the usual number
            return self
        raise AssertionError("it is never settled")

    def step(self, answers: dict[Query, Any], *, thorough: bool = True) -> RunbookStep | None:
        for _ in range(10):
            try:
                return next_step(self.snapshot(answers, thorough=thorough))
            except NeedsRead as needed:
                answers |= {query: self._answer(query) for query in needed.queries}
        raise AssertionError("the same is asked again and again")

    def snapshot(self, answers: Mapping[Query, Any] | None = None, *, thorough: bool = True) -> RunbookSnapshot:
        found = {
            ref: observed_from(body)
            for ref, body in self.objects.items()
            if (ref.api_version, ref.kind) in ALWAYS_WATCHED
        }
        observed = unseen(self.runbook) | found
        observed |= {ref: observed_from(body, whole=True) for ref, body in self.late.items()}
        for query in answers or ():
            if isinstance(query, Read):
                observed[query.ref] = self._read(query.ref)
        return RunbookSnapshot(
            self.runbook,
            self.switches,
            observed,
            self.now,
            answers or {},
            thorough,
            write_histories=self.write_histories,
            policy=self.policy,
        )

    @property
    def probes(self) -> list[ProbeStatus]:
        return self.runbook.status.probes

    @property
    def told(self) -> ProbeStatus:
        """What is told of the only one."""
        (one,) = self.probes
        return one

    @property
    def live(self) -> Any:
        """The first container's readiness probe."""
        return self.objects[WEB]["spec"]["template"]["spec"]["containers"][0].get("readinessProbe")

    @property
    def adjusted(self) -> list[WriteProbes]:
        return [one for one in self.steps if isinstance(one, WriteProbes)]

    def events(self, reason: Reason) -> list[str]:
        """What was said of the Runbook for that reason."""
        return [one.message for one in self.said if one.reason is reason and one.about.kind == "Runbook"]

    def _read(self, ref: Ref) -> ObservedObject | Missing:
        if ref in self.denied:
            return Missing(ref, Reason.FORBIDDEN, f"GET {ref}: 403")
        return observed_from(self.objects[ref], whole=True) if ref in self.objects else absent(ref)

    def _answer(self, query: Query) -> Any:
        match query:
            case Read(ref):
                self.reads += 1
                return self._read(ref)
            case Find():
                return tuple(self.kept)
            case AccessReview() | HasAccount():
                return ReviewResult(query not in self.lacking, ACCOUNT.user if query in self.lacking else "")
        raise AssertionError(query)

    def _carry_out(self, step: RunbookStep) -> None:
        self.steps.append(step)
        match step:
            case WriteStatus(status=RunbookStatus() as status):
                self.said += step.notices
                self.runbook = replace(self.runbook, status=RunbookStatus.model_validate(dump(status)))
            case SetFinalizers():
                self.runbook = replace(self.runbook, meta=replace(self.runbook.meta, finalizers=step.finalizers))
            case DeleteSwitch():
                name = step.meta.ref.name
                self.switches[name] = replace(self.switches[name], meta=replace(step.meta, deleting=True))
            case WriteProbes(effect=Patch() as patch) as adjust:
                meta = self.objects[patch.ref]["metadata"]
                assert (patch.uid, patch.resource_version) == (meta["uid"], meta["resourceVersion"])
                self._write(patch.ref, dict(patch.patch))
                self.objects[patch.ref] = self.admit(self.objects[patch.ref])
                self._note(patch.ref, MANAGER)
                found = answers(adjust, observed_from(self.objects[patch.ref], whole=True))
                WriteHistories({RUNBOOK: self.write_histories}).answered(RUNBOOK, adjust.field_keys, found, self.now)

    def _note(self, ref: Ref, manager: str) -> None:
        """The API server notes who wrote the spec last."""
        writes = {"manager": manager, "time": "2026-11-24T03:00:00Z", "fieldsV1": {"f:spec": {}}}
        self.objects[ref]["metadata"] |= {"managedFields": [writes]}

    def _write(self, ref: Ref, patch: Body) -> None:
        body = patched(self.objects[ref], patch)
        meta = body["metadata"]
        version = {"resourceVersion": str(int(meta["resourceVersion"]) + 1), "generation": meta["generation"] + 1}
        self.objects[ref] = {**body, "metadata": {**meta, **version}}
