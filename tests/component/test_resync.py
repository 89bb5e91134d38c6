"""A list finds what a watch missed; the connection of the next throw is kept open."""

import asyncio
import gc

import pytest

from runbook_operator.cache.namespace_coverage import Coverage
from runbook_operator.cache.store import Store
from runbook_operator.cli import run
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.references import Ref, switch_ref
from runbook_operator.settings import Settings
from tests.builders import NAMESPACE, runbook_body, switch_body
from tests.fakes.list_kube import RUNBOOK, ListKube, deployment
from tests.listing import nobody, resync

STOP = switch_ref(NAMESPACE, "shop-stop")


async def test_list_stores_and_wakes_every_object_once() -> None:
    store, kube = Store(), ListKube(runbook_body(), switch_body(), deployment())
    coverage = Coverage(kube, store, (), lambda: nobody, lambda _: None)

    assert await coverage.list_all() == {RUNBOOK, STOP}
    assert await coverage.list_all() == frozenset()
    assert store.targets[observed_from(deployment()).ref] == observed_from(deployment())


async def test_list_is_reported_for_switches_and_declared_targets() -> None:
    other = deployment()
    other["metadata"] = {**other["metadata"], "name": "other", "uid": "other-1"}
    store, kube = Store(), ListKube(runbook_body(), switch_body(), deployment(), other)
    told: list[tuple[Ref, str]] = []

    def listed(ref: Ref, version: str) -> bool:
        told.append((ref, version))
        return True

    await resync(kube, store, (), listed)

    assert told == [(STOP, "1"), (observed_from(deployment()).ref, "1")]


@pytest.mark.parametrize("counts", [True, False])
async def test_switch_listed_at_rest_by_the_leader_has_not_acted(counts: bool) -> None:  # noqa: FBT001 # a parameter
    prepared = {"engagementId": "a", "generation": 1, "fields": []}
    thrown = switch_body("thrown") | {"status": {"prepared": prepared}}
    thrown["metadata"]["generation"] = 2
    store, kube = Store(), ListKube(runbook_body(), switch_body(), thrown)

    await resync(kube, store, (), lambda _ref, _version: counts)

    assert store.unconfirmed_throws.may_have_acted(STOP) is not counts
    assert store.unconfirmed_throws.may_have_acted(switch_ref(NAMESPACE, "shop-thrown"))


async def test_start_of_leadership_triggers_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = asyncio.Event()

    async def noted(_: run.Operator) -> frozenset[Ref]:
        listed.set()
        return frozenset()

    monkeypatch.setattr(run, "RELIST_AFTER_TAKEOVER", 0.01)
    monkeypatch.setattr(run.Operator, "_resync", noted)
    operator = run.Operator(Settings(), ListKube(), ListKube(), ListKube())
    running = asyncio.create_task(operator._resync_for_ever())
    await asyncio.sleep(0.05)
    assert not listed.is_set()

    operator.lead()

    await asyncio.wait_for(listed.wait(), 60)
    running.cancel()


async def test_repeated_starts_of_leadership_do_not_list_continuously(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed: list[float] = []
    time = asyncio.get_running_loop().time

    async def slowly(_: run.Operator) -> frozenset[Ref]:
        await asyncio.sleep(0.05)
        listed.append(time())
        return frozenset()

    monkeypatch.setattr(run, "RELIST_AFTER_TAKEOVER", 0.01)
    monkeypatch.setattr(run.Operator, "_resync", slowly)
    operator = run.Operator(Settings(), ListKube(), ListKube(), ListKube())
    running = asyncio.create_task(operator._resync_for_ever())
    async with asyncio.timeout(60):
        while len(listed) < 2:
            operator.lead()
            await asyncio.sleep(0.01)
    running.cancel()

    assert listed[1] - listed[0] >= 0.5


async def test_deletion_missed_by_a_watch_is_found() -> None:
    store, kube = Store(), ListKube(runbook_body(), switch_body(), deployment())
    await resync(kube, store, (), nobody)
    kube.objects = [runbook_body()]

    woken = await resync(kube, store, (), nobody)

    assert woken == {RUNBOOK}
    assert (store.switches, store.targets) == ({}, {})


async def test_object_of_another_namespace_is_not_considered_deleted() -> None:
    store, kube = Store(), ListKube(switch_body())
    await resync(kube, store, (), nobody)
    kube.objects = []

    await resync(kube, store, ("elsewhere",), nobody)

    assert STOP in store.switches


async def test_connection_is_kept_warm_by_discovery_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "KEEPALIVE_SECONDS", 0.001)
    kube = ListKube()
    operator = run.Operator(Settings(), kube, ListKube(), ListKube())

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await operator._keep_connection_open()

    assert set(kube.asked) == {"/apis"}
    observed = len(kube.asked)
    scaled = Ref("keda.sh/v1alpha1", "ScaledObject", NAMESPACE, "")
    assert await operator.paths.resource(scaled, surely=False) is None
    assert len(kube.asked) == observed


async def test_objects_found_by_a_resync_are_frozen_for_the_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nobody(*_: object) -> set[str]:
        return set()

    monkeypatch.setattr(run, "own_addresses", nobody)
    operator = run.Operator(Settings(), ListKube(runbook_body(), switch_body()), ListKube(), ListKube())
    gc.unfreeze()

    await operator._resync()

    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen > 0
    assert RUNBOOK in operator.store.runbooks
