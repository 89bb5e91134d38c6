"""A lever that moves, in the whole operator: what a person waits for goes before all that only has its time."""

import asyncio

import pytest

from runbook_operator.cache.status_deferral import CALM, StatusDeferral
from runbook_operator.cli import run
from runbook_operator.controller.reconciler import Reconciler
from runbook_operator.controller.switch_controller import SwitchController
from runbook_operator.core.references import API_VERSION, Ref, switch_ref
from runbook_operator.kube.client import Body
from runbook_operator.settings import Settings
from tests.builders import NAMESPACE, runbook_body, switch_body
from tests.fakes.list_kube import ListKube
from tests.fakes.rig import Rig

STOP = switch_ref(NAMESPACE, "shop-stop")
OTHER = switch_ref(NAMESPACE, "other-stop")


@pytest.mark.parametrize(("before", "after"), [(None, True), (True, None)])
async def test_thrown_or_released_switch_is_visited_first(
    before: bool | None,  # noqa: FBT001 # as spec.engaged has it
    after: bool | None,  # noqa: FBT001
) -> None:
    operator = run.Operator(Settings(), ListKube(), ListKube(), ListKube())
    operator.handle_event("ADDED", runbook_body())
    operator.handle_event("ADDED", at("2", switch_body(engaged=before)))
    operator.wake(Ref(API_VERSION, "Runbook", NAMESPACE, f"r{number}") for number in range(9))

    operator.handle_event("MODIFIED", at("3", switch_body(engaged=after)))
    operator.queue.resume()

    assert await first(operator) == STOP


@pytest.mark.parametrize(("engaged", "generation", "goes_first"), [(True, 2, True), (True, 1, False), (None, 2, False)])
async def test_switch_thrown_without_a_leader_is_visited_first_by_the_next(
    engaged: bool | None,  # noqa: FBT001 # as spec.engaged has it
    generation: int,
    goes_first: bool,  # noqa: FBT001
) -> None:
    operator = run.Operator(Settings(), ListKube(), ListKube(), ListKube())
    operator.handle_event(None, runbook_body())
    body = switch_body(engaged=engaged)
    body["metadata"]["generation"] = generation
    operator.handle_event(None, body | {"status": {"observedGeneration": 1}})

    operator.lead()

    assert (await first(operator) == STOP) is goes_first


async def test_many_thrown_switches_all_take_effect_before_any_status_write() -> None:
    rig = Rig()
    found: list[tuple[Ref, int, str]] = []
    finished = asyncio.Event()

    async def visit(key: Ref) -> None:
        found.append((key, rig.kube.replicas, rig.store.switches[STOP].status.phase or ""))
        await rig.reconciler.visit(key)
        if rig.store.switches[STOP].status.phase == "Engaged":
            finished.set()

    for key in (STOP, OTHER):
        rig.queue.add(key, urgent=True)
    rig.queue.resume()
    worker = asyncio.create_task(rig.queue.work(visit))
    await asyncio.wait_for(finished.wait(), 60)
    worker.cancel()

    assert found == [(STOP, 3, "Released"), (OTHER, 0, "Engaging"), (STOP, 0, "Engaging")]


async def test_first_of_several_throws_is_reported_after_the_last_throw() -> None:
    rig = stopped_clock()
    rig.queue.resume()
    status_deferral(rig.reconciler).moved(STOP)
    status_deferral(rig.reconciler).moved(OTHER)

    await acts_and_tells_later(rig)


async def test_deferred_status_is_written_after_the_last_effect() -> None:
    rig = stopped_clock()
    rig.queue.resume()
    rig.queue.add(OTHER, urgent=True)

    await acts_and_tells_later(rig)


async def test_throw_defers_the_status_of_other_switches() -> None:
    operator = run.Operator(Settings(), ListKube(), ListKube(), ListKube())
    operator.handle_event("ADDED", runbook_body())
    operator.handle_event("ADDED", at("2", switch_body()))
    status_deferral(operator.reconciler).acted(Ref(API_VERSION, "Switch", NAMESPACE, "other"), 1)

    operator.handle_event("MODIFIED", at("3", switch_body(engaged=True)))

    assert status_deferral(operator.reconciler).waits(Ref(API_VERSION, "Switch", NAMESPACE, "other"), 1)


def status_deferral(reconciler: Reconciler) -> StatusDeferral:
    """The switches whose statuses are deferred."""
    controller = reconciler.controllers["Switch"]
    assert isinstance(controller, SwitchController)
    return controller.status_deferral


def stopped_clock() -> Rig:
    """A rig whose bursts see no time pass, however slow the machine is."""
    rig = Rig()
    status_deferral(rig.reconciler).monotonic = lambda: 0.0
    return rig


async def acts_and_tells_later(rig: Rig) -> None:
    """Nothing is told of it in a visit, and it is told of once the others have been visited."""
    await rig.reconciler.visit(STOP)
    assert (rig.kube.replicas, rig.store.switches[STOP].status.phase) == (0, "Engaging")
    await rig.reconciler.visit(STOP)
    assert rig.store.switches[STOP].status.phase == "Engaging"

    status_deferral(rig.reconciler).monotonic = lambda: CALM
    worker = asyncio.create_task(rig.queue.work(rig.reconciler.visit))
    async with asyncio.timeout(60):
        while rig.store.switches[STOP].status.phase != "Engaged":  # noqa: ASYNC110 # another task moves it
            await asyncio.sleep(CALM / 10)
    worker.cancel()


def at(version: str, body: Body) -> Body:
    return {**body, "metadata": {**body["metadata"], "resourceVersion": version}}


async def first(operator: run.Operator) -> Ref:
    """Which is visited first."""
    visited: asyncio.Queue[Ref] = asyncio.Queue()
    worker = asyncio.create_task(operator.queue.work(visited.put))
    found = await visited.get()
    worker.cancel()
    return found
