"""Switches that a deletion or a restore left without their Runbook, and the Runbook that comes again."""

from tests.e2e import api
from tests.e2e.harness import Cluster, Operator, eventually, runbook
from tests.e2e.orphans import engaged, owners, ready, restored


def orphan(cluster: Cluster) -> None:
    cluster.run("delete", "runbook", "shop", "--cascade=orphan", "--timeout=60s")
    eventually("it has no owner", lambda: owners(cluster) == [])


def until_adopted(cluster: Cluster) -> None:
    uid = cluster.get("runbook", "shop")["metadata"]["uid"]
    eventually("the Runbook owns the Switch", lambda: owners(cluster) == [uid])


def lost(cluster: Cluster, operator: Operator) -> None:
    """The Runbook and its Switch are gone, and what the Switch holds stays as it is."""
    operator.kill()
    orphan(cluster)
    api.patch(api.path("switch", cluster.namespace, "shop-stop"), {"metadata": {"finalizers": None}})
    api.delete(api.path("switch", cluster.namespace, "shop-stop"))


def test_engaged_switch_of_an_orphaning_deletion_is_adopted_released_and_deleted(
    cluster: Cluster, operator: Operator
) -> None:
    ready(cluster)
    before = engaged(cluster)["status"]["record"]
    orphan(cluster)
    assert cluster.replicas() == 0

    cluster.apply(runbook(scaling=[]))

    until_adopted(cluster)
    cluster.until_reason("runbook", "shop", "Ready")
    eventually("it is counted", lambda: cluster.get("runbook", "shop")["status"]["engaged"] == 1)
    assert cluster.get("switch", "shop-stop")["status"]["record"]["engagementId"] == before["engagementId"]
    cluster.release("shop-stop")
    cluster.until_replicas(3)
    cluster.apply(runbook(killSwitches=[], scaling=[]))
    eventually("no entry declares it", lambda: not api.items("switch", cluster.namespace))
    assert operator.alive


def test_engaged_orphan_without_entry_is_released_and_deleted(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    engaged(cluster)
    orphan(cluster)

    cluster.apply(runbook(killSwitches=[], scaling=[]))

    eventually("it is gone", lambda: not api.items("switch", cluster.namespace))
    assert cluster.replicas() == 3
    assert operator.alive


def test_deletion_of_a_runbook_deletes_its_adopted_switch(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
    orphan(cluster)
    cluster.apply(runbook(scaling=[]))
    until_adopted(cluster)

    cluster.run("delete", "runbook", "shop", "--timeout=60s")

    eventually("it is gone", lambda: not api.items("switch", cluster.namespace))
    assert operator.alive


def test_switch_restored_with_status_keeps_its_record_and_restores_the_saved_value(
    cluster: Cluster, operator: Operator
) -> None:
    ready(cluster)
    before = engaged(cluster)
    lost(cluster, operator)

    cluster.apply(runbook(scaling=[]))
    restored(cluster, before, status=True)
    operator.start()

    until_adopted(cluster)
    record = cluster.get("switch", "shop-stop")["status"]["record"]
    assert record["engagementId"] == before["status"]["record"]["engagementId"]
    cluster.release("shop-stop")
    cluster.until_replicas(3)


def test_switch_restored_engaged_without_status_reports_that_a_release_keeps_the_field(
    cluster: Cluster, operator: Operator
) -> None:
    ready(cluster)
    before = engaged(cluster)
    lost(cluster, operator)

    cluster.apply(runbook(scaling=[]))
    restored(cluster, before, status=False)
    operator.start()

    until_adopted(cluster)
    remark = cluster.until_phase("shop-stop", "Engaged")["status"]["record"]["remarks"][0]
    assert (remark["reason"], remark["message"]) == (
        "AlreadySet",
        "Deployment/web was at 0 before the throw, and a release leaves it at 0",
    )
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 0
