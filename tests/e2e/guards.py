"""A guarded Deployment, and the steps that deploy and wait for verdicts."""

from tests.e2e.harness import Body, Cluster, eventually

SECONDS = 60

"""For what the lab's controllers do: they send so many requests a second and no more, and serve every test at once."""


def deploy(cluster: Cluster, version: str, name: str = "web", **env: str) -> None:
    """Returns when its controller has given it a revision."""
    values = [f"{key}={value}" for key, value in {"VERSION": version, **env}.items()]
    cluster.run("set", "env", f"deployment/{name}", *values)
    until_taken_up(cluster, name)


def until_taken_up(cluster: Cluster, name: str = "web") -> None:
    def is_taken_up() -> bool:
        body = cluster.get("deployment", name)
        return bool(body["status"].get("observedGeneration") == body["metadata"]["generation"])

    eventually(f"{name} is taken up", is_taken_up, SECONDS)


def version(cluster: Cluster, name: str = "web") -> str:
    container = cluster.get("deployment", name)["spec"]["template"]["spec"]["containers"][0]
    return next((one["value"] for one in container.get("env", []) if one["name"] == "VERSION"), "")


def target(cluster: Cluster, name: str = "shop") -> Body:
    told: list[Body] = cluster.get("runbook", name).get("status", {}).get("targets", [])
    return told[0] if told else {}


def verdicts(cluster: Cluster, name: str = "shop") -> list[tuple[int, str]]:
    return [(one["revision"], one["verdict"]) for one in target(cluster, name).get("verdicts", [])]


def until_verdict(cluster: Cluster, wanted: tuple[int, str], name: str = "shop", seconds: float = SECONDS) -> None:
    eventually(f"the verdict is {wanted}", lambda: wanted in verdicts(cluster, name), seconds)
