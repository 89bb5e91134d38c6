"""Workloads with several revisions, and the steps that deploy and read them."""

from tests.e2e import api, delivery
from tests.e2e.harness import Body, Cluster, deployment, eventually

SECONDS = 60

"""For what the lab's controllers do: they send so many requests a second and no more, and serve every test at once."""


def set_version(cluster: Cluster, version: str, kind: str = "deployment", name: str = "web", **more: str) -> None:
    """A deploy; returns when its controller has given it a revision."""
    values = [f"{key}={value}" for key, value in {"VERSION": version, **more}.items()]
    cluster.run("set", "env", f"{kind}/{name}", *values)
    until_observed(cluster, kind, name)


def until_observed(cluster: Cluster, kind: str = "deployment", name: str = "web") -> None:
    def is_observed() -> bool:
        body = cluster.get(kind, name)
        return bool(body["status"].get("observedGeneration") == body["metadata"]["generation"])

    eventually(f"{name} is taken up", is_observed, SECONDS)


def version(cluster: Cluster, kind: str = "deployment", name: str = "web") -> str:
    template = cluster.get(kind, name)["spec"]["template"]
    found = template["spec"]["containers"][0].get("env", [])
    return next((one["value"] for one in found if one["name"] == "VERSION"), "")


def three_versions(cluster: Cluster) -> None:
    cluster.apply(deployment())
    until_observed(cluster)
    for number in ("2", "3"):
        set_version(cluster, number)


def rollout(cluster: Cluster) -> Body:
    return api.get(delivery.ROLLOUTS.format(cluster.namespace) + "/web")


def make_rollout(cluster: Cluster) -> None:
    """A Rollout at its revision 2, with the ReplicaSets that its controller would have made."""
    delivery.make_kinds()
    body = deployment()
    body |= {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    body["metadata"]["annotations"] = {"rollout.argoproj.io/revision": "2"}
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "VERSION", "value": "2"}]
    cluster.apply(body)
    uid = rollout(cluster)["metadata"]["uid"]
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": uid, "controller": True}
    for number in (1, 2):
        made = deployment(f"web-{number}", replicas=0)
        labels = {"app": "web", "rollouts-pod-template-hash": f"hash{number}"}
        made["kind"] = "ReplicaSet"
        made["metadata"] |= {"ownerReferences": [owner]}
        made["metadata"]["annotations"] = {"rollout.argoproj.io/revision": str(number)}
        made["spec"] |= {"selector": {"matchLabels": labels}}
        made["spec"]["template"]["metadata"]["labels"] = labels
        variable = {"name": "VERSION", "value": str(number)}
        made["spec"]["template"]["spec"]["containers"][0]["env"] = [variable]
        cluster.apply(made)
