"""Faults that a real API server cannot be told to make at a given write: the whole operator but for its sockets.

`FaultyKube` keeps objects in memory with resourceVersions and fails where it is told to. Left out: validation,
watches, managed fields, everything that the e2e tests have from the real one.
"""

from collections.abc import Callable
from typing import Any

import pytest

from runbook_operator import errors
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.io.kube import Kube
from runbook_operator.io.locks import Locks
from runbook_operator.io.paths import Paths
from runbook_operator.io.queue import WorkQueue
from runbook_operator.model.refs import Ref, switch_ref
from runbook_operator.observe.store import Store
from runbook_operator.observe.throws import Throws
from runbook_operator.reconcile import Reconciler
from runbook_operator.report.metrics import Metrics
from runbook_operator.writer import Writer
from tests.builders import NAMESPACE, condition, runbook_body, switch_body

Body = dict[str, Any]
Fault = Callable[[str, str], None]
STOP = switch_ref(NAMESPACE, "shop-stop")
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"
SWITCH = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/switches/shop-stop"


class FaultyKube(Kube):
    """See above. `fault` is asked before each write and may raise."""

    def __init__(self, objects: dict[str, Body]) -> None:
        self.objects = objects
        self.fault: Fault = lambda _method, _path: None
        self.after: Fault = lambda _method, _path: None
        self.version = 100
        self.events: list[Body] = []

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        if method == "GET":
            return self._found(path)
        self.fault(method, path)
        if path.endswith("/events"):
            self.events.append(rest["body"])
            return {}
        answer = self._patched(path, rest["body"])
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

    def _patched(self, path: str, patch: Body) -> Body:
        plain = path.removesuffix("/scale").removesuffix("/status")
        old = self._found(plain)
        expected = patch["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"])
        if expected != old["metadata"]["resourceVersion"]:
            raise errors.ConflictError(f"PATCH {path}: 409")
        self.version += 1
        new = merged(old, patch)
        new["metadata"]["resourceVersion"] = str(self.version)
        self.objects[plain] = new
        return {**new, "kind": "Scale"} if path.endswith("/scale") else new


def merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    base = dict(old) if isinstance(old, dict) else {}
    kept = {key: value for key, value in base.items() if patch.get(key, value) is not None}
    return kept | {key: merged(base.get(key), value) for key, value in patch.items() if value is not None}


class Rig:
    """A Reconciler over a FaultyKube, with `shop-stop` thrown and the Deployment at 3."""

    def __init__(self) -> None:
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "web-1", "resourceVersion": "1"},
            "spec": {"replicas": 3},
        }
        thrown = switch_body(engaged=True, reason="INC-42")
        self.kube = FaultyKube({DEPLOYMENT: deployment, SWITCH: thrown})
        self.store = Store()
        for body in (runbook_body(), thrown, deployment):
            self.store.put(body)
        self.queue: WorkQueue[Ref] = WorkQueue()
        writer = Writer(Paths(self.kube), self.store, Throws(), Metrics(), lambda _keys: None)
        self.reconciler = Reconciler(writer, self.queue, Locks())

    async def visit(self) -> SwitchStatus:
        await self.reconciler.visit(STOP)
        return self.store.switches[STOP].status


def at(path: str, act: Callable[[], None]) -> Fault:
    """A fault that happens once, at the first write of that path."""
    pending = [act]

    def fault(_method: str, written: str) -> None:
        if written == path and pending:
            pending.pop()()

    return fault


def failing(error: errors.ApiError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


async def test_a_target_that_moved_between_record_and_write_is_saved_as_it_is_now() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", lambda: rig.kube.set_replicas(4))

    status = await rig.visit()

    assert rig.kube.replicas == 0
    assert status.record is not None
    assert status.record.actions[0].saved == 4


async def test_a_target_whose_status_moved_is_written_without_saving_again() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", lambda: rig.kube.set_replicas(3))

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")
    assert status.record is not None
    assert status.record.actions[0].saved == 3


async def test_a_write_whose_answer_was_lost_is_read_back_and_not_assumed() -> None:
    rig = Rig()
    rig.kube.after = at(f"{DEPLOYMENT}/scale", failing(errors.UnavailableError("no answer in time")))

    await rig.visit()
    assert rig.kube.replicas == 0
    status = await rig.visit()

    assert status.phase == "Engaged"
    assert status.record is not None
    assert status.record.actions[0].saved == 3


async def test_a_forbidden_write_stalls_the_switch_with_what_to_do_and_is_tried_again() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", failing(errors.ForbiddenError("PATCH deployments/scale: 403")))

    stalled = await rig.visit()
    assert (stalled.phase, condition(stalled, "Stalled")[1]) == ("Stalled", "MissingRights")
    assert "Grant the operator's service account" in condition(stalled, "Stalled")[2]
    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")
    assert [one.type for one in status.conditions] == ["Ready", "Engaged"]


async def test_a_switch_that_changed_under_the_decision_is_read_again() -> None:
    rig = Rig()
    rig.kube.objects[SWITCH]["metadata"]["resourceVersion"] = "50"

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")


async def test_a_switch_deleted_under_the_decision_is_forgotten() -> None:
    rig = Rig()
    del rig.kube.objects[SWITCH]

    await rig.reconciler.visit(STOP)

    assert STOP not in rig.store.switches
    assert rig.kube.replicas == 3


async def test_a_target_deleted_under_the_write_is_told() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", rig.kube.delete_deployment)

    status = await rig.visit()

    assert condition(status, "Ready")[1] == "TargetNotFound"


async def test_an_event_that_cannot_be_posted_holds_up_nothing() -> None:
    rig = Rig()

    def refuse(_method: str, path: str) -> None:
        if path.endswith("/events"):
            raise errors.ForbiddenError("POST events: 403")

    rig.kube.fault = refuse

    assert (await rig.visit()).phase == "Engaged"


@pytest.mark.parametrize("error", [errors.NotLeadingError("lost"), errors.UnavailableError("down"), ValueError("bug")])
async def test_whatever_fails_the_visit_ends_and_the_next_one_goes_on(error: Exception) -> None:
    rig = Rig()

    def fail(_method: str, _path: str) -> None:
        raise error

    rig.kube.fault = fail
    await rig.visit()
    assert rig.kube.replicas == 3

    rig.kube.fault = lambda _method, _path: None
    assert (await rig.visit()).phase == "Engaged"
