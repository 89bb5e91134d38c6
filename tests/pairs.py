"""Two acts of the operator on one target: what both make live, what the second reports, what each release leaves.

`OUTCOMES` is the one table: `tests/unit/decide/test_pairs.py` holds the decisions to it, and `tools/pairs.py` makes
docs/reference/two-switches.md of it.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from runbook_operator.api.deployments import GoodRevision
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.decide import probes
from runbook_operator.decide.answers import answers
from runbook_operator.model.effects import Patch
from runbook_operator.model.queries import Query, Unread
from runbook_operator.model.refs import API_VERSION, MANAGER, Ref
from runbook_operator.model.seen import seen_of
from runbook_operator.observe.worlds import runbook_world
from runbook_operator.plan.steps import Adjust, SetFinalizers, WriteStatus
from tests.builders import NAMESPACE, WEB, Body, Simulation, condition, kill_switch, runbook_body, scale
from tests.revisions import UID, kept, roll_out, template, workload

CRON_JOB = Ref("batch/v1", "CronJob", NAMESPACE, "backup")
COUNTS = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
Live = dict[str, object]
"""What is live, where it is not what was there before both."""


@dataclass(frozen=True)
class Kind:
    """One act: what a page calls it, the entry of the Runbook that does it, what it makes live, and where.

    `stays` where a release does not undo it.
    """

    title: str
    section: str
    entry: Body
    live: Live
    place: str
    stays: bool = False


def _switch(title: str, action: Body, live: Live, place: str, **rest: Any) -> Kind:
    stays = bool(rest.get("momentary")) or next(iter(action)) in ("rollback", "restart")
    return Kind(title, "killSwitches", kill_switch("", action, **rest), live, place, stays)


FLAG: Body = {"setFlag": {"target": "web", "flag": "AI", "value": "off", "env": {}}}
BACK: Body = {"rollback": {"target": "web"}}
SUSPEND: Body = {"suspend": {"target": "backup"}}
PROBE: Body = {"target": "web", "path": "/ready", "probe": "readiness"}
KINDS: Mapping[str, Kind] = {
    "stop": _switch("kill switch to 0 replicas", scale(replicas=0), {"replicas": 0}, "replicas"),
    "up": Kind("scaling command by 1", "scaling", {"target": "web", "by": 1}, {"replicas": 4}, "replicas", stays=True),
    "rollback": _switch("`rollback`", BACK, {"version": "one"}, "template"),
    "restart": _switch("`restart`", {"restart": {"target": "web"}}, {"restarted": True}, "template"),
    "flag": _switch("`setFlag` in the pods", FLAG, {"flag": "off"}, "template"),
    "suspend": _switch("`suspend`", SUSPEND, {"suspended": True}, "suspend"),
    "probe": Kind("enforced probe", "healthEndpoints", PROBE, {"probe": "/ready"}, "template"),
    "flag once": _switch("momentary `setFlag` in the pods", FLAG, {"flag": "off"}, "template", momentary=True),
    "rollback once": _switch("momentary `rollback`", BACK, {"version": "one"}, "template", momentary=True),
    "suspend once": _switch("momentary `suspend`", SUSPEND, {"suspended": True}, "suspend", momentary=True),
}


@dataclass(frozen=True)
class Outcome:
    """What is live with both, what the second reports, and what is live once one of them is released, or both.

    `reports` is a part of the condition's message, for both of its own Runbook and of another.
    """

    both: Live
    reports: str
    without_first: Live
    without_second: Live
    neither: Live = field(default_factory=dict)


ZERO: Live = {"replicas": 0}
FIVE: Live = {"replicas": 5}
OLD: Live = {"version": "one"}
OFF: Live = {"flag": "off"}
AGAIN: Live = {"restarted": True}
ASKED: Live = {"probe": "/ready"}
HELD_AT_0 = "did nothing: shop-first holds Deployment/web at 0 since 03:00 (INC-42); release it first"
HELD_TEMPLATE = "did nothing: shop-first holds the pod template of Deployment/web at revision 1 since 03:00"
WAITS = "it waits until Switch shop-first is released, which holds something in the pods of Deployment/web"
OUTCOMES: Mapping[tuple[str, str], Outcome] = {
    ("stop", "stop"): Outcome(ZERO, "Deployment/web from 3 to 0", ZERO, ZERO),
    ("stop", "up"): Outcome(ZERO, HELD_AT_0, {}, ZERO),
    ("up", "stop"): Outcome(ZERO, "Deployment/web from 4 to 0", ZERO, {"replicas": 4}, {"replicas": 4}),
    ("up", "up"): Outcome(FIVE, "Deployment/web from 4 to 5", FIVE, FIVE, FIVE),
    ("rollback", "rollback"): Outcome(OLD, "Deployment/web from revision 2 to revision", OLD, OLD, OLD),
    ("rollback", "restart"): Outcome(OLD | AGAIN, "3 of 3 restarted", OLD | AGAIN, OLD | AGAIN, OLD | AGAIN),
    ("restart", "rollback"): Outcome(OLD, "Deployment/web from revision 2 to revision 1", OLD, OLD, OLD),
    ("rollback", "flag"): Outcome(OLD | OFF, 'to {"name": "AI", "value": "off"}', OLD | OFF, OLD, OLD),
    ("flag", "rollback"): Outcome(OLD | OFF, "Deployment/web from revision 2 to revision 1", OLD, OLD | OFF, OLD),
    ("flag", "flag"): Outcome(OFF, 'to {"name": "AI", "value": "off"}', OFF, OFF),
    ("flag", "restart"): Outcome(OFF | AGAIN, "3 of 3 restarted", AGAIN, OFF | AGAIN, AGAIN),
    ("restart", "flag"): Outcome(OFF | AGAIN, 'to {"name": "AI", "value": "off"}', OFF | AGAIN, AGAIN, AGAIN),
    ("restart", "restart"): Outcome(AGAIN, "3 of 3 restarted", AGAIN, AGAIN, AGAIN),
    ("rollback", "probe"): Outcome(OLD, WAITS, OLD | ASKED, OLD, OLD),
    ("probe", "rollback"): Outcome(OLD, "Deployment/web from revision 3 to revision 1", OLD, OLD | ASKED, OLD),
    ("flag", "probe"): Outcome(OFF, WAITS, ASKED, OFF),
    ("probe", "flag"): Outcome(OFF | ASKED, 'to {"name": "AI", "value": "off"}', OFF | ASKED, ASKED),
    ("restart", "probe"): Outcome(AGAIN | ASKED, "", AGAIN | ASKED, AGAIN, AGAIN),
    ("probe", "restart"): Outcome(ASKED | AGAIN, "3 of 3 restarted", AGAIN, ASKED | AGAIN, AGAIN),
    ("suspend", "suspend"): Outcome(
        {"suspended": True}, "from false to true", {"suspended": True}, {"suspended": True}
    ),
    ("flag", "flag once"): Outcome(OFF, "did nothing: shop-first holds Deployment/web spec.template", {}, OFF),
    ("rollback", "flag once"): Outcome(OLD, HELD_TEMPLATE, OLD, OLD, OLD),
    ("flag", "rollback once"): Outcome(OLD | OFF, "Deployment/web from revision 2 to revision 1", OLD, OLD | OFF, OLD),
    ("rollback", "rollback once"): Outcome(OLD, HELD_TEMPLATE.replace("the pod template of ", ""), OLD, OLD, OLD),
    ("suspend", "suspend once"): Outcome(
        {"suspended": True},
        "did nothing: shop-first holds CronJob/backup spec.suspend at true",
        {},
        {"suspended": True},
    ),
}
USUAL = [name for name in KINDS if not name.endswith("once")]
INDEPENDENT = [
    (first, second)
    for first, second in product(USUAL, USUAL)
    if (first, second) not in OUTCOMES and KINDS[first].place != KINDS[second].place
]
"""Pairs on different fields: each does what it does alone."""


def alone(first: str, second: str) -> Outcome:
    """The outcome of a pair on different fields."""
    one, other = KINDS[first], KINDS[second]
    left, right = (kind.live if kind.stays else {} for kind in (one, other))
    return Outcome({**one.live, **other.live}, "", {**left, **other.live}, {**one.live, **right}, {**left, **right})


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
        }

    def report(self, name: str) -> str:
        """The message of the switch's condition, or of the probe's status."""
        if self.kinds[name].section == "healthEndpoints":
            runbook = self.simulation.store.runbooks[self._runbook(name)]
            return next(one.message for one in runbook.status.probes if one.name == name)
        kind = "Acted" if self._is_momentary(name) else "Engaged"
        return condition(self.simulation.status(self._entry(name)), kind)[2]

    def declare(self) -> None:
        """The Runbooks as they are to be now."""
        self.edition += 1
        for ref in dict.fromkeys(map(self._runbook, self.on)):
            spec: Body = {"killSwitches": [], "scaling": [], "healthEndpoints": [], "targets": _targets()}
            for name in (one for one in self.on if self._runbook(one) == ref):
                spec[self.kinds[name].section].append(self._declared(name))
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
            if len(self.simulation.steps) == before:
                return self
            self._roll_out()
        raise AssertionError("the two never come to rest")

    def _roll_out(self) -> None:
        """The Deployment's controller takes up the template and the number of replicas."""
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
                assert isinstance(step, Adjust)
                self._adjust(ref, step)

    def _adjust(self, ref: Ref, step: Adjust) -> None:
        assert isinstance(step.effect, Patch)
        simulation, target = self.simulation, step.effect.ref
        simulation.change(target, dict(step.effect.patch), manager=MANAGER)
        after = seen_of(simulation.objects[target], whole=True)
        simulation.efforts.answered(ref, step.places, answers(step, after), simulation.now)

    def _step(self, ref: Ref) -> Any:
        found: dict[Query, Any] = {}
        while True:
            simulation = self.simulation
            runbook, efforts = simulation.store.runbooks[ref], simulation.efforts.of(ref)
            try:
                return probes.next_step(
                    runbook_world(simulation.store, runbook, simulation.now, answers=found, efforts=efforts)
                )
            except Unread as unread:
                found |= {query: simulation.answer(query) for query in unread.queries}

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
    cron_job = {"suspend": False, "jobTemplate": {"spec": {}}}
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
