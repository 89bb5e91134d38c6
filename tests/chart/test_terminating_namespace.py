"""A release whose namespaces include one that is being deleted, and that a foreign finalizer keeps in Terminating."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab import image
from lab.layout import here
from tests.chart.helm import packaged
from tests.chart.scoped import Scoped, scoped
from tests.e2e import api
from tests.e2e import release as releases
from tests.e2e.harness import ROLLOUT, Body, Cluster, deployment, eventually, fresh_namespace, runbook
from tests.e2e.release import PATIENCE, Release

HELD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/held"]}}


@pytest.fixture
def release(_crds: None, tmp_path: Path) -> Iterator[Scoped]:
    with scoped(tmp_path) as made:
        yield made


@pytest.fixture
def leaving() -> Iterator[Cluster]:
    """A namespace that `begin_deletion` deletes, and that stays in Terminating until the end of the test."""
    with fresh_namespace() as name:
        yield Cluster(name)
        remove_foreign_finalizer(Cluster(name))
        for kind in ("switch", "runbook"):
            for one in api.items(kind, name):
                with suppress(api.NotThereError):
                    api.patch(api.path(kind, name, one["metadata"]["name"]), {"metadata": {"finalizers": None}})


@pytest.fixture
def installed(namespace: str, leaving: Cluster, node: str) -> Iterator[Release]:
    """A release whose operator is a pod of the node, and serves `namespace` and `leaving`."""
    assert node
    releases.only_on_the_lab()
    made = Release(packaged(), image.loaded(here()), namespace)
    made.install(**values(namespace, leaving.namespace))
    yield made
    releases.remove(namespace)


def values(*namespaces: str, **more: object) -> Body:
    return {"replicas": 1, "scope": {"namespaces": namespaces}, **more}


def namespace_path(cluster: Cluster) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}"


def role_bindings(cluster: Cluster) -> list[str]:
    found = api.get(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{cluster.namespace}/rolebindings")["items"]
    return [one["metadata"]["name"] for one in found]


def begin_deletion(leaving: Cluster) -> None:
    """Delete the namespace; returns when its RoleBindings are gone and its ConfigMap keeps it in Terminating."""
    leaving.create(HELD)
    api.delete(namespace_path(leaving))
    eventually("the RoleBindings are gone", lambda: not role_bindings(leaving))


def remove_foreign_finalizer(leaving: Cluster) -> None:
    with suppress(api.NotThereError):
        api.patch(api.path("configmap", leaving.namespace, "held"), {"metadata": {"finalizers": None}})


def engage(cluster: Cluster) -> None:
    cluster.apply(deployment(), runbook(scaling=[]))
    cluster.throw_when_there("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")


def finalizers(cluster: Cluster) -> list[str]:
    return [name for one in api.items("switch", cluster.namespace) for name in one["metadata"].get("finalizers", ())]


def notice(leaving: Cluster) -> str:
    return f"The namespace {leaving.namespace} is being deleted. This release gives the operator no rights there"


@pytest.mark.timeout(300)
def test_terminating_namespace_gets_no_role_binding_and_the_notes_name_it(
    release: Scoped, cluster: Cluster, leaving: Cluster
) -> None:
    begin_deletion(leaving)

    first = release.tried(cluster.namespace, leaving.namespace)
    again = release.tried(cluster.namespace, leaving.namespace)

    for done in (first, again):
        assert done.returncode == 0, done.stderr
        assert notice(leaving) in done.stdout
    assert role_bindings(cluster) == [release.fullname]
    assert role_bindings(leaving) == []


@pytest.mark.timeout(300)
def test_namespace_that_is_created_again_gets_its_role_binding_at_the_next_upgrade(
    release: Scoped, cluster: Cluster, leaving: Cluster
) -> None:
    release.install(cluster.namespace, leaving.namespace)
    begin_deletion(leaving)
    release.install(cluster.namespace, leaving.namespace)
    remove_foreign_finalizer(leaving)
    eventually("the namespace is gone", lambda: not is_there(leaving), seconds=ROLLOUT)
    api.create("/api/v1/namespaces", {"metadata": {"name": leaving.namespace}})

    done = release.tried(cluster.namespace, leaving.namespace)

    assert done.returncode == 0, done.stderr
    assert "is being deleted" not in done.stdout
    assert role_bindings(leaving) == [release.fullname]


def is_there(cluster: Cluster) -> bool:
    try:
        return bool(api.get(namespace_path(cluster)))
    except api.NotThereError:
        return False


@pytest.mark.node
@pytest.mark.timeout(900)
def test_upgrade_and_uninstall_succeed_while_a_namespace_is_terminating(
    cluster: Cluster, leaving: Cluster, installed: Release
) -> None:
    both = (cluster.namespace, leaving.namespace)
    engage(cluster)
    engage(leaving)
    cluster.scale(0, name=installed.fullname)
    eventually("no operator runs", lambda: not installed.pods(), seconds=ROLLOUT)
    begin_deletion(leaving)
    assert finalizers(leaving)

    done = installed.tried(*upgrade(installed), values=values(*both, podAnnotations={"round": "second"}))

    assert done.returncode == 0, done.stderr
    assert notice(leaving) in done.stdout
    eventually("the new pod leads", lambda: [installed.leader()] == installed.pods(), seconds=ROLLOUT)
    cluster.scale(5)
    cluster.until_replicas(0)
    eventually("the finalizer is removed", lambda: not finalizers(leaving), seconds=ROLLOUT)

    refused = installed.tried("rollback", installed.name, "1", "--wait", PATIENCE)
    assert refused.returncode != 0
    assert f"namespace {leaving.namespace} because it is being terminated" in refused.stderr
    assert [installed.leader()] == installed.pods()

    installed.do("uninstall", installed.name, "--wait", PATIENCE)
    assert cluster.replicas() == 3
    assert finalizers(cluster) == []
    assert is_there(leaving)


def upgrade(release: Release) -> list[str]:
    return ["upgrade", release.name, str(release.chart), *releases.TAKEN, "--wait", PATIENCE, "--values=-"]
