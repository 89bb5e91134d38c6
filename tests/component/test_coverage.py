"""One namespace cannot be listed: the others are served, and its objects are not considered deleted."""

import asyncio
import logging

import pytest
from structlog.testing import capture_logs

from runbook_operator.cache.snapshot_builder import switch_snapshot
from runbook_operator.cli import run
from runbook_operator.controller.kopf_watches import Refusals
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.references import Ref, switch_ref
from runbook_operator.kube import errors
from runbook_operator.settings import Settings
from tests.builders import NAMESPACE, NOW, switch_body
from tests.fakes.list_kube import RUNBOOK, ListKube, deployment
from tests.fakes.partial_kube import OTHER, Partial, within

STOP, THERE = (switch_ref(namespace, "shop-stop") for namespace in (NAMESPACE, OTHER))
DEPLOYMENTS, SWITCHES = "deployments", "switches"


def served(*refused: str) -> tuple[Partial, run.Operator]:
    kube = Partial(*refused)
    return kube, run.Operator(Settings(namespaces=(NAMESPACE, OTHER)), kube, ListKube(), ListKube())


def look(operator: run.Operator, ref: Ref) -> object:
    """What a decision about the Switch has of its namespace's Deployment."""
    snapshot = switch_snapshot(operator.store, operator.store.switches[ref], now=NOW, new_id="a")
    return snapshot.require(Ref("apps/v1", "Deployment", ref.namespace, "web"))


def metric(operator: run.Operator) -> dict[str, float]:
    text = operator.metrics.render()[0].decode()
    lines = [line for line in text.splitlines() if line.startswith("runbook_operator_namespace_served{")]
    return {line.partition('"')[2].partition('"')[0]: float(line.split()[-1]) for line in lines}


async def test_refused_namespace_leaves_the_other_one_served() -> None:
    _, operator = served("runbooks", SWITCHES, DEPLOYMENTS, "statefulsets")

    with capture_logs() as logs:
        await operator.coverage.list_all()
        await operator.coverage.list_all()

    assert operator.coverage.begun
    assert look(operator, STOP) == observed_from(deployment())
    assert THERE not in operator.store.switches
    assert metric(operator) == {NAMESPACE: 1, OTHER: 0}
    (line,) = (one for one in logs if one["event"].startswith("cannot list"))
    assert line["event"] == (
        "cannot list runbooks.runbooks.dev, switches.runbooks.dev, deployments.apps, statefulsets.apps in namespace "
        "team-b; the operator serves the other namespaces"
    )
    assert "403" in line["error"]
    assert "kubectl get namespace team-b" in line["hint"]
    assert operator.coverage.warnings() == [line["event"]]


async def test_object_of_a_refused_kind_is_read_and_not_considered_absent() -> None:
    _, operator = served(DEPLOYMENTS)
    await operator.coverage.list_all()

    with pytest.raises(NeedsRead) as asked:
        look(operator, THERE)

    assert asked.value.queries == {Read(Ref("apps/v1", "Deployment", OTHER, "web"))}
    assert not operator.is_watched(Ref("apps/v1", "Deployment", OTHER, "web"))
    assert operator.is_watched(Ref("apps/v1", "StatefulSet", OTHER, "web"))
    assert operator.is_watched(Ref("apps/v1", "Deployment", NAMESPACE, "web"))


@pytest.mark.parametrize("kind", ["runbooks", SWITCHES])
async def test_namespace_with_refused_own_kinds_has_no_visits(kind: str) -> None:
    kube, operator = served(kind)
    await operator.coverage.list_all()
    operator.handle_event("ADDED", within(switch_body("other"), OTHER))
    operator.handle_event("ADDED", switch_body("other"))
    assert {*operator.queue._ready} == {switch_ref(NAMESPACE, "shop-other"), RUNBOOK}

    kube.refused.clear()

    assert THERE in await operator.coverage.list_all()
    operator.wake([THERE])
    assert THERE in operator.queue._ready


async def test_later_refusal_drops_no_object_and_wakes_existing_ones() -> None:
    kube, operator = served()
    await operator.coverage.list_all()
    kube.refused, kube.objects = {"runbooks", SWITCHES, DEPLOYMENTS, "statefulsets"}, []

    woken = await operator.coverage.list_all()

    assert THERE in operator.store.switches
    assert STOP not in operator.store.switches
    assert THERE in woken
    assert metric(operator) == {NAMESPACE: 1, OTHER: 0}


async def test_slow_list_leaves_a_namespace_served() -> None:
    kube, operator = served()
    await operator.coverage.list_all()
    kube.refused, kube.error = {SWITCHES}, errors.UnavailableError("503")

    with capture_logs() as logs:
        await operator.coverage.list_all()

    assert [one["event"] for one in logs] == ["a list failed; it is tried again at the next resync"]
    assert operator.coverage.serves(OTHER)


