"""What is held and not watched anyway, here a bare ReplicaSet, is watched while it is held, whatever breaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import QUICK_LEASE, Body, Cluster, Operator, deployment, eventually, runbook
from tests.faults.proxy import Answer, Call, Faults, Proxy

SETS = "replicasets"


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    running = Proxy(tmp_path / "proxy")
    yield running
    running.close()


@pytest.fixture
def engaged(cluster: Cluster, proxy: Proxy, tmp_path: Path) -> Iterator[Operator]:
    """An operator behind the proxy that holds a ReplicaSet at 0."""
    settings = {"RUNBOOK_WATCH_SECONDS": "2", "RUNBOOK_RESYNC_SECONDS": "4", "RUNBOOK_REAPPLY_LONGEST_SECONDS": "0.1"}
    operator = Operator(cluster.namespace, tmp_path, KUBECONFIG=str(proxy.kubeconfig), **QUICK_LEASE | settings)  # type: ignore[arg-type] # all are strings
    operator.start()
    target = {"name": "web", "workload": {"kind": "ReplicaSet", "name": "web"}}
    cluster.apply(replica_set(), runbook(targets=[target]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    eventually("it is watched", lambda: any(map(is_followed, proxy.calls)))
    yield operator
    proxy.faults = Faults()
    cluster.clear()
    operator.stop()


def replica_set() -> Body:
    return deployment() | {"kind": "ReplicaSet"}


def is_followed(call: Call) -> bool:
    return call.is_watch and SETS in call.path


def replicas(cluster: Cluster) -> int:
    return int(cluster.run("get", "replicaset", "web", "-o", "jsonpath={.spec.replicas}"))


def somebody_scales(cluster: Cluster, to: int) -> None:
    cluster.run("patch", "replicaset", "web", "--type", "merge", "-p", f'{{"spec":{{"replicas":{to}}}}}')


def is_put_back(cluster: Cluster) -> None:
    eventually("it is put back", lambda: replicas(cluster) == 0)


@pytest.mark.usefixtures("engaged")
def test_changed_target_is_reapplied_at_once_and_its_watch_ends_with_the_hold(cluster: Cluster, proxy: Proxy) -> None:
    somebody_scales(cluster, 2)
    is_put_back(cluster)

    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")

    assert replicas(cluster) == 3
    observed = len(proxy.calls)
    eventually("others are watched on", lambda: sum(call.is_watch for call in proxy.calls[observed:]) > 4)
    assert not any(map(is_followed, proxy.calls[observed:]))


@pytest.mark.usefixtures("engaged")
def test_change_with_a_lost_event_is_found_by_the_resync(cluster: Cluster, proxy: Proxy) -> None:
    proxy.faults.drop = lambda call, _event: is_followed(call)

    somebody_scales(cluster, 2)

    is_put_back(cluster)


@pytest.mark.usefixtures("engaged")
def test_deletion_with_a_lost_event_is_found_by_the_resync(cluster: Cluster, proxy: Proxy) -> None:
    proxy.faults.drop = lambda call, _event: is_followed(call)

    cluster.run("delete", "replicaset", "web")

    cluster.until_reason("switch", "shop-stop", "TargetNotFound")


GONE = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410, "message": "old"}


@pytest.mark.usefixtures("engaged")
@pytest.mark.parametrize("status", [410, 403, 429, 500])
def test_refused_watch_is_started_again(cluster: Cluster, proxy: Proxy, status: int) -> None:
    proxy.faults.answers = [(is_followed, Answer(status, body=GONE | {"code": status}))]
    observed = len(proxy.calls)
    eventually("it was refused", lambda: sum(map(is_followed, proxy.calls[observed:])) > 1)
    somebody_scales(cluster, 2)

    is_put_back(cluster)


@pytest.mark.usefixtures("engaged")
def test_silent_watch_is_started_again(cluster: Cluster, proxy: Proxy) -> None:
    proxy.faults.stalled = is_followed
    somebody_scales(cluster, 2)
    observed = len(proxy.calls)
    eventually("it was begun anew", lambda: any(map(is_followed, proxy.calls[observed:])))
    proxy.faults = Faults()

    is_put_back(cluster)


def test_change_during_downtime_is_reapplied(cluster: Cluster, engaged: Operator) -> None:
    engaged.kill()
    somebody_scales(cluster, 2)

    engaged.start()

    is_put_back(cluster)
    cluster.release("shop-stop")
    eventually("what was there is there again", lambda: replicas(cluster) == 3)
