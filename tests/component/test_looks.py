"""How closely idle objects are looked at, and how often: reads are cheap, but not for a thousand Runbooks at once."""

import asyncio

import pytest

from runbook_operator.api.conditions import find
from runbook_operator.cache.deep_checks import DEEP_CHECK_SECONDS, TROUBLED_CHECK_SECONDS
from runbook_operator.controller.visits import Visit
from runbook_operator.core.queries import Find
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.list_cache import Lists
from tests.builders import NAMESPACE, runbook_body
from tests.fakes.faulty_kube import SWITCH
from tests.fakes.listing_kube import Listing
from tests.fakes.rig import STOP, Rig

AUTOSCALERS = Find("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE)
RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")
EDITION = (RUNBOOK, 1)
HPAS = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"


def visits(rig: Rig, seconds: float, step: float) -> list[Visit]:
    """Visits of the idle switch over so many seconds, one every `step`."""
    switch, start = rig.store.switches[STOP], 1000.0
    found = []
    for number in range(int(seconds / step)):
        rig.reconciler.deep_checks.monotonic = lambda number=number: start + number * step  # type: ignore[misc] # bound for mypy
        found.append(rig.reconciler.begin(switch))
    return found


def told(rig: Rig, ready: str) -> None:
    """The switch as it was left: of the generation that is there, with a Ready condition."""
    body = rig.kube.objects[next(path for path in rig.kube.objects if path.endswith("shop-stop"))]
    conditions = [{"type": "Ready", "status": ready, "reason": "Ready", "lastTransitionTime": "2026-11-24T03:00:00Z"}]
    status = {"observedGeneration": 1, "conditions": conditions}
    meta = {**body["metadata"], "resourceVersion": "2"}
    rig.store.put({**body, "metadata": meta, "status": status})


async def test_restart_reads_nothing_for_reported_switches_and_looks_closely_at_intervals() -> None:
    rig = Rig()
    told(rig, "True")

    looks = [number * 10 for number, visit in enumerate(visits(rig, 2 * DEEP_CHECK_SECONDS + 20, 10)) if visit.thorough]

    assert looks[0] > 0
    assert looks[1] - looks[0] == DEEP_CHECK_SECONDS


async def test_changed_object_gets_a_close_look_at_once() -> None:
    rig = Rig()

    assert visits(rig, 10, 10)[0].thorough


async def test_edited_runbook_gives_its_switches_one_close_look() -> None:
    rig = Rig()
    told(rig, "True")
    assert not visits(rig, 5, 5)[0].thorough

    edited = runbook_body(description="Another")
    edited["metadata"] |= {"generation": 2, "resourceVersion": "2"}
    rig.store.put(edited)

    assert [visit.thorough for visit in visits(rig, 10, 5)] == [True, False]


async def test_concurrent_visits_of_idle_switches_share_their_reads() -> None:
    kube = Listing()
    lists = Lists(Paths(kube), monotonic=lambda: kube.time)

    first, second = await asyncio.gather(lists.answer(AUTOSCALERS, EDITION), lists.answer(AUTOSCALERS, EDITION))
    again = await lists.answer(AUTOSCALERS, EDITION)
    kube.time += 6
    later = await lists.answer(AUTOSCALERS, EDITION)

    assert (first, second, again, later) == ((), (), (), ())
    assert kube.asked == 2
    await lists.answer(AUTOSCALERS, (RUNBOOK, 2))
    assert kube.asked == 3


async def test_failed_list_is_repeated() -> None:
    kube = Listing()
    lists = Lists(Paths(kube), monotonic=lambda: kube.time)
    kube.error = errors.UnavailableError("500")
    with pytest.raises(errors.UnavailableError):
        await lists.answer(AUTOSCALERS, EDITION)
    kube.error = None

    assert await lists.answer(AUTOSCALERS, EDITION) == ()


async def test_throw_reads_again_despite_lists_shared_by_idle_switches() -> None:
    rig = Rig()
    rig.kube.asked.clear()
    rig.release()
    told(rig, "True")
    rig.store.put({**rig.kube.objects[SWITCH], "metadata": {**rig.kube.objects[SWITCH]["metadata"], "generation": 2}})
    await rig.reconciler.visit(STOP)
    idle = rig.kube.asked.count(HPAS)

    thrown = rig.kube._patched(SWITCH, {"metadata": {"generation": 3}, "spec": {"engaged": True}})
    rig.store.put(thrown)
    await rig.reconciler.visit(STOP)

    assert (idle, rig.kube.asked.count(HPAS)) == (1, 2)
    assert rig.kube.replicas == 0


async def test_troubled_switch_gets_frequent_close_looks() -> None:
    rig = Rig()
    told(rig, "False")

    looks = [visit for visit in visits(rig, 10 * TROUBLED_CHECK_SECONDS, 5) if visit.thorough]

    assert 9 <= len(looks) <= 11


async def test_switch_reported_not_ready_gets_a_close_look_soon() -> None:
    rig = Rig()
    rig.kube.objects.pop(next(path for path in rig.kube.objects if path.endswith("deployments/web")))
    rig.store.targets.clear()
    rig.release()
    due = list[float]()

    def add_later(key: Ref, seconds: float) -> None:
        assert key == STOP
        due.append(seconds)

    rig.queue.add_later = add_later  # type: ignore[method-assign] # it records what would be waited for

    await rig.reconciler.visit(STOP)

    ready = find(rig.store.switches[STOP].status.conditions, "Ready")
    assert ready is not None
    assert ready.status == "False"
    assert min(due) <= TROUBLED_CHECK_SECONDS