async def test_failed_first_list_leaves_later_kinds_unlisted() -> None:
    kube, operator = served(SWITCHES)
    kube.error = errors.UnavailableError("503")

    await operator.coverage.list_all()

    assert not operator.coverage.knows(OTHER)
    assert not operator.is_watched(Ref("apps/v1", "Deployment", OTHER, "web"))


async def test_namespace_that_can_be_listed_again_is_served_without_a_restart_and_logged_once() -> None:
    kube, operator = served(DEPLOYMENTS, "statefulsets")
    await operator.coverage.list_all()
    kube.refused.clear()

    with capture_logs() as logs:
        running = asyncio.create_task(operator.coverage.run())
        async with asyncio.timeout(60):
            while not operator.coverage.serves(OTHER):  # noqa: ASYNC110 # no event is set for it
                await asyncio.sleep(0)
            await operator.coverage.list_all()
        running.cancel()

    assert [(one["event"], one["namespace"]) for one in logs] == [("can list again; the operator serves it", OTHER)]
    assert look(operator, THERE) == observed_from(within(deployment(), OTHER))
    assert THERE in operator.queue._ready


async def test_refusal_found_by_a_resync_is_retried_before_the_next_resync() -> None:
    kube, operator = served()
    running = asyncio.create_task(operator.coverage.run())
    await operator.coverage.list_all()
    await asyncio.sleep(0)
    kube.refused.add(DEPLOYMENTS)
    await operator.coverage.list_all()
    assert not operator.coverage.serves(OTHER)
    kube.refused.clear()
    kube.asked.clear()

    async with asyncio.timeout(60):
        while not operator.coverage.serves(OTHER):  # noqa: ASYNC110 # as above
            await asyncio.sleep(0)
    running.cancel()
    assert kube.asked == [f"/apis/apps/v1/namespaces/{OTHER}/deployments"]


async def test_refused_watch_triggers_a_list_of_its_namespace() -> None:
    kube, operator = served()
    await operator.coverage.list_all()
    kube.refused.add(DEPLOYMENTS)
    running = asyncio.create_task(operator.coverage.run())
    await asyncio.sleep(0)

    operator.coverage.suspect("nobody's")
    operator.coverage.suspect(OTHER)

    async with asyncio.timeout(60):
        while operator.coverage.serves(OTHER):  # noqa: ASYNC110 # as above
            await asyncio.sleep(0)
    running.cancel()
    assert operator.coverage.serves(NAMESPACE)


async def test_operator_without_served_namespace_is_unready_and_partly_served_one_warns() -> None:
    _, one = served(DEPLOYMENTS)
    alone = run.Operator(Settings(namespaces=(OTHER,)), Partial(DEPLOYMENTS), ListKube(), ListKube())
    for operator in (one, alone):
        operator.elector.contact = operator.elector.monotonic()
        assert operator.unready() == ["the first list of all objects is not complete yet"]
        await operator.coverage.list_all()

    assert one.unready() == []
    assert alone.unready() == ["cannot list deployments.apps in namespace team-b; none is served"]


async def test_missing_objects_are_logged_as_error_and_as_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object) -> set[str]:
        return set()

    monkeypatch.setattr(run, "own_addresses", nobody)
    kube = Partial("runbooks")
    operator = run.Operator(Settings(namespaces=(OTHER,)), kube, ListKube(), ListKube())

    async def ending() -> None:
        while not logs:  # noqa: ASYNC110 # as above
            await asyncio.sleep(0)
        kube.refused.clear()
        await asyncio.Event().wait()

    with capture_logs() as logs:
        task = asyncio.create_task(ending())
        assert await operator._first_sync(task)
        task.cancel()

    told = [one["event"] for one in logs if "list" in one["event"]]
    assert told == ["cannot list yet; the operator tries again", "can list now"]


def test_kopf_messages_about_a_refused_watch_are_not_logged() -> None:
    told: list[str] = []
    refusals = Refusals(told.append)

    def passes(text: str) -> bool:
        return refusals.filter(logging.LogRecord("kopf", logging.ERROR, "", 1, text, (), None))

    url = "GET https://10.0.0.1/apis/apps/v1/namespaces/team-b/deployments?watch=true"
    assert not passes(f"Request attempt #3 failed; will retry: {url} -> APIForbiddenError('no', {{}})")
    assert passes(f"Request attempt #3 failed; will retry: {url} -> APIServerError('no', {{}})")
    assert told == ["team-b"]
