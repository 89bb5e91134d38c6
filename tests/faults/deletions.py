"""The deletions of the crash campaign: what is deleted, and what must be left when all is over."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e import api
from tests.e2e.harness import Cluster
from tests.faults.scenarios import HALF, declare

WRITES = 4
"""The crash is after so many writes at most; after those the record stands, or the finalizer is gone."""


@dataclass(frozen=True)
class Deletion:
    """`act` deletes; `over` tells whether nothing of it waits for the operator any more."""

    name: str
    act: Callable[[Cluster], object]
    over: Callable[[Cluster], bool]
    replicas: int | None = None
    """What the target has in the end, None where it is gone."""


def delete_namespace(cluster: Cluster) -> None:
    api.delete(namespace(cluster))


def delete_target(cluster: Cluster) -> None:
    """The target, and then the entry that acts on it: its Switch goes."""
    api.delete(api.path("deployment", cluster.namespace, "web"))
    declare(cluster, HALF)


def delete_runbook(cluster: Cluster) -> None:
    api.delete(api.path("runbook", cluster.namespace, "shop"))


def delete_both(cluster: Cluster) -> None:
    delete_runbook(cluster)
    api.delete(api.path("deployment", cluster.namespace, "web"))


def is_namespace_gone(cluster: Cluster) -> bool:
    try:
        api.get(namespace(cluster))
    except api.NotThereError:
        return True
    return False


def is_switch_gone(cluster: Cluster) -> bool:
    return "shop-stop" not in [one["metadata"]["name"] for one in api.items("switch", cluster.namespace)]


def namespace(cluster: Cluster) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}"


DELETIONS = (
    Deletion("namespace deleted", delete_namespace, is_namespace_gone),
    Deletion("target deleted", delete_target, is_switch_gone),
    Deletion("runbook and target deleted", delete_both, is_switch_gone),
    Deletion("runbook deleted", delete_runbook, is_switch_gone, replicas=3),
)
