"""A watch begins while the objects that it is to report are created and deleted."""

import asyncio
from typing import Any

import pytest

from runbook_operator.cache.store import Store
from runbook_operator.core.references import Ref
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.dynamic_watcher import Follower, Kind
from tests.builders import NAMESPACE, observed
from tests.fakes.late_kube import Body, LateKube

JOBS: Kind = ("batch/v1", "Job", NAMESPACE)
JOB = Ref("batch/v1", "Job", NAMESPACE, "web")


class Following(Store):
    """A store in which Jobs are held."""

    def held_kinds(self) -> frozenset[Kind]:
        return frozenset({JOBS})


async def told(kube: LateKube, store: Store, meanwhile: str, before: str = "") -> list[tuple[str | None, str]]:
    """What is told of a Job that the list lacks: it was there `before`, or is made at the version `meanwhile`."""
    events: list[tuple[str | None, str]] = []

    def sink(event: str | None, body: Body) -> None:
        events.append((event, body["metadata"]["uid"]))

    follower = Follower(Paths(kube), store, sink, 15, 300.0)
    if before:
        store.put_target(job(before))
    follower.sync_watches()
    running = asyncio.create_task(follower.run())
    await asyncio.wait_for(kube.asked.wait(), 60)
    if meanwhile:
        store.put_target(job(meanwhile))
    kube.answer.set()
    assert await asyncio.wait_for(follower.trouble(JOBS), 60) is None
    running.cancel()
    return events


def job(version: str) -> Any:
    return observed(1, ref=JOB, version=version, uid="job-1")


@pytest.mark.parametrize(
    ("before", "meanwhile", "events"),
    [
        ("", "9", [("DELETED", "job-1")]),
        ("", "11", []),
        ("9", "", [("DELETED", "job-1")]),
        ("", "", []),
    ],
    ids=["made and deleted before the list", "made after the list", "gone before", "never there"],
)
async def test_object_missing_in_a_later_list_is_deleted(
    before: str, meanwhile: str, events: list[tuple[str | None, str]]
) -> None:
    assert await told(LateKube(), Following(), meanwhile, before) == events


async def test_object_in_a_list_is_reported_unchanged() -> None:
    kube = LateKube()
    kube.listed = [{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web", "uid": "job-1"}}]

    assert await told(kube, Following(), "9") == [(None, "job-1")]
