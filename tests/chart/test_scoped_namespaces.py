"""The namespaces of a release that serves some: created late, deleted, created again, and with a right missing.

What becomes of one of them is nothing to the team in another one.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chart.scoped import Scoped, scoped
from tests.e2e import api
from tests.e2e.harness import Cluster, Operator, deployment, eventually, fresh_namespace, kubectl, runbook

NAMESPACES = "/api/v1/namespaces"
CANNOT, AGAIN = '"event": "cannot list ', '"event": "can list again'


@pytest.fixture
def release(_crds: None, tmp_path: Path) -> Iterator[Scoped]:
    with scoped(tmp_path) as made:
        yield made


@pytest.fixture
def team(cluster: Cluster) -> Cluster:
    """The team that nothing happens to."""
    cluster.apply(deployment(), runbook(scaling=[]))
    return cluster


@pytest.fixture
def other() -> Iterator[Cluster]:
    """The namespace of the other team, which is not there yet, and may be gone again at the end."""
    with fresh_namespace() as name:
        yield Cluster(name)
        with suppress(api.NotThereError):
            for one in api.items("switch", name):
                api.patch(api.path("switch", name, one["metadata"]["name"]), {"metadata": {"finalizers": None}})


def create(other: Cluster) -> None:
    api.create(NAMESPACES, {"metadata": {"name": other.namespace}})


def begin_deletion(other: Cluster) -> None:
    api.delete(f"{NAMESPACES}/{other.namespace}")


def until_gone(other: Cluster) -> None:
    def is_gone() -> bool:
        try:
            api.get(f"{NAMESPACES}/{other.namespace}")
        except api.NotThereError:
            return True
        return False

    eventually("the namespace is gone", is_gone, seconds=150)


def throws(team: Cluster) -> None:
    """A throw works, and its release does."""
    team.throw_when_there("shop-stop")
    team.until_phase("shop-stop", "Engaged")
    assert team.replicas() == 0
    team.release("shop-stop")
    team.until_replicas(3)
    team.until_phase("shop-stop", "Released")


def engages(other: Cluster) -> None:
    other.apply(deployment(), runbook(scaling=[]))
    other.throw_when_there("shop-stop")
    other.until_phase("shop-stop", "Engaged")


def engaged(release: Scoped, team: Cluster, other: Cluster) -> Operator:
    """A running operator of the release in both namespaces, with a switch engaged in `other`."""
    release.install(team.namespace, other.namespace)
    operator = release.operator("one", team.namespace, other.namespace)
    operator.start()
    engages(other)
    return operator


def serves(operator: Operator, namespace: str) -> bool:
    return f'runbook_operator_namespace_served{{scope_namespace="{namespace}"}} 1.0' in operator.http("/metrics")[1]


def warned(operator: Operator, namespace: str) -> bool:
    status, text = operator.http("/readyz")
    return status == 200 and text.startswith("ok\ncannot list ") and namespace in text


@pytest.mark.timeout(600)
def test_namespace_created_late_deleted_and_recreated_is_served_while_it_exists(
    release: Scoped, team: Cluster, other: Cluster
) -> None:
    begin_deletion(other)
    until_gone(other)
    release.install(team.namespace)
    operator = release.operator("one", team.namespace, other.namespace)
    operator.start()
    throws(team)
    eventually("it warns", lambda: warned(operator, other.namespace))
    assert not serves(operator, other.namespace)
    assert operator.log().count(CANNOT) == 1

    create(other)
    release.install(team.namespace, other.namespace)
    engages(other)
    eventually("it is served", lambda: serves(operator, other.namespace))
    assert operator.log().count(AGAIN) == 1

    begin_deletion(other)
    throws(team)
    until_gone(other)
    eventually("it is not served", lambda: warned(operator, other.namespace))
    assert (operator.log().count(CANNOT), operator.log().count(AGAIN)) == (2, 1)

    operator.kill()
    operator.start()
    throws(team)

    create(other)
    release.install(team.namespace, other.namespace)
    engages(other)
    eventually("it is served again", lambda: serves(operator, other.namespace))
    assert (operator.log().count(CANNOT), operator.log().count(AGAIN)) == (3, 2)
    assert "APIForbiddenError" not in operator.log()
    for one in (team, other):
        one.clear()
    assert operator.stop() == 0


@pytest.mark.timeout(600)
def test_namespace_deleted_with_an_engaged_switch_during_downtime_ends_after_start(
    release: Scoped, team: Cluster, other: Cluster
) -> None:
    operator = engaged(release, team, other)
    operator.kill()
    begin_deletion(other)
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{other.namespace}/rolebindings"
    eventually("the rights are gone", lambda: not api.get(bindings)["items"])

    operator.start()

    throws(team)
    until_gone(other)
    team.clear()
    assert operator.stop() == 0


@pytest.mark.timeout(600)
def test_uninstall_releases_switches_in_a_terminating_namespace_without_operator(
    release: Scoped, team: Cluster, other: Cluster
) -> None:
    operator = engaged(release, team, other)
    team.throw_when_there("shop-stop")
    team.until_phase("shop-stop", "Engaged")
    operator.stop()
    begin_deletion(other)

    done = release.uninstall("release", "--within", "150", namespaces=(team.namespace, other.namespace))

    assert done.returncode == 0, done.stderr
    assert team.replicas() == 3
    until_gone(other)
    again = release.uninstall("release", "--within", "60", namespaces=(team.namespace, other.namespace))
    assert again.returncode == 0, again.stderr


@pytest.mark.timeout(600)
def test_right_missing_in_one_namespace_does_not_affect_another(release: Scoped, team: Cluster, other: Cluster) -> None:
    operator = engaged(release, team, other)

    other.run("delete", "rolebinding", release.fullname)

    eventually("it is seen", lambda: warned(operator, other.namespace))
    throws(team)
    other.scale(2)
    assert other.get("switch", "shop-stop")["status"]["record"]["actions"][0]["saved"] == 3
    operator.kill()
    operator.start()
    throws(team)
    held = other.until_phase("shop-stop", "Stalled")
    assert other.until_reason("switch", "shop-stop", "MissingRights")
    assert held["status"]["record"]["actions"][0]["saved"] == 3

    release.install(team.namespace, other.namespace)
    other.until_replicas(0)
    other.release("shop-stop")
    other.until_replicas(3)
    for one in (team, other):
        one.clear()
    assert operator.stop() == 0


def test_scoped_operator_may_see_and_not_change_switches_elsewhere(
    release: Scoped, team: Cluster, other: Cluster
) -> None:
    release.install(team.namespace)
    switch = {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Switch",
        "metadata": {"name": "shop-stop"},
        "spec": {"runbook": "shop", "switch": "stop"},
    }
    other.create(switch)
    config = release.environment(team.namespace)["KUBECONFIG"]
    as_operator = ("--kubeconfig", config, "--namespace", other.namespace)
    throw = '{"spec":{"engaged":true}}'

    def refused() -> str:
        try:
            kubectl(*as_operator, "patch", "switch", "shop-stop", "--type=merge", "-p", throw)
        except AssertionError as error:
            return str(error)
        return ""

    assert "shop-stop" in kubectl(*as_operator, "get", "switches")
    eventually("the policy holds", lambda: "serves the namespaces of scope.namespaces only" in refused())


def test_missing_namespace_is_named_before_any_apply(release: Scoped, team: Cluster) -> None:
    done = release.tried(team.namespace, "no-such-team")

    assert done.returncode != 0
    assert "scope.namespaces: there is no namespace no-such-team. Create it with `kubectl create" in done.stderr
    labels = f"app.kubernetes.io/instance={release.name}"
    assert kubectl("get", "clusterroles,validatingadmissionpolicies", "--selector", labels, "--output", "name") == ""
    release.install(team.namespace)
