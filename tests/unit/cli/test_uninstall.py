"""`runbook-operator uninstall` where one namespace or one Switch fails; the API server refuses what the test lists."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

from runbook_operator.api.switch import FINALIZER
from runbook_operator.cli.uninstall import forget, refuse, release_all
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube

Body = dict[str, Any]
PREFIX = "/apis/runbooks.dev/v1alpha1/namespaces"


@dataclass
class Refusing:
    """The lists and merges of the API server; a merge changes the object as an operator that restores at once does."""

    switches: dict[str, Body]
    refused: set[str] = field(default_factory=set)
    merged: list[str] = field(default_factory=list)

    async def items(self, path: str) -> AsyncIterator[Body]:
        if path in self.refused:
            raise errors.ForbiddenError(f"GET {path}: 403")
        for place, body in list(self.switches.items()):
            if place.startswith(path):
                yield body

    async def merge(self, path: str, _: Body) -> None:
        if path in self.refused:
            raise errors.ForbiddenError(f"PATCH {path}: 403")
        self.merged.append(path)
        self.switches.pop(path)


def place(namespace: str, name: str = "") -> str:
    return f"{PREFIX}/{namespace}/switches" + (f"/{name}" if name else "")


def cluster(*namespaces: str, **metadata: object) -> Refusing:
    """An engaged Switch `stop` in each of the namespaces."""
    return Refusing({place(namespace, "stop"): held(namespace, **metadata) for namespace in namespaces})


def held(namespace: str, **metadata: object) -> Body:
    meta = {"name": "stop", "namespace": namespace, "uid": "1", "resourceVersion": "1", "finalizers": [FINALIZER]}
    return {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Switch",
        "metadata": meta | metadata,
        "spec": {"runbook": "shop", "switch": "stop", "engaged": True},
        "status": {"phase": "Engaged", "engagedAt": "2026-01-01T00:00:00Z"},
    }


def kube(found: Refusing) -> Kube:
    return cast("Kube", found)


async def test_namespace_that_cannot_be_listed_delays_the_release_of_no_other_one() -> None:
    found = cluster("a", "b", "c")
    found.refused.add(place("b"))

    left = await release_all(kube(found), ["a", "b", "c"], 0)

    assert found.merged == [place("a", "stop"), place("c", "stop")]
    assert any(one.startswith(f"GET {place('b')}: 403; if the namespace is being deleted, remove it") for one in left)


async def test_switch_that_cannot_be_patched_delays_no_other_one() -> None:
    found = cluster("a", "b")
    found.refused.add(place("a", "stop"))

    left = await forget(kube(found), ["a", "b"], 0)

    assert found.merged == [place("b", "stop")]
    assert f"Switch a/stop: PATCH {place('a', 'stop')}: 403" in left


async def test_refuse_names_a_switch_that_holds_something_with_the_command_that_releases_it() -> None:
    (left,) = await refuse(kube(cluster("a")), ["a"], 60)

    assert left.startswith("Switch a/stop is Engaged since 2026-01-01T00:00:00Z; kubectl -n a patch switch stop")


async def test_refuse_waits_for_a_switch_that_is_being_deleted_and_then_names_it() -> None:
    found = cluster("a", deletionTimestamp="2026-01-01T00:00:01Z")

    (left,) = await refuse(kube(found), ["a"], 0)

    assert left.endswith("it is being deleted, and a running operator restores what it holds")
    assert await refuse(kube(cluster()), ["a"], 0) == []
