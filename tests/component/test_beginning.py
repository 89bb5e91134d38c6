"""What a person waits for: the two writes of a beginning at once, and what is asked meanwhile.

The fake API server of test_faults, with an order of its own for what arrives.
"""

import asyncio
from typing import Any

import pytest

from runbook_operator.api.switch import FINALIZER, SwitchStatus
from runbook_operator.core.queries import Find
from runbook_operator.kube import errors
from tests.builders import NAMESPACE
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, Body
from tests.fakes.rig import STOP, Rig
from tests.scaling import hpa

HPAS = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"
BUDGETS = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"
STATUS = f"{SWITCH}/status"


class Stage:
    """A switch that was looked at and is thrown now; every request waits for what it is told to wait for."""

    def __init__(self, **spec: Any) -> None:
        self.rig = Rig(**spec)
        self.kube = self.rig.kube
        self.kube.objects |= {HPAS: listed("HorizontalPodAutoscaler"), BUDGETS: listed("PodDisruptionBudget")}
        self.done: list[str] = []
        self.waits: dict[str, str] = {}
        self.fails: dict[str, errors.ApiError] = {}
        self.queries: dict[str, dict[str, str]] = {}
        self._request, self.kube.request = self.kube.request, self._ordered  # type: ignore[method-assign] # see above

    async def _ordered(self, method: str, path: str, **rest: Any) -> Body:
        while path in self.waits and self.waits[path] not in self.done:  # noqa: ASYNC110 # requests wait for requests
            await asyncio.sleep(0)
        if (error := self.fails.pop(path, None)) is not None:
            raise error
        self.queries[path] = rest.get("query") or {}
        answer = await self._request(method, path, **rest)
        self.done.append(path)
        return answer

    async def look(self) -> SwitchStatus:
        """A deep check at the switch at rest."""
        self.rig.release()
        status = await self.rig.visit()
        self.done.clear()
        return status

    async def throw(self) -> SwitchStatus:
        self.rig.store.put(self.kube._patched(SWITCH, {"metadata": {}, "spec": {"engaged": True, "reason": "INC-1"}}))
        return await asyncio.wait_for(self.rig.visit(), 60)

    @property
    def finalizers(self) -> list[str]:
        found: list[str] = self.kube.objects[SWITCH]["metadata"].get("finalizers", [])
        return found


def listed(kind: str, *items: Body) -> Body:
    version = "policy/v1" if kind == "PodDisruptionBudget" else "autoscaling/v2"
    return {"apiVersion": version, "kind": f"{kind}List", "metadata": {"resourceVersion": "1"}, "items": list(items)}


def autoscaler() -> Body:
    body = hpa(2, 4)
    return body | {"metadata": {"name": "web", "namespace": NAMESPACE, "uid": "hpa-1", "resourceVersion": "7"}}


@pytest.mark.parametrize(("first", "last"), [(SWITCH, STATUS), (STATUS, SWITCH)])
async def test_finalizer_and_record_arrive_in_any_order_before_the_effect(first: str, last: str) -> None:
    stage = Stage()
    await stage.look()
    stage.waits = {last: first}

    status = await stage.throw()

    effect = stage.done.index(f"{DEPLOYMENT}/scale")
    assert {first, last} <= set(stage.done[:effect])
    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaged", [FINALIZER], 0)


async def test_known_absence_lets_writes_and_reads_run_concurrently() -> None:
    stage = Stage()
    await stage.look()
    stage.waits = {HPAS: STATUS, BUDGETS: SWITCH, f"{DEPLOYMENT}/scale": HPAS}

    status = await stage.throw()

    assert (status.phase, stage.kube.replicas) == ("Engaged", 0)


async def test_throw_reads_from_the_watch_cache_and_a_close_look_from_etcd() -> None:
    stage = Stage()

    await stage.look()
    assert stage.queries[HPAS] == {"limit": "500"}
    await stage.throw()
    assert stage.queries[HPAS] == {"resourceVersion": "0"}


