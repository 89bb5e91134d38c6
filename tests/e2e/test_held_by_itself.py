"""A fallback that takes down what its dependency asks: reported at rest and while it is held, with the command."""

import shlex

from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook


def test_dependency_stopped_by_its_own_fallback_is_reported_and_released_by_the_command(
    cluster: Cluster, operator: Operator
) -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web-by-another-name"}, "spec": spec}
    dependency = {
        "name": "web",
        "check": {"http": {"service": {"name": "web-by-another-name"}, "expect": 299}},
        "period": "1s",
        "timeout": "500ms",
        "for": "5s",
        "fallback": {"engage": "stop"},
    }

    cluster.apply(deployment(), service, runbook(dependencies=[dependency]))

    def remark() -> str:
        return str(cluster.condition("switch", "shop-stop", "Automatic").get("message", ""))

    eventually("it is remarked", lambda: "Dependency web checks Service/web-by-another-name" in remark())
    cluster.until_phase("shop-stop", "Engaged")
    eventually(
        "it is reported as held by itself",
        lambda: cluster.condition("switch", "shop-stop", "Automatic").get("reason") == "HeldByItself",
    )
    command = remark().partition("To release it by hand: kubectl ")[2]
    cluster.run(*shlex.split(command))
    cluster.until_phase("shop-stop", "Released")
    cluster.until_replicas(3)
    assert operator.alive
