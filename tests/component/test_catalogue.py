"""Watches answer the lists of kinds with few objects, so that a decision does not read them."""

import asyncio
from typing import Any, Self

import pytest

from runbook_operator.controller.visits import Visit
from runbook_operator.core.accounts import Account
from runbook_operator.core.queries import Find, Read
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.list_cache import Lists
from runbook_operator.kube.scaler_and_route_cache import UNUSED, Catalogue
from tests.fakes.rig import STOP, Rig
from tests.fakes.watched_kinds import ALL, HPAS, Body, Kinds

IN_SHOP = HPAS.format("namespaces/shop/")


def hpas(namespace: str) -> Find:
    return Find("autoscaling/v2", "HorizontalPodAutoscaler", namespace)


def hpa(name: str, namespace: str = "shop", uid: str = "1") -> Body:
    meta = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": "2", "managedFields": [{}]}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": {}}


class Following:
    """A catalogue whose watches run for as long as the test."""

    def __init__(self, kube: Kinds, **settings: Any) -> None:
        self.kube, self.time = kube, 0.0
        self.catalogue = Catalogue(Paths(kube), monotonic=lambda: self.time, **settings)

    async def __aenter__(self) -> Self:
        self.running = asyncio.create_task(self.catalogue.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    def names(self, namespace: str = "shop") -> list[str] | None:
        found = self.catalogue.find(hpas(namespace))
        return None if found is None else [one["metadata"]["name"] for one in found]

    async def told(self, namespace: str = "shop") -> list[str]:
        """The names as soon as a watch tells them."""
        self.names(namespace)
        kind = self.catalogue._needs.kind(("autoscaling/v2", "HorizontalPodAutoscaler"), namespace)
        async with asyncio.timeout(60):
            assert await self.catalogue.follower.trouble(kind) is None
        return self.names(namespace) or []

    async def happens(self, event: str, body: Body) -> None:
        self.kube.events.put_nowait((event, body))
        async with asyncio.timeout(60):
            await self.kube.events.join()


async def test_first_question_starts_a_watch_that_answers() -> None:
    async with Following(Kinds(hpa("web"))) as one:
        assert one.names() is None

        assert await one.told() == ["web"]
        assert one.kube.asked == [IN_SHOP]


async def test_added_and_deleted_objects_are_noticed() -> None:
    async with Following(Kinds(hpa("web"))) as one:
        await one.told()

        await one.happens("ADDED", hpa("api", uid="2"))
        await one.happens("DELETED", hpa("web"))

        assert one.names() == ["api"]


async def test_recreated_object_survives_the_deletion_event_of_the_old_one() -> None:
    async with Following(Kinds(hpa("web", uid="2"))) as one:
        await one.told()

        await one.happens("DELETED", hpa("web", uid="1"))

        assert one.names() == ["web"]


async def test_managed_fields_are_not_stored() -> None:
    async with Following(Kinds(hpa("web"))) as one:
        await one.told()

        (found,) = one.catalogue.find(hpas("shop")) or ()

        assert "managedFields" not in found["metadata"]


async def test_second_namespace_switches_to_one_cluster_watch() -> None:
    async with Following(Kinds(hpa("web"), hpa("pay", "bank"), hpa("other", "else"))) as one:
        assert await one.told() == ["web"]

        assert await one.told("bank") == ["pay"]
        assert await one.told("shop") == ["web"]
        assert one.kube.asked == [IN_SHOP, ALL]


async def test_scoped_operator_watches_each_of_its_namespaces() -> None:
    async with Following(Kinds(hpa("web"), hpa("pay", "bank")), namespaces=["shop", "bank"]) as one:
        await one.told("shop")
        await one.told("bank")

        assert one.kube.asked == [IN_SHOP, HPAS.format("namespaces/bank/")]


async def test_scoped_operator_asked_in_two_namespaces_watches_all_of_them() -> None:
    bodies = (hpa("web"), hpa("pay", "bank"), hpa("other", "else"))
    async with Following(Kinds(*bodies), namespaces=["shop", "bank", "else"]) as one:
        await one.told("shop")
        assert one.kube.asked == [IN_SHOP]

        await one.told("bank")

        assert one.names("else") == ["other"]
        assert sorted(one.kube.asked) == sorted(HPAS.format(f"namespaces/{name}/") for name in ("shop", "bank", "else"))


async def test_forbidden_watch_falls_back_to_reads() -> None:
    kube = Kinds(hpa("web"))
    kube.error = errors.ForbiddenError("403")
    async with Following(kube) as one:
        one.names()
        await one.catalogue.follower.trouble(("autoscaling/v2", "HorizontalPodAutoscaler", "shop"))

        lists = Lists(Paths(kube), one.catalogue.find)

        assert [body["metadata"]["name"] for body in await lists.answer(hpas("shop"), None)] == ["web"]


@pytest.mark.parametrize(
    "query",
    [
        Find("v1", "Pod", "shop"),
        Find("apps/v1", "ReplicaSet", "shop"),
        Find("autoscaling/v2", "HorizontalPodAutoscaler", "shop", "app=web"),
        Find("keda.sh/v1alpha1", "ScaledObject", "shop"),
    ],
)
async def test_numerous_selected_or_unserved_kinds_are_not_watched(query: Find) -> None:
    async with Following(Kinds(), lacks=lambda version: version.startswith("keda.sh/")) as one:
        assert one.catalogue.find(query) is None
        assert one.catalogue.held_kinds() == frozenset()


async def test_unused_watch_ends() -> None:
    async with Following(Kinds(hpa("web"))) as one:
        await one.told()

        one.time += UNUSED + 1
        one.catalogue.forget()

        assert one.catalogue.held_kinds() == frozenset()
        assert one.catalogue.uids("autoscaling/v2", "HorizontalPodAutoscaler", "") == {}


async def test_list_is_answered_from_a_watch_but_never_for_an_account() -> None:
    async with Following(Kinds(hpa("web"))) as one:
        await one.told()
        lists = Lists(Paths(one.kube), one.catalogue.find)
        one.kube.asked.clear()

        assert await lists.answer(hpas("shop"), None) == one.catalogue.find(hpas("shop"))
        assert one.kube.asked == []
        await lists.answer(hpas("shop"), None, Account("shop", "team"))
        assert one.kube.asked == [IN_SHOP]


async def test_absence_found_for_one_switch_is_known_for_others_of_its_namespace() -> None:
    lists = Lists(Paths(Kinds()))
    told: list[tuple[Body, ...]] = [(hpa("web"),)]
    lists.told = lambda query: told[0] if query == hpas("shop") else None
    assert lists.usual("shop", None) == {}
    lists.at_hand([hpas("shop")], None)

    assert lists.usual("shop", None) == {hpas("shop"): told[0]}
    told[0] = ()
    assert lists.usual("shop", None) == {hpas("shop"): ()}
    assert lists.usual("bank", None) == {}
    assert lists.usual("shop", Account("shop", "team")) == {}


async def test_throw_does_not_read_objects_watched_in_its_namespace() -> None:
    rig = Rig()
    rig.reconciler.executor.reader.queries.lists.told = lambda _query: ()
    rig.reconciler.executor.reader.queries.lists.at_hand([hpas("shop")], None)
    found: list[Visit] = []
    settle = rig.reconciler.settle

    async def noted(visit: Visit, step: Any) -> None:
        found.append(Visit(visit.key, visit.thorough, visit.edition, dict(visit.answers)))
        await settle(visit, step)

    rig.reconciler.settle = noted  # type: ignore[method-assign] # it is looked at, and done
    await rig.reconciler.visit(STOP)
    rig.release()
    await rig.reconciler.visit(STOP)

    assert [dict(one.answers) for one in found] == [{hpas("shop"): ()}, {}]


async def test_watched_objects_are_at_hand_and_never_presumed() -> None:
    kube = Kinds()
    told: list[tuple[Body, ...] | None] = [None]
    lists = Lists(Paths(kube), lambda _: told[0])
    await lists.answer(hpas("shop"), None)
    assert lists.at_hand([hpas("shop")], None) == {}
    assert lists.nothing([hpas("shop")], None) == {hpas("shop"): ()}

    told[0] = (hpa("web"),)
    assert lists.at_hand([hpas("shop")], None) == {hpas("shop"): told[0]}
    assert lists.at_hand([hpas("shop")], Account("shop", "team")) == {}
    assert lists.at_hand([hpas("shop"), Read(Ref("v1", "Pod", "shop", "web"))], None) == {}
    assert lists.nothing([hpas("shop")], None) == {}


async def test_watched_list_counts_where_other_absences_are_presumed() -> None:
    replica_sets = Find("apps/v1", "ReplicaSet", "shop")
    there: tuple[Body, ...] = ()
    lists = Lists(Paths(Kinds()), lambda query: None if query == replica_sets else there)
    await lists.answer(replica_sets, None)
    assert lists.nothing([replica_sets, hpas("shop")], None) == {replica_sets: (), hpas("shop"): ()}

    there = (hpa("web"),)
    assert lists.nothing([replica_sets, hpas("shop")], None) == {}