async def test_autoscaler_created_since_the_last_visit_is_saved_before_the_effect() -> None:
    stage = Stage(killSwitches=[{"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 6}}]}])
    await stage.look()
    stage.kube.objects[HPAS] = listed("HorizontalPodAutoscaler", autoscaler())
    stage.kube.objects[f"{HPAS}/web"] = autoscaler()

    status = await stage.throw()

    assert status.record is not None
    assert {one.kind for one in status.record.actions} == {"HorizontalPodAutoscaler", "Deployment"}
    assert {one.field: one.saved for one in status.record.actions if one.kind != "Deployment"} == {
        "spec{minReplicas,maxReplicas}": {"minReplicas": 2, "maxReplicas": 4}
    }
    assert stage.done.index(f"{HPAS}/web") > stage.done.index(STATUS)
    assert stage.kube.replicas == 6


async def test_known_presence_is_read_before_the_writes() -> None:
    stage = Stage()
    stage.kube.objects[BUDGETS] = listed("PodDisruptionBudget")
    stage.kube.objects[HPAS] = listed("HorizontalPodAutoscaler", autoscaler())
    stage.kube.objects[f"{HPAS}/web"] = autoscaler()
    await stage.look()
    stage.waits = {STATUS: HPAS}

    assert (await stage.throw()).phase == "Engaged"


async def test_failed_concurrent_read_delays_the_effect_and_loses_no_write() -> None:
    stage = Stage()
    await stage.look()
    stage.fails = {HPAS: errors.UnavailableError("GET: 503")}

    status = await stage.throw()

    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaging", [FINALIZER], 3)
    assert (await stage.rig.visit()).phase == "Engaged"


@pytest.mark.parametrize("path", [SWITCH, STATUS])
async def test_refused_first_write_is_repeated(path: str) -> None:
    stage = Stage()
    await stage.look()
    stage.fails = {path: errors.RefusedError("PATCH: 422 the server rejected our request")}

    status = await stage.throw()

    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaged", [FINALIZER], 0)


@pytest.mark.parametrize("path", [SWITCH, STATUS])
async def test_first_write_with_unknown_result_is_read_at_the_next_visit(path: str) -> None:
    stage = Stage()
    await stage.look()
    stage.fails = {path: errors.UnavailableError("PATCH: 503")}

    await stage.throw()
    assert stage.kube.replicas == 3
    status = await stage.rig.visit()

    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaged", [FINALIZER], 0)


async def test_release_during_the_first_write_leaves_the_target_unchanged() -> None:
    stage = Stage()
    await stage.look()
    stage.kube.fault = lambda _method, path: released(stage) if path == STATUS else None

    await stage.throw()

    assert stage.kube.replicas == 3
    assert (await stage.rig.visit()).record is None


def released(stage: Stage) -> None:
    stage.kube.fault = lambda _method, _path: None
    body = stage.kube.objects[SWITCH]
    meta = body["metadata"] | {"generation": body["metadata"].get("generation", 0) + 1, "resourceVersion": "900"}
    stage.kube.version = 900
    stage.kube.objects[SWITCH] = body | {"metadata": meta, "spec": body["spec"] | {"engaged": None}}


async def test_absence_never_read_is_not_presumed() -> None:
    stage = Stage()
    lists = stage.rig.reconciler.executor.reader.queries.lists
    lists.monotonic = lambda: 5.0

    assert lists.nothing([Find("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE)], None) == {}


async def test_status_answer_after_a_deletion_event_restores_no_object() -> None:
    stage = Stage()
    await stage.look()
    uid = stage.kube.objects[SWITCH]["metadata"]["uid"]
    stage.rig.store.put(stage.kube._patched(SWITCH, {"metadata": {}, "spec": {"engaged": True}}))

    def gone(_method: str, path: str) -> None:
        if path == STATUS:
            stage.rig.store.drop(STOP, uid)

    stage.kube.after = gone
    await stage.rig.reconciler.visit(STOP)

    assert STOP not in stage.rig.store.switches
    assert stage.kube.replicas == 3


async def test_absence_is_not_presumed_long_after_the_last_visit() -> None:
    stage = Stage()
    await stage.look()
    lists = stage.rig.reconciler.executor.reader.queries.lists
    asked = [Find("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE)]
    assert lists.nothing(asked, None) == {asked[0]: ()}
    later = lists.monotonic() + lists.presumed_seconds + 1

    lists.monotonic = lambda: later

    assert lists.nothing(asked, None) == {}
    assert STOP in stage.rig.store.switches


async def test_finalizer_answer_after_a_deletion_event_restores_no_object() -> None:
    stage = Stage()
    await stage.look()
    await stage.throw()
    body = stage.kube.objects[SWITCH]
    meta = body["metadata"] | {"deletionTimestamp": "2026-11-24T03:00:00Z", "resourceVersion": "950"}
    stage.kube.version, stage.kube.objects[SWITCH] = 950, body | {"metadata": meta}
    stage.rig.store.put(stage.kube.objects[SWITCH])
    told: list[str] = []

    def gone(_method: str, path: str) -> None:
        if path == SWITCH:
            told.append(path)
            stage.rig.store.drop(STOP, meta["uid"])

    stage.kube.after = gone
    await stage.rig.reconciler.visit(STOP)

    assert (told, stage.kube.replicas) == ([SWITCH], 3)
    assert STOP not in stage.rig.store.switches
