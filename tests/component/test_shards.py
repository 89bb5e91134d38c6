"""A replica that leads some shards: what begins and ends with each, and what stays as it is."""

import asyncio
from collections.abc import Callable

import pytest

from runbook_operator.api.parsing import parse_switch
from runbook_operator.cli import run
from runbook_operator.core.references import API_VERSION, Ref, switch_ref
from runbook_operator.core.sharding import in_shards
from runbook_operator.core.signals import Signal
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.leadership.shard_election import ShardElector
from runbook_operator.settings import Settings
from tests.builders import NOW, runbook_body, switch_body
from tests.fakes.list_kube import ListKube
from tests.shards import MINE, OTHER, waiting, within

SAID = (Signal("Dependency", "model", "Engage"),)


def runbook(namespace: str) -> Ref:
    return Ref(API_VERSION, "Runbook", namespace, "shop")


def stop(namespace: str) -> Ref:
    return switch_ref(namespace, "shop-stop")


@pytest.fixture
def operator() -> run.Operator:
    """With a Runbook and a Switch in two namespaces, of which one is in a shard that it leads."""
    made = run.Operator(Settings(shards=8), ListKube(), ListKube(), ListKube())
    for namespace in (MINE, OTHER):
        for body in (runbook_body(), switch_body()):
            made.handle_event(None, within(namespace, body))
    return made


@pytest.fixture
def leads(operator: run.Operator) -> Callable[..., None]:
    """Say which shards it has from now on, as if the Leases did."""
    assert isinstance(operator.elector, ShardElector)
    elector = operator.elector

    def say(*shards: int) -> None:
        elector._fence = elector._layout.fence = elector.monotonic() + 60
        elector._held = set(shards)
        elector._notify()

    return say


def test_only_objects_of_held_shards_are_visited(operator: run.Operator, leads: Callable[..., None]) -> None:
    assert waiting(operator) == set()

    leads(2)
    operator.wake([runbook(OTHER), stop(OTHER)])

    assert waiting(operator) == {runbook(MINE), stop(MINE)}
    assert not operator.queue.paused


def test_gained_shard_starts_again_only_with_its_objects(operator: run.Operator, leads: Callable[..., None]) -> None:
    leads(2)
    operator.queue._ready.clear()
    for namespace in (MINE, OTHER):
        operator.store.set_signals(stop(namespace), SAID)
        operator.executor.reader.read_versions.note(stop(namespace), "7")
        operator.monitoring.sync(runbook(namespace))

    leads(2, 5)

    assert waiting(operator) == {runbook(OTHER), stop(OTHER)}
    assert operator.store.signals_of(stop(MINE)) == SAID
    assert operator.store.signals_of(stop(OTHER)) == ()
    assert operator.executor.reader.read_versions.version(stop(MINE)) == "7"
    assert operator.executor.reader.read_versions.version(stop(OTHER)) is None
    assert set(operator.monitoring._watched) == {runbook(MINE)}


def test_lost_shard_is_neither_checked_nor_counted(operator: run.Operator, leads: Callable[..., None]) -> None:
    leads(2, 5)
    for namespace in (MINE, OTHER):
        operator.monitoring.sync(runbook(namespace))
        operator.store.ledger.reserve(operator.store.switches[stop(namespace)], NOW)
    assert len(_acts(operator).acting) == 2

    leads(2)

    assert set(operator.monitoring._watched) == {runbook(MINE)}
    assert _acts(operator).acting == {runbook(MINE)}
    assert operator.scheduler.may_ask(runbook(MINE))
    assert not operator.scheduler.may_ask(runbook(OTHER))


def _acts(operator: run.Operator):  # type: ignore[no-untyped-def] # noqa: ANN202 # what a decision about a third one knows
    third = parse_switch(within("elsewhere", switch_body()))
    return operator.store.ledger.acts(third, NOW)


async def test_write_in_a_foreign_shard_is_refused(operator: run.Operator, leads: Callable[..., None]) -> None:
    kube = operator.kube
    leads(2)
    path = "/apis/runbooks.dev/v1alpha1/namespaces/{}/switches/shop-stop/status"

    assert kube.may_write(path.format(MINE))
    assert not kube.may_write(path.format(OTHER))
    assert kube.may_write("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    leads()
    assert not kube.may_write(path.format(MINE))
    assert not kube.may_write("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    with pytest.raises(errors.NotLeadingError, match="does not lead there"):
        await Kube.request(kube, "PATCH", path.format(MINE), body={})


async def test_decision_during_the_loss_of_a_shard_does_not_count(
    operator: run.Operator, leads: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    leads(2, 5)

    async def look(key: Ref) -> None:
        leads(2)
        operator.store.ledger.reserve(operator.store.switches[key], NOW)
        raise errors.NotLeadingError("it lapsed in the middle")

    monkeypatch.setattr(operator.reconciler, "_visit_object", look)
    await operator.reconciler.visit(stop(OTHER))

    assert _acts(operator).acting == frozenset()


async def test_shard_is_busy_during_a_visit(operator: run.Operator, leads: Callable[..., None]) -> None:
    assert isinstance(operator.elector, ShardElector)
    leads(2)
    going = asyncio.Event()

    async def visit(key: Ref) -> None:
        assert in_shards({2}, 8)(key)
        await going.wait()

    worker = asyncio.create_task(operator.queue.work(visit))
    await asyncio.sleep(0)

    assert operator.elector.is_busy(2)
    assert not operator.elector.is_busy(5)
    going.set()
    await operator.queue.idle()
    worker.cancel()


async def test_metrics_show_the_held_shards(operator: run.Operator, leads: Callable[..., None]) -> None:
    leads(2)

    text = operator.metrics.render()[0].decode()

    assert "runbook_operator_leading 1.0" in text
    assert "runbook_operator_shards_held 1.0" in text
    assert 'runbook_operator_shard_leading{shard="2"} 1.0' in text
    assert 'runbook_operator_shard_leading{shard="7"} 0.0' in text


def test_audit_line_has_the_epoch_of_its_shard(operator: run.Operator) -> None:
    assert isinstance(operator.elector, ShardElector)
    operator.elector._epochs = {2: 7}

    assert operator.executor.reporter.audit.epoch(MINE) == 7
    assert operator.executor.reporter.audit.epoch(OTHER) == 0


async def test_leaving_replica_takes_no_visit_and_releases_its_shards_once_idle(
    operator: run.Operator, leads: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    elector = operator.elector
    assert isinstance(elector, ShardElector)
    leads(2)
    going, done = asyncio.Event(), list[str]()

    async def visit(key: Ref) -> None:
        del key
        await going.wait()
        assert elector._stopping
        done.append("visit")

    async def release() -> None:
        done.append("release")

    monkeypatch.setattr(elector, "release", release)
    worker = asyncio.create_task(operator.queue.work(visit))
    await asyncio.sleep(0)
    ending = asyncio.create_task(operator._stop())
    await asyncio.sleep(0)
    going.set()
    await ending
    worker.cancel()

    assert done == ["visit", "release"]
