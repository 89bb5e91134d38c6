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
from tests.component.test_faults import DEPLOYMENT, STOP, SWITCH, Body, Rig
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
        """A close look at the switch at rest."""
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
async def test_finalizer_and_record_arrive_in_either_order_and_both_before_the_effect(first: str, last: str) -> None:
    stage = Stage()
    await stage.look()
    stage.waits = {last: first}

    status = await stage.throw()

    effect = stage.done.index(f"{DEPLOYMENT}/scale")
    assert {first, last} <= set(stage.done[:effect])
    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaged", [FINALIZER], 0)


async def test_neither_waits_for_what_is_asked_where_there_was_nothing_before() -> None:
    stage = Stage()
    await stage.look()
    stage.waits = {HPAS: STATUS, BUDGETS: SWITCH, f"{DEPLOYMENT}/scale": HPAS}

    status = await stage.throw()

    assert (status.phase, stage.kube.replicas) == ("Engaged", 0)


async def test_a_throw_is_told_what_a_watch_would_have_told_and_a_close_look_what_is_there_for_certain() -> None:
    stage = Stage()

    await stage.look()
    assert stage.queries[HPAS] == {"limit": "500"}
    await stage.throw()
    assert stage.queries[HPAS] == {"resourceVersion": "0"}


async def test_an_autoscaler_that_came_since_the_last_look_is_saved_before_the_effect() -> None:
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


async def test_where_something_was_there_before_it_is_asked_first() -> None:
    stage = Stage()
    stage.kube.objects[BUDGETS] = listed("PodDisruptionBudget")
    stage.kube.objects[HPAS] = listed("HorizontalPodAutoscaler", autoscaler())
    stage.kube.objects[f"{HPAS}/web"] = autoscaler()
    await stage.look()
    stage.waits = {STATUS: HPAS}

    assert (await stage.throw()).phase == "Engaged"


async def test_what_cannot_be_asked_meanwhile_holds_the_effect_up_and_no_write_is_lost() -> None:
    stage = Stage()
    await stage.look()
    stage.fails = {HPAS: errors.UnavailableError("GET: 503")}

    status = await stage.throw()

    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaging", [FINALIZER], 3)
    assert (await stage.rig.visit()).phase == "Engaged"


@pytest.mark.parametrize("path", [SWITCH, STATUS])
async def test_one_that_is_refused_is_written_again_by_itself(path: str) -> None:
    stage = Stage()
    await stage.look()
    stage.fails = {path: errors.RefusedError("PATCH: 422 the server rejected our request")}

    status = await stage.throw()

    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaged", [FINALIZER], 0)


@pytest.mark.parametrize("path", [SWITCH, STATUS])
async def test_one_whose_outcome_is_not_known_is_looked_for_at_the_next_visit(path: str) -> None:
    stage = Stage()
    await stage.look()
    stage.fails = {path: errors.UnavailableError("PATCH: 503")}

    await stage.throw()
    assert stage.kube.replicas == 3
    status = await stage.rig.visit()

    assert (status.phase, stage.finalizers, stage.kube.replicas) == ("Engaged", [FINALIZER], 0)


async def test_whoever_released_it_meanwhile_is_heard_and_nothing_is_touched() -> None:
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


async def test_nothing_is_presumed_of_what_was_never_asked_however_lately_the_machine_has_started() -> None:
    stage = Stage()
    lists = stage.rig.reconciler.executor.lists
    lists.monotonic = lambda: 5.0

    assert lists.nothing([Find("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE)], None) == {}


async def test_the_answer_to_a_status_brings_back_nothing_that_a_watch_has_told_to_be_gone() -> None:
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


async def test_nothing_is_presumed_once_the_last_look_is_long_ago() -> None:
    stage = Stage()
    await stage.look()
    lists = stage.rig.reconciler.executor.lists
    asked = [Find("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE)]
    assert lists.nothing(asked, None) == {asked[0]: ()}
    later = lists.monotonic() + lists.presumed_seconds + 1

    lists.monotonic = lambda: later

    assert lists.nothing(asked, None) == {}
    assert STOP in stage.rig.store.switches


async def test_the_answer_to_the_last_finalizer_brings_back_nothing_that_a_watch_has_told_to_be_gone() -> None:
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
