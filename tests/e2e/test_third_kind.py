"""A third kind in one file: it is granted, listed, watched, reconciled, requeued, sharded and uninstalled.

A Drill shows the title of its Runbook, holds a finalizer, and is over at `spec.until`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import yaml
from pydantic import AwareDatetime, Field

from runbook_operator.api.conditions import Condition, Finding, condition
from runbook_operator.api.crd_generation import crd
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.rbac_generation import people, roles
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.resource_kind import AGE, Column, ParsedObject, ResourceKind
from runbook_operator.api.switch import FINALIZER
from runbook_operator.cache.store import Store
from runbook_operator.cli import run, uninstall
from runbook_operator.controller.reconciler import AnyStep, KindController
from runbook_operator.controller.registered_controllers import CONTROLLERS
from runbook_operator.controller.visits import Visit
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.rbac_rules import READ
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import API_VERSION, Meta, Ref
from runbook_operator.kube.connections import connections
from runbook_operator.leadership.shard_election import ShardElector
from runbook_operator.reconcile.steps import SetFinalizers, WriteStatus
from runbook_operator.settings import Settings
from tests.builders import runbook_body
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, eventually, kubectl, runbook
from tests.fakes.list_kube import ListKube
from tests.listing import nobody, resync
from tests.shards import MINE, OTHER, waiting, within

PATH = "/apis/runbooks.dev/v1alpha1/namespaces/{}/drills/restore"


class DrillSpec(ApiModel):
    """What is rehearsed."""

    runbook: str = Field(description="Name of the Runbook.")
    until: AwareDatetime = Field(description="When the drill is over.")


class DrillStatus(ObjectStatus):
    """State of the drill."""

    title: str = Field("", description="Title of the Runbook.")
    over: bool = Field(False, description="True if the drill is over.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready.")


Drill = ParsedObject[DrillSpec, DrillStatus]


@dataclass(frozen=True)
class DrillSnapshot:
    drill: Drill
    title: str
    now: datetime

    @property
    def actor(self) -> Meta:
        return self.drill.meta


class DrillController(KindController[Drill, DrillSnapshot]):
    def snapshot(self, found: Drill, visit: Visit) -> DrillSnapshot:
        del visit
        of = self.store.declaring(found)
        return DrillSnapshot(found, of.spec.title if of and of.spec else "", self.loop.now())

    def next_step(self, snapshot: DrillSnapshot) -> AnyStep | None:
        meta, old = snapshot.actor, snapshot.drill.status
        if meta.deleting:
            return SetFinalizers(meta, ()) if meta.finalizers else None
        if not meta.finalizers:
            return SetFinalizers(meta, (FINALIZER,))
        ready = condition(old.conditions, "Ready", Finding(True, Reason.READY, ""), meta.generation, snapshot.now)
        new = DrillStatus(
            observed_generation=meta.generation,
            title=snapshot.title,
            over=snapshot.now >= snapshot.drill.spec.until,
            conditions=[ready],
        )
        return WriteStatus(meta, new) if new != old else None

    def requeue(self, snapshot: DrillSnapshot) -> datetime | None:
        return None if snapshot.drill.status.over else snapshot.drill.spec.until


def runbook_of(drill: Drill) -> Ref:
    return Ref(API_VERSION, "Runbook", drill.meta.ref.namespace, drill.spec.runbook)


DRILL = ResourceKind(
    kind="Drill",
    plural="drills",
    short_names=("dr",),
    spec=DrillSpec,
    status=DrillStatus,
    description="A rehearsal of a Runbook.",
    summary="A rehearsal of a Runbook.",
    columns=(Column("Title", ".status.title"), AGE),
    rights={"": (*READ, "patch"), "/status": ("patch",)},
    people={"runbook-viewer": (READ,)},
    runbook_of=runbook_of,
)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RESOURCE_KINDS, DRILL.gvk, DRILL)
    monkeypatch.setitem(CONTROLLERS, DRILL.kind, DrillController)


@pytest.fixture
def served(cluster: Cluster) -> Iterator[Cluster]:
    """The API server serves Drills, by the CRD that is generated from the models."""
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(crd(DRILL)))
    kubectl("wait", "--for=condition=Established", f"crd/{DRILL.crd_name}", "--timeout=60s")
    yield cluster
    kubectl("delete", f"crd/{DRILL.crd_name}", "--wait=false")


def drill_body(namespace: str, *, until: datetime = datetime(2999, 1, 1, tzinfo=UTC)) -> Body:
    meta = {"name": "restore", "namespace": namespace, "uid": f"drill-{namespace}", "resourceVersion": "1"}
    spec = {"runbook": "shop", "until": until.isoformat()}
    return {"apiVersion": API_VERSION, "kind": "Drill", "metadata": meta, "spec": spec}


def drill_ref(namespace: str) -> Ref:
    return Ref(API_VERSION, "Drill", namespace, "restore")


def created(namespace: str, **rest: Any) -> None:
    body = drill_body(namespace, **rest)
    api.create(PATH.format(namespace).rpartition("/")[0], body | {"metadata": {"name": "restore"}})


@asynccontextmanager
async def serving(namespace: str) -> AsyncIterator[run.Operator]:
    """An operator of this process on the real API server, with kopf's watches."""
    settings, ending = Settings(namespaces=(namespace,), lease_namespace=namespace, http_port=0), asyncio.Event()

    async def until() -> None:
        await ending.wait()

    async with connections(settings) as made:
        operator = run.Operator(settings, made.work, made.lease, made.watches)
        running = asyncio.create_task(operator.run(until))
        try:
            yield operator
        finally:
            ending.set()
            await running


