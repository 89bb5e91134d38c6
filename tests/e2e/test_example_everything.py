"""The example that has everything: each switch is Ready, and `stop` stops and restores all that it names."""

from pathlib import Path

from tests.e2e import api
from tests.e2e.autoscaling import make_kinds, until_seen
from tests.e2e.harness import Body, Cluster, Operator, eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "15-everything"
NO_PODS: Body = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-pods"},
    "spec": {"hard": {"pods": "0"}},
}
"""Its pods prove nothing here."""
SWITCHES = ("stop", "recommendations-off", "block", "up", "down")


def held(cluster: Cluster) -> dict[str, object]:
    """The live values of all fields that `stop` holds."""
    job = api.get(api.path("cronjob", cluster.namespace, "shop-invoices"))
    autoscaler = api.get(api.path("horizontalpodautoscaler", cluster.namespace, "shop"))
    spec = autoscaler["spec"]
    return {
        "replicas": cluster.replicas("shop"),
        "suspend": job["spec"].get("suspend", False),
        "bounds": (spec.get("minReplicas"), spec["maxReplicas"]),
    }


def test_switch_of_the_complete_example_engages_and_restores(cluster: Cluster, operator: Operator) -> None:
    make_kinds()
    cluster.apply(NO_PODS)
    cluster.run("apply", "-f", str(EXAMPLE))
    until_seen(cluster, "shop")
    for name in SWITCHES:
        cluster.until_reason("switch", f"shop-{name}", "Ready")
    cluster.until_reason("switch", "shop-rollback", "NoRevision")
    before = held(cluster)

    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    stopped = held(cluster)
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")

    assert (stopped["replicas"], stopped["suspend"]) == (0, True)
    eventually("everything is restored", lambda: held(cluster) == before)
    assert operator.alive
