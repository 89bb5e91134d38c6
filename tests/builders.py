"""Objects as the API server gives them, and a world that is moved by the steps that are asked of it.

`Simulation` stands in for the API server in decisions' tests: it carries out each step at once and without failing.
What it leaves out (conflicts, refusals, lost answers, other controllers) the e2e tests have from a real server.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.parsing import RunbookObject, SwitchObject, parse_runbook, parse_switch
from runbook_operator.api.switch import FINALIZER, SwitchStatus
from runbook_operator.cache.failed_writes import WriteHistories
from runbook_operator.cache.snapshot_builder import switch_snapshot
from runbook_operator.cache.store import Store
from runbook_operator.core.accounts import Account
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import ALWAYS_WATCHED, Missing, ObservedObject, absent, observed_from, scaled
from runbook_operator.core.queries import (
    AccessReview,
    Admission,
    Denied,
    DryRun,
    Find,
    HasAccount,
    NeedsRead,
    Probe,
    ProbeResult,
    Query,
    Read,
    ReviewResult,
)
from runbook_operator.core.references import API_VERSION, MANAGER, Ref, meta_of, switch_ref
from runbook_operator.core.signals import Signal, Source, Verdict
from runbook_operator.core.writes import Create, Delete, Patch
from runbook_operator.kube import errors
from runbook_operator.reconcile.snapshot import Policy, Snapshot
from runbook_operator.reconcile.steps import (
    Begin,
    ClearOverride,
    DeferStatus,
    SetFinalizers,
    Step,
    WriteStatus,
    WriteTarget,
)
from runbook_operator.reconcile.target_index import declared
from runbook_operator.reconcile.write_answers import answers
from runbook_operator.switches.engine import next_step
from runbook_operator.switches.switch_status import begun
from runbook_operator.switches.write_ahead_record import resaved
from tests.traffic import reported

NAMESPACE = "shop"
ACCOUNT = Account(NAMESPACE, "deployer")
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
        "uid": f"uid-{entry}" if runbook == "shop" else f"uid-{runbook}-{entry}",
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


def unseen(runbook: RunbookObject) -> dict[Ref, ObservedObject | Missing]:
    """Every declared target of a kind that is always watched, as absent: the base of what a world has seen."""
    return {ref: absent(ref) for ref in declared(runbook) if (ref.api_version, ref.kind) in ALWAYS_WATCHED}


def observed(
    replicas: int = 3, *, uid: str = "web-1", version: str = "1", manager: str = "", ref: Ref = WEB
) -> ObservedObject:
    """A workload as a watch tells of it, with the field manager of its replicas."""
    return observed_from(workload_body(replicas, uid=uid, version=version, manager=manager, ref=ref))


def workload_body(
    replicas: int = 3, *, uid: str = "web-1", version: str = "1", manager: str = "", ref: Ref = WEB, **spec: Any
) -> Body:
    metadata = {"name": ref.name, "namespace": ref.namespace, "uid": uid, "resourceVersion": version}
    writes = [{"manager": manager, "time": "2026-11-24T03:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": metadata | ({"managedFields": writes} if manager else {}),
        "spec": {"replicas": replicas} | spec,
    }


@dataclass
class Simulation:
    """Switches of one Runbook and their targets; `drive` carries out what is asked for until nothing is."""

    store: Store = field(default_factory=Store)
    now: datetime = NOW
    steps: list[Step] = field(default_factory=list)
    said: list[Notice] = field(default_factory=list)
    ids: int = 0
    write_histories: WriteHistories = field(default_factory=WriteHistories)
    error: errors.ApiError | None = None
    objects: dict[Ref, Body] = field(default_factory=dict)
    """What a read finds, beside the targets that a watch tells of."""
    query_supply: ProbeResult = field(default_factory=lambda: ProbeResult(200))
    reports: dict[str, Body] = field(
        default_factory=lambda: {"BackendTrafficPolicy": {"status": {"ancestors": [reported()]}}}
    )
    """By kind, what its controller reports at once on an object that is made."""
    trial: ReviewResult | Denied = field(default_factory=lambda: ReviewResult(allowed=True))
    """What a dry run answers."""
    lacking: set[Query] = field(default_factory=set)
    """What may not be done."""
    policy: Policy = field(default_factory=Policy)
    admit: Callable[[Body], Body] = dict
    """What an admission policy makes of an object that is written."""
    knows_all_writes: bool = True
    """Whether this process has seen the whole engagement."""
    record_first: bool = False
    """Which of the two writes that go out at once arrives first."""

    def with_object(self, body: Body) -> "Simulation":
        """An object of the namespace, as the API server has it; uid and resourceVersion are made up where absent."""
        body = deepcopy(body)
        meta = {"namespace": NAMESPACE, "uid": f"uid-{body['kind']}-{body['metadata']['name']}", "resourceVersion": "1"}
        body["metadata"] = meta | body["metadata"]
        ref = meta_of(body).ref
        self.objects[ref] = body
        if (ref.api_version, ref.kind) in ALWAYS_WATCHED or self.store.is_held(ref):
            self.store.put_target(observed_from(body, whole=self.store.is_held(ref)))
        return self

    def change(self, ref: Ref, patch: Body, manager: str = "kubectl-patch") -> "Simulation":
        """Somebody patches an object."""
        body = patched(self.objects[ref], patch)
        body["metadata"]["resourceVersion"] = str(int(body["metadata"]["resourceVersion"]) + 1)
        body["metadata"]["managedFields"] = [
            {
                "manager": manager,
                "time": "2026-11-24T03:00:00Z",
                "fieldsV1": {f"f:{key}": {} for key in patch if key != "metadata"} or {"f:metadata": {}},
            }
        ]
        return self.with_object(body)

    def remove(self, ref: Ref) -> "Simulation":
        """Somebody deletes an object."""
        self.objects.pop(ref, None)
        self.store.put_target(absent(ref))
        return self

    def live(self, kind: str, name: str) -> Body:
        """The object as it is now; a test that asks for one that is not there fails."""
        return next(body for ref, body in self.objects.items() if (ref.kind, ref.name) == (kind, name))

    def answer(self, query: Query) -> Any:
        """As the API server would; every kind is served."""
        match query:
            case Read():
                held = self.objects.get(query.ref)
                found = (
                    observed_from(held, whole=True, scalable="replicas" in (held.get("spec") or {})) if held else None
                )
                watched = self.store.targets.get(query.ref)
                if found is None and isinstance(watched, ObservedObject) and not watched.whole:
                    found = replace(watched, whole=True)
                self.store.put_target(found or absent(query.ref))
                return found or absent(query.ref)
            case Find():
                kind = (query.api_version, query.kind)
                bodies = (body for ref, body in self.objects.items() if (ref.api_version, ref.kind) == kind)
                about = query.fields.removeprefix("involvedObject.uid=")
                bodies = (one for one in bodies if not about or one["involvedObject"]["uid"] == about)
                return tuple(body for body in bodies if is_labelled(body, query.labels))
            case Probe():
                return self.query_supply
            case DryRun():
                return self.trial
            case Admission():
                target = self.store.targets[query.ref]
                assert isinstance(target, ObservedObject)
                return self.admit(patched({**target.body}, {"spec": {"replicas": query.replicas}}))["spec"]["replicas"]
            case AccessReview() | HasAccount():
                return ReviewResult(query not in self.lacking, ACCOUNT.user if query in self.lacking else "")

    def next_step(self, entry: str = "stop") -> Step | None:
        """What is decided, after all that is asked for was answered."""
        return self._look(entry)[1]

    def looked(self, entry: str = "stop") -> Snapshot:
        """The world with the answers to all that the next step asks for."""
        return self._look(entry)[0]

    def _look(self, entry: str) -> tuple[Snapshot, Step | None]:
        answers: dict[Query, Any] = {}
        for _ in range(10):
            snapshot = self.snapshot(entry, answers=answers)
            try:
                return snapshot, next_step(snapshot)
            except NeedsRead as needed:
                answers |= {query: self.answer(query) for query in needed.queries}
        raise AssertionError("the same is asked again and again")

    def with_runbook(self, **spec: Any) -> "Simulation":
        """Its switches are named by their entries, and by `name/entry` where its `name` is another one than shop."""
        parsed = runbook(**spec)
        self.store.runbooks[parsed.meta.ref] = parsed
        return self.with_switches(parsed.meta.ref.name)

    def with_switches(self, name: str) -> "Simulation":
        """The Switches that the Runbook of this name declares."""
        found = self.store.runbooks[Ref(API_VERSION, "Runbook", NAMESPACE, name)]
        for entry in found.spec.switches() if found.spec else ():
            ref = switch_ref(NAMESPACE, f"{name}-{entry}")
            if ref not in self.store.switches:
                self.store.put(switch_body(entry, runbook=name))
        return self

    def without_runbook(self, name: str = "shop") -> "Simulation":
        """It is gone, and its Switches are there still."""
        self.store.forget(Ref(API_VERSION, "Runbook", NAMESPACE, name))
        return self

    def deleting_runbook(self, name: str = "shop") -> "Simulation":
        """It is being deleted in the foreground: its Switches go first."""
        ref = Ref(API_VERSION, "Runbook", NAMESPACE, name)
        if (old := self.store.runbooks.get(ref)) is not None:
            self.store.runbooks[ref] = replace(old, meta=replace(old.meta, deleting=True))
        return self

    def with_policy(self, policy: Policy) -> "Simulation":
        self.policy = policy
        return self

    def with_target(self, replicas: int = 3, **rest: Any) -> "Simulation":
        self.store.put_target(observed(replicas, **rest))
        return self

    def without_target(self) -> "Simulation":
        self.store.targets.pop(WEB, None)
        return self

    def switch(self, entry: str = "stop") -> SwitchObject:
        name, _, own = entry.rpartition("/")
        return self.store.switches[switch_ref(NAMESPACE, f"{name or 'shop'}-{own}")]

    def status(self, entry: str = "stop") -> SwitchStatus:
        return self.switch(entry).status

    @property
    def is_there(self) -> bool:
        return isinstance(self.store.targets.get(WEB), ObservedObject)

    @property
    def target(self) -> ObservedObject:
        target = self.store.targets[WEB]
        assert isinstance(target, ObservedObject)
        return target

    @property
    def replicas(self) -> int:
        return self.target.replicas

    def throw(self, entry: str = "stop", *, reason: str = "INC-42", expires_after: str | None = None) -> "Simulation":
        return self.say(entry, engaged=True, reason=reason, expires_after=expires_after)

    def release(self, entry: str = "stop") -> "Simulation":
        return self.say(entry, engaged=None)

    def silence(self, entry: str = "stop", *, expires_after: str | None = None) -> "Simulation":
        return self.say(entry, engaged=False, expires_after=expires_after)

    def say(
        self,
        entry: str = "stop",
        *,
        engaged: bool | None,
        reason: str = "",
        expires_after: str | None = None,
        renewed_at: str = "",
    ) -> "Simulation":
        """A person's patch; the API server notes the writer and the time."""
        old = self.switch(entry)
        spec = old.spec.replace(engaged=engaged, reason=reason, expires_after=expires_after, renewed_at=renewed_at)
        said = ("kubectl-patch", timestamp(self.now)) if engaged is not None else ("", "")
        meta = replace(old.meta, generation=old.meta.generation + 1)
        return self._put(replace(old, spec=spec, meta=meta, override_author=said[0], override_time=said[1]))

    def annotate(self, entry: str = "stop") -> "Simulation":
        """A patch of metadata by the manager of the word moves its time in managedFields, and no generation."""
        return self._put(replace(self.switch(entry), override_time=timestamp(self.now)))

    def forget_who_said_it(self, entry: str = "stop") -> "Simulation":
        """As a Switch whose managedFields were stripped."""
        return self._put(replace(self.switch(entry), override_author="", override_time=""))

    def monitor_state(
        self,
        verdict: Verdict,
        entry: str = "stop",
        *,
        name: str = "error-rate",
        blind: bool = False,
        source: Source = "Metric",
    ) -> "Simulation":
        """The automatic source `name` says something about the switch."""
        ref = self.switch(entry).meta.ref
        others = (one for one in self.store.signals_of(ref) if one.name != name)
        self.store.set_signals(ref, (*others, Signal(source, name, verdict, "12% > 10%", blind)))
        return self

    def mark(self, entry: str = "stop") -> "Simulation":
        """The finalizer, as admission puts it on in the write of a throw."""
        old = self.switch(entry)
        return self._put(replace(old, meta=replace(old.meta, finalizers=(*old.meta.finalizers, FINALIZER))))

    def unprepared(self, entry: str = "stop") -> "Simulation":
        """As a Switch of which it was not known beforehand what a throw would save."""
        old = self.switch(entry)
        return self._put(replace(old, status=old.status.replace(prepared=None)))

    def delete(self, entry: str = "stop") -> "Simulation":
        old = self.switch(entry)
        return self._put(replace(old, meta=replace(old.meta, deleting=True)))

    def after(self, **time: float) -> "Simulation":
        self.now += timedelta(**time)
        return self

    def someone_sets(self, replicas: int, *, manager: str = "kubectl-scale") -> "Simulation":
        """Another writer changes the target."""
        version = str(int(self.target.resource_version) + 1)
        self.store.put_target(observed(replicas, uid=self.target.uid, version=version, manager=manager))
        return self

    def refuse(self, error: errors.ApiError | None) -> "Simulation":
        """From now on writes to targets end in this error, None for none."""
        self.error = error
        return self

    def restart(self) -> "Simulation":
        """The process ends and another begins: what was only in memory is gone."""
        self.write_histories, self.knows_all_writes = WriteHistories(), False
        for switch in [*self.store.switches.values()]:
            self._put(replace(switch, status=switch.written, stored_status=None))
        return self

    def snapshot(self, entry: str = "stop", latency: int | None = None, **rest: Any) -> Snapshot:
        self.ids += 1
        self.now += timedelta(milliseconds=1)
        switch = self.switch(entry)
        if switch.status.record is None:
            self.write_histories.forget(switch.meta.ref)
        snapshot = switch_snapshot(
            self.store,
            switch,
            now=self.now,
            new_id=f"id-{self.ids}",
            latency=latency,
            write_histories=self.write_histories.of(switch.meta.ref),
            **({"policy": self.policy} | rest),
        )
        return replace(snapshot, knows_all_writes=self.knows_all_writes)

    def drive(self, *entries: str, at_most: int = 20) -> "Simulation":
        """Carry out the steps of each switch until it is settled, or `at_most` writes were done: then it crashed."""
        for entry in entries or ("stop",):
            left = at_most
            while left > 0 and (step := self.next_step(entry)) is not None:
                writes = self._writes(step)
                for write in writes[:left]:
                    self._carry_out(entry, write)
                left -= len(writes)
        return self

    def _writes(self, step: Step) -> Sequence[Step]:
        """Those that go out at once may be cut off with either of them done."""
        if not isinstance(step, Begin):
            return (step,)
        writes = SetFinalizers(step.meta, step.finalizers), WriteStatus(step.meta, step.status, step.notices)
        return writes[::-1] if self.record_first else writes

    def _carry_out(self, entry: str, step: Step) -> None:
        self.steps.append(step)
        old = self.switch(entry)
        match step:
            case SetFinalizers():
                self._put(replace(old, meta=replace(old.meta, finalizers=step.finalizers)))
            case DeferStatus():
                assert isinstance(step.status, SwitchStatus)
                self.store.defer_status(old.meta.ref, step.status)
            case WriteStatus():
                assert isinstance(step.status, SwitchStatus)
                self.said += step.notices
                self._put(replace(old, status=step.status, stored_status=None))
            case ClearOverride():
                self.said += step.notices
                self.say(entry, engaged=None)
            case WriteTarget():
                self._act(entry, step)

    def _act(self, entry: str, step: WriteTarget) -> None:
        switch = self.switch(entry).meta.ref
        if self.error is not None:
            for change in step.changes:
                self.write_histories.failed(switch, change.field_key, self.error, self.now)
            return
        if step.effect.ref in self.objects or not isinstance(step.effect, Patch):
            self._write(entry, step)
            return
        target = self.store.targets[step.effect.ref]
        assert isinstance(target, ObservedObject)
        if (target.uid, target.resource_version) != (step.effect.uid, step.effect.resource_version):
            self._conflict(entry, step)
            return
        version = str(int(target.resource_version) + 1)
        body = self.admit(patched({**target.body}, step.effect.patch))
        after = scaled(
            target, target.ref, {**body, "metadata": {"uid": target.uid, "resourceVersion": version}}, MANAGER
        )
        self.store.put_target(after)
        self.write_histories.answered(switch, step.field_keys, answers(step, after), self.now)

    def _write(self, entry: str, step: WriteTarget) -> None:
        """Carry out a write to one of the objects."""
        match step.effect:
            case Patch(ref, uid, version, patch):
                meta = self.objects[ref]["metadata"]
                if (uid, version) != (meta["uid"], meta["resourceVersion"]):
                    self.answer(Read(ref))
                    self._conflict(entry, step)
                    return
                self.change(ref, {**patch}, manager=MANAGER)
                self.with_object(self.admit(self.objects[ref]))
            case Create(ref, body):
                assert ref not in self.objects
                self.ids += 1
                made = {**body, "metadata": {**body["metadata"], "uid": f"made-{self.ids}"}}
                self.with_object(self.admit(made | self.reports.get(ref.kind, {})))
            case Delete(ref, uid, version):
                meta = self.objects[ref]["metadata"]
                assert (meta["uid"], meta["resourceVersion"]) == (uid, version or meta["resourceVersion"])
                self.remove(ref)
        ref = step.effect.ref
        after = observed_from(self.objects[ref], whole=True) if ref in self.objects else absent(ref)
        self.write_histories.answered(self.switch(entry).meta.ref, step.field_keys, answers(step, after), self.now)

    def _conflict(self, entry: str, step: WriteTarget) -> None:
        """The target moved after it was saved: the write is refused, and it is saved again."""
        answers: dict[Query, Any] = {}
        while True:
            snapshot = self.snapshot(entry, answers=answers)
            assert snapshot.record is not None
            try:
                record = resaved(snapshot, snapshot.record, step.effect.ref)
                break
            except NeedsRead as needed:
                answers |= {query: self.answer(query) for query in needed.queries}
        status = begun(snapshot, record).status
        assert isinstance(status, SwitchStatus)
        self._put(replace(self.switch(entry), status=status, stored_status=None))

    def _put(self, new: SwitchObject) -> "Simulation":
        self.store._switches.put(new)
        return self


def is_labelled(body: Body, selector: str) -> bool:
    """Whether an object has the labels of a selector such as `app=web,tier=front`."""
    wanted = dict(part.split("=") for part in selector.split(",") if part)
    return wanted.items() <= (body["metadata"].get("labels") or {}).items()


def patched(old: Any, patch: Any) -> Any:
    """What a JSON merge patch makes of a value."""
    if not isinstance(patch, Mapping):
        return patch
    base = dict(old) if isinstance(old, Mapping) else {}
    kept = {key: value for key, value in base.items() if patch.get(key, value) is not None}
    return kept | {key: patched(base.get(key), value) for key, value in patch.items() if value is not None}


def condition(status: SwitchStatus, kind: str) -> tuple[str, str, str]:
    """Status, reason and message of one condition."""
    found = next(one for one in status.conditions if one.type == kind)
    return found.status, found.reason, found.message


def kinds(steps: list[Step]) -> list[str]:
    return [type(step).__name__ for step in steps]