async def until(what: str, check: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(eventually, what, check)


async def test_third_kind_is_watched_reconciled_requeued_and_released(served: Cluster) -> None:
    path = PATH.format(served.namespace)

    def status() -> Body:
        return cast("Body", api.get(path).get("status", {}))

    async with serving(served.namespace):
        await asyncio.to_thread(served.create, runbook())
        await asyncio.to_thread(created, served.namespace, until=datetime.now(UTC) + timedelta(seconds=3))  # noqa: TID251 # the API server's clock
        await until("the Drill has the Runbook's title", lambda: status().get("title") == "Shop")
        assert (await asyncio.to_thread(api.get, path))["metadata"]["finalizers"] == [FINALIZER]
        await until("time alone ends the Drill", lambda: status().get("over"))

        where = api.path("runbook", served.namespace, "shop")
        await asyncio.to_thread(api.patch, where, {"spec": {"title": "Another"}})
        await until("the Drill follows its Runbook", lambda: status().get("title") == "Another")

        await asyncio.to_thread(api.delete, path)
        await until("the Drill is gone", lambda: not drills(served.namespace))


async def test_uninstall_removes_the_finalizer_of_a_third_kind(served: Cluster) -> None:
    await asyncio.to_thread(created, served.namespace)
    await asyncio.to_thread(api.patch, PATH.format(served.namespace), {"metadata": {"finalizers": [FINALIZER]}})

    async with connections(Settings(namespaces=(served.namespace,))) as made:
        assert await uninstall.forget(made.work, [served.namespace], 60) == []

    (left,) = await asyncio.to_thread(drills, served.namespace)
    assert "finalizers" not in left["metadata"]


def drills(namespace: str) -> list[Body]:
    return cast("list[Body]", api.get(PATH.format(namespace).rpartition("/")[0])["items"])


def test_generated_roles_grant_a_third_kind(served: Cluster) -> None:
    name, account = f"drill-{served.namespace}", f"system:serviceaccount:{served.namespace}:operator"
    (base,) = (one for one in roles() if one["metadata"]["name"] == "runbook-operator")
    (viewer,) = (one for one in people() if one["metadata"]["name"] == "runbook-viewer")
    for role, subject in ((base, f"--serviceaccount={served.namespace}:operator"), (viewer, "--user=reader")):
        granted = f"{name}-{role['metadata']['name']}"
        document = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": granted}}
        served.apply(document | {"rules": role["rules"]})
        served.run("create", "rolebinding", granted, f"--role={granted}", subject)

    for verb, resource in (("watch", "drills"), ("patch", "drills"), ("patch", "drills/status")):
        assert may(served, account, verb, resource), f"{verb} {resource}"
    assert not may(served, account, "delete", "drills")
    assert may(served, "reader", "list", "drills")
    assert not may(served, "reader", "patch", "drills")


def may(cluster: Cluster, user: str, verb: str, resource: str) -> bool:
    attributes = {"namespace": cluster.namespace, "verb": verb, "group": "runbooks.dev", "version": "v1alpha1"}
    plural, _, part = resource.partition("/")
    spec = {"user": user, "resourceAttributes": attributes | {"resource": plural, "subresource": part}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer = api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


async def test_resync_finds_a_third_kind_that_the_watch_missed_and_its_deletion() -> None:
    store, kube = Store(), ListKube(runbook_body(), drill_body("shop"))

    assert drill_ref("shop") in await resync(kube, store, (), nobody)
    kube.objects.pop()
    await resync(kube, store, (), nobody)

    assert store.own(drill_ref("shop")) is None


def test_change_of_a_runbook_reconciles_the_third_kind_that_belongs_to_it() -> None:
    store = Store()
    store.put(drill_body("shop"))

    assert drill_ref("shop") in store.put(runbook_body())
    assert drill_ref("shop") in store.drop(Ref(API_VERSION, "Runbook", "shop", "shop"), "rb-1")


async def test_third_kind_is_visited_where_its_shard_is_led_only() -> None:
    operator = run.Operator(Settings(shards=8), ListKube(), ListKube(), ListKube())
    for namespace in (MINE, OTHER):
        operator.handle_event(None, within(namespace, drill_body(namespace)))
    elector = operator.elector
    assert isinstance(elector, ShardElector)
    elector._fence = elector._layout.fence = elector.monotonic() + 60
    elector._held = {2}
    elector._notify()

    assert waiting(operator) == {drill_ref(MINE)}
