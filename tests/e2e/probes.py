"""A workload with probes, and the steps that declare and read them."""

from typing import Any

from tests.e2e.harness import Body, Cluster, deployment, eventually, runbook

SECONDS = 60


def endpoint(path: str = "/health/ready", *, name: str = "ready", **rest: Any) -> Body:
    return {"name": name, "target": "web", "path": path, "probe": "readiness"} | rest


def workload(replicas: int = 0, scheduler: str = "nobody", **probes: Body) -> Body:
    """A Deployment whose container has these probes; without replicas every rollout of it is over at once."""
    body = deployment(replicas=replicas, scheduler=scheduler)
    (container,) = body["spec"]["template"]["spec"]["containers"]
    container |= {"ports": [{"name": "http", "containerPort": 8080}], **probes}
    return body


def service() -> Body:
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def declare(cluster: Cluster, *endpoints: Body, **spec: Any) -> None:
    targets = [{"name": "web", "workload": {"name": "web"}, "service": {"name": "web", "port": "http"}}]
    usual: Body = {"targets": targets, "healthEndpoints": list(endpoints), "killSwitches": [], "scaling": []}
    cluster.apply(runbook(**(usual | spec)))


def container(cluster: Cluster) -> Body:
    found: Body = cluster.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    return found


def path(cluster: Cluster) -> str:
    return str(container(cluster)["readinessProbe"]["httpGet"]["path"])


def told(cluster: Cluster, name: str = "ready") -> Body:
    probes = cluster.get("runbook", "shop").get("status", {}).get("probes", [])
    return next((one for one in probes if one["name"] == name), {})


def until_told(cluster: Cluster, reason: str, name: str = "ready") -> Body:
    eventually(f"{name} is {reason}", lambda: told(cluster, name).get("reason") == reason, SECONDS)
    return told(cluster, name)


def finalizers(cluster: Cluster) -> list[str]:
    return list(cluster.get("runbook", "shop")["metadata"].get("finalizers", []))
