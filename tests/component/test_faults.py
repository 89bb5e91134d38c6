"""Faults that a real API server cannot be told to make at a given write: the whole operator but for its sockets.

`FaultyKube` keeps objects in memory with resourceVersions and fails where it is told to. Left out: validation,
watches, managed fields, everything that the e2e tests have from the real one.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.failed_writes import WriteHistories
from runbook_operator.cache.store import Store
from runbook_operator.cache.throw_latency import Throws
from runbook_operator.controller.executor import StepExecutor
from runbook_operator.controller.reconciler import LAPSED_LEASE_RETRY, Reconciler
from runbook_operator.core.monitors import Key, Reading, Watch
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import API_VERSION, Ref, switch_ref
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import Paths
from runbook_operator.monitoring.io.check_scheduler import CheckScheduler
from runbook_operator.monitoring.io.monitoring_bridge import MonitoringBridge
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.runtime.keyed_locks import Locks
from runbook_operator.runtime.token_bucket import Bucket
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.telemetry.audit import Audit
from runbook_operator.telemetry.event_writer import post
from runbook_operator.telemetry.metrics import Metrics
from tests.builders import NAMESPACE, NOW, condition, observed, patched, runbook_body, switch_body

Body = dict[str, Any]
Fault = Callable[[str, str], None]
STOP = switch_ref(NAMESPACE, "shop-stop")
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"
SWITCH = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/switches/shop-stop"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class FaultyKube(Kube):
    """See above. `fault` is asked before each write and may raise."""

    def __init__(self, objects: dict[str, Body]) -> None:
        self.objects = objects
        self.fault: Fault = lambda _method, _path: None
        self.after: Fault = lambda _method, _path: None
        self.version = 100
        self.unreadable: dict[str, errors.ApiError] = {}
        """What cannot be read, and why."""
        self.events: list[Body] = []
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        if method == "GET":
            self.asked.append(path)
            if (error := self.unreadable.get(path)) is not None:
                raise error
            return self._found(path)
        if path == REVIEWS or "dryRun" in (rest.get("query") or {}):
            return {"status": {"allowed": True}}
        self.fault(method, path)
        if path.endswith("/events"):
            self.events.append(rest["body"])
            return {}
        answer = self._made(path, rest["body"]) if method == "POST" else self._patched(path, rest["body"])
        self.after(method, path)
        return answer

    def set_replicas(self, replicas: int) -> None:
        self._patched(DEPLOYMENT, {"metadata": {}, "spec": {"replicas": replicas}})

    def delete_deployment(self) -> None:
        del self.objects[DEPLOYMENT]

    @property
    def replicas(self) -> int:
        return int(self.objects[DEPLOYMENT]["spec"]["replicas"])

    def _found(self, path: str) -> Body:
        if path not in self.objects:
            raise errors.NotFoundError(f"GET {path}: 404")
        return self.objects[path]

    def _made(self, path: str, body: Body) -> Body:
        self.version += 1
        named = {"uid": f"made-{self.version}", "resourceVersion": str(self.version)}
        # A Job has its pod at once.
        status = {"status": {"active": 1}} if path.endswith("/jobs") else {}
        made = {**body, "metadata": body["metadata"] | named, **status}
        self.objects[f"{path}/{made['metadata']['name']}"] = made
        return made

    def _patched(self, path: str, patch: Body | list[Body]) -> Body:
        plain = path.removesuffix("/scale").removesuffix("/status")
        old = self._found(plain)
        if isinstance(patch, list):
            patch = merged(old, patch)
        expected = patch["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"])
        if expected != old["metadata"]["resourceVersion"]:
            raise errors.ConflictError(f"PATCH {path}: 409")
        self.version += 1
        new = patched(old, patch)
        new["metadata"]["resourceVersion"] = str(self.version)
        self.objects[plain] = new
        return {**new, "kind": "Scale"} if path.endswith("/scale") else new


def merged(old: Body, operations: list[Body]) -> Body:
    """The merge patch that these operations of a JSON patch are; RefusedError where one of their tests fails."""
    patch: Body = {"metadata": {}}
    for one in operations:
        part, _, rest = one["path"].removeprefix("/").partition("/")
        if one["op"] == "test":
            found: Any = old.get(part, {})
            for step in rest.split("/"):
                found = found[int(step)] if isinstance(found, list) else found.get(step)
            if found != one["value"]:
                raise errors.RefusedError(f"PATCH: 422 {one}")
        else:
            patch.setdefault(part, {})[rest] = one.get("value")
    return patch


RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")


class EventKube(Kube):
    """Keeps Events by name and refuses a second one of a name, as the API server does. Everything else is left out."""

    def __init__(self) -> None:
        self.stored: dict[str, Body] = {}

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        body: Body = rest["body"]
        name = path.rsplit("/", 1)[1] if method == "PATCH" else body["metadata"]["name"]
        if method == "POST" and name in self.stored:
            raise errors.ConflictError("POST events: 409")
        self.stored[name] = self.stored.get(name, {}) | body
        return self.stored[name]


async def nobody(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
    """Nobody is asked: nothing is watched."""
    raise AssertionError(watches)


class Rig:
    """A Reconciler over a FaultyKube, with `shop-stop` thrown and the Deployment at 3."""

    def __init__(self, **spec: Any) -> None:
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "web-1", "resourceVersion": "1"},
            "spec": {"replicas": 3},
        }
        thrown = switch_body(engaged=True, reason="INC-42")
        self.kube = FaultyKube({DEPLOYMENT: deployment, SWITCH: thrown})
        self.store = Store()
        for body in (runbook_body(**spec), thrown, deployment):
            self.store.put(body)
        self.queue: WorkQueue[Ref] = WorkQueue()
        writer = StepExecutor(
            Paths(self.kube), Outbound(), self.store, Throws(), WriteHistories(), Metrics(), Audit(), lambda _keys: None
        )
        self.time = NOW
        bucket = Bucket(10, 10)
        sensing = MonitoringBridge(
            CheckScheduler(nobody, self.queue.add, lambda _: False, Metrics()), self.store, lambda _keys: None
        )
        self.reconciler = Reconciler(writer, sensing, self.queue, Locks(), Policy(), bucket, now=lambda: self.time)

    def release(self) -> None:
        patch: Body = {"metadata": {}, "spec": {"engaged": None}}
        self.store.put(self.kube._patched(SWITCH, patch))

    def engage(self) -> None:
        patch: Body = {"metadata": {}, "spec": {"engaged": True}}
        self.store.put(self.kube._patched(SWITCH, patch))

    def restart_with(self, deployment: Body) -> None:
        """Another leader, whose watch shows the Deployment as it was at another time."""
        self.store.put_target(observed_from(deployment))
        self.reconciler.executor.lead()

    async def visit(self) -> SwitchStatus:
        """One visit, an hour after the one before: whatever was to be tried again is due."""
        self.time += timedelta(hours=1)
        await self.reconciler.visit(STOP)
        return self.store.switches[STOP].status


def always(path: str, act: Callable[[], None]) -> Fault:
    """A fault that happens at each write of that path."""

    def fault(_method: str, written: str) -> None:
        if written == path:
            act()

    return fault


def at(path: str, act: Callable[[], None]) -> Fault:
    """A fault that happens once, at the first write of that path."""
    pending = [act]

    def fault(_method: str, written: str) -> None:
        if written == path and pending:
            pending.pop()()

    return fault


def failing(error: errors.OperatorError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


async def test_target_changed_between_record_and_write_is_saved_again() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", lambda: rig.kube.set_replicas(4))

    status = await rig.visit()

    assert rig.kube.replicas == 0
    assert status.record is not None
    assert status.record.actions[0].saved == 4


async def test_target_with_a_changed_status_is_written_without_saving_again() -> None:
    rig = Rig()
    moves, written = [3, 3, 3], []

    def move(_method: str, path: str) -> None:
        written.append(path)
        if path == f"{DEPLOYMENT}/scale" and moves:
            rig.kube.set_replicas(moves.pop())

    rig.kube.fault = move

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")
    assert written.count(f"{SWITCH}/status") == 2
    assert status.record is not None
    assert status.record.actions[0].saved == 3


async def test_write_with_a_lost_answer_is_read_back() -> None:
    rig = Rig()
    rig.kube.after = at(f"{DEPLOYMENT}/scale", failing(errors.UnavailableError("no answer in time")))

    await rig.visit()
    assert rig.kube.replicas == 0
    status = await rig.visit()

    assert status.phase == "Engaged"
    assert status.record is not None
    assert status.record.actions[0].saved == 3


async def test_forbidden_write_stalls_the_switch_with_advice_and_is_retried() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", failing(errors.ForbiddenError("PATCH deployments/scale: 403")))

    stalled = await rig.visit()
    assert (stalled.phase, condition(stalled, "Stalled")[1]) == ("Stalled", "MissingRights")
    assert "Grant the operator's service account" in condition(stalled, "Stalled")[2]
    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")
    assert [one.type for one in status.conditions] == ["Ready", "Engaged", "Automatic"]


async def test_switch_changed_during_the_decision_is_read_again() -> None:
    rig = Rig()
    rig.kube.objects[SWITCH]["metadata"]["resourceVersion"] = "50"

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")


async def test_switch_deleted_during_the_decision_is_forgotten() -> None:
    rig = Rig()
    del rig.kube.objects[SWITCH]

    await rig.reconciler.visit(STOP)

    assert STOP not in rig.store.switches
    assert rig.kube.replicas == 3


async def test_target_deleted_during_the_write_is_reported() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", rig.kube.delete_deployment)

    status = await rig.visit()

    assert condition(status, "Ready")[1] == "TargetNotFound"


async def test_event_that_cannot_be_posted_does_not_stop_the_visit() -> None:
    rig = Rig()

    def refuse(_method: str, path: str) -> None:
        if path.endswith("/events"):
            raise errors.ForbiddenError("POST events: 403")

    rig.kube.fault = refuse

    assert (await rig.visit()).phase == "Engaged"


async def test_target_shown_as_restored_by_a_late_watch_is_restored() -> None:
    rig = Rig()
    await rig.visit()
    before = dict(rig.kube.objects[DEPLOYMENT])
    rig.release()
    rig.restart_with({**before, "spec": {"replicas": 3}})
    assert rig.kube.replicas == 0

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (3, "Released")


async def test_target_shown_as_held_by_a_late_watch_is_written() -> None:
    rig = Rig()
    rig.store.put_target(observed(0, version="0"))

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")


async def test_value_written_by_an_earlier_leader_is_never_saved() -> None:
    rig = Rig()
    rig.kube.after = at(f"{DEPLOYMENT}/scale", failing(errors.NotLeadingError("killed right after the write")))
    before = dict(rig.kube.objects[DEPLOYMENT])
    await rig.visit()
    assert rig.kube.replicas == 0
    rig.restart_with(before)

    status = await rig.visit()

    assert status.phase == "Engaged"
    assert status.record is not None
    assert [(entry.saved, entry.held) for entry in status.record.actions] == [(3, 0)]


async def test_value_from_a_late_watch_is_never_saved() -> None:
    rig = Rig()
    rig.store.put_target(observed(0, version="0"))

    status = await rig.visit()

    assert rig.kube.replicas == 0
    assert status.record is not None
    assert [(entry.saved, entry.held) for entry in status.record.actions] == [(3, 0)]


async def test_momentary_throw_on_a_late_watch_does_not_count_as_done() -> None:
    """A step up from what a late watch shows would lead to what is there already."""
    rig = Rig(scaling=[{"name": "stop", "target": "web", "by": 1}], killSwitches=[])
    rig.store.put_target(observed(2, version="0"))

    await rig.visit()

    assert rig.kube.replicas == 4


async def test_visit_ended_by_a_lapsed_lease_is_repeated() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{SWITCH}/status", failing(errors.NotLeadingError("lapsed")))

    await rig.visit()

    assert STOP in rig.queue._later


async def test_repeated_lapses_of_the_lease_do_not_lengthen_the_wait() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{SWITCH}/status", failing(errors.NotLeadingError("lapsed")))

    for _ in range(20):
        await rig.visit()

    assert rig.queue._later[STOP].when() - asyncio.get_running_loop().time() <= LAPSED_LEASE_RETRY


async def test_lasting_contest_raises_the_count_of_its_event() -> None:
    rig = Rig()
    await rig.visit()
    for replicas in (3, 5):
        rig.kube.set_replicas(replicas)
        rig.store.put(rig.kube.objects[DEPLOYMENT])
        rig.time += timedelta(minutes=1) - timedelta(hours=1)
        await rig.visit()

    told = [event for event in rig.kube.events if event["reason"] == "DriftCorrected"]
    assert {event["metadata"]["name"] for event in told if event["count"] == 2} == {
        event["metadata"]["name"] for event in told if event["count"] == 1
    }
    assert rig.kube.replicas == 0


async def test_existing_event_is_counted_up_and_a_repeated_one_is_not() -> None:
    kube = EventKube()
    for count in (1, 1, 2):
        await post(kube, [Notice(STOP, "1", Reason.DRIFT_CORRECTED, f"time {count}", "id", count=count)], NOW)

    (stored,) = kube.stored.values()
    assert (stored["count"], stored["message"]) == (2, "time 2")


async def test_many_contests_share_one_budget() -> None:
    rig = Rig()
    await rig.visit()
    rig.reconciler.corrections = Bucket(0.001, 0)
    rig.kube.set_replicas(3)
    rig.store.put(rig.kube.objects[DEPLOYMENT])

    await rig.visit()

    assert rig.kube.replicas == 3


@pytest.mark.parametrize("error", [errors.NotLeadingError("lost"), errors.UnavailableError("down"), ValueError("bug")])
async def test_any_error_ends_the_visit_and_the_next_one_continues(error: Exception) -> None:
    rig = Rig()

    def fail(_method: str, _path: str) -> None:
        raise error

    rig.kube.fault = fail
    await rig.visit()
    assert rig.kube.replicas == 3

    rig.kube.fault = lambda _method, _path: None
    assert (await rig.visit()).phase == "Engaged"


async def test_refused_adoption_is_a_runbook_condition_and_stops_no_other_step() -> None:
    rig = Rig()
    path = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/runbooks/shop"
    rig.kube.objects[path] = runbook_body()
    left = switch_body()
    left["metadata"] |= {"ownerReferences": [], "resourceVersion": "99"}
    rig.store.put(left)
    rig.kube.fault = always(SWITCH, failing(errors.ForbiddenError("PATCH switches: 403")))

    await rig.reconciler.visit(RUNBOOK)

    ready = next(one for one in rig.store.runbooks[RUNBOOK].status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "MissingRights")
    assert "has lost its owner reference and could not be adopted: PATCH switches: 403" in ready.message
