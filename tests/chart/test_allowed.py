"""A release whose operator has the rights of more actions than it allows, on the real API server."""

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chart.helm import packaged
from tests.e2e import account
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.installed import has_rights

OFF = {"crds": {"enabled": False}, "admission": {"enabled": False}, "replicas": 0}
"""The suite's own release has these for the whole cluster."""
RESTART = [{"name": "again", "actions": [{"restart": {"target": "web"}}]}]
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def helm(*arguments: str, values: Body | None = None) -> None:
    command = ["helm", *arguments]
    done = subprocess.run(command, input=json.dumps(values or {}), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@dataclass
class Scoped:
    """A release in and for the test's namespace, and called after it, since tests run side by side.

    Its operator is a process with the environment and the account of its pods.
    """

    cluster: Cluster
    folder: Path

    @property
    def name(self) -> str:
        return self.cluster.namespace

    @property
    def fullname(self) -> str:
        return f"{self.name}-runbook-operator"

    def until_it_has_its_rights(self) -> None:
        eventually("the account has its rights", lambda: has_rights(self.fullname))

    def install(self, *actions: str, **rights: object) -> None:
        values = OFF | {
            "scope": {"namespaces": [self.cluster.namespace]},
            "rights": {"shared": False, "actions": list(actions)} | rights,
        }
        helm("upgrade", "--install", self.name, str(packaged()), "--namespace", self.name, "--values=-", values=values)
        self.until_it_has_its_rights()

    def operator(self, **settings: str) -> Operator:
        found = json.loads(self.cluster.run("get", "deployment", self.fullname, "-o", "json"))
        pod = found["spec"]["template"]["spec"]["containers"][0]
        environment = {one["name"]: one.get("value", "") for one in pod["env"]}
        token = self.cluster.run("create", "token", self.fullname)
        config = account.like_mine(self.folder / "kubeconfig", token)
        here = {"KUBECONFIG": str(config), "RUNBOOK_HTTP_HOST": "127.0.0.1", "RUNBOOK_HTTP_PORT": "0"}
        return Operator(self.cluster.namespace, self.folder, **(environment | here | settings))


Start = Callable[[Operator], Operator]


@pytest.fixture
def scoped(cluster: Cluster, tmp_path: Path) -> Iterator[Scoped]:
    made = Scoped(cluster, tmp_path)
    yield made
    helm("uninstall", made.name, "--namespace", made.name, "--no-hooks", "--ignore-not-found")


@pytest.fixture
def start(cluster: Cluster) -> Iterator[Start]:
    """Starts an operator, and at the end has the last one release everything."""
    begun: list[Operator] = []

    def run(operator: Operator) -> Operator:
        begun.append(operator)
        operator.start()
        return operator

    yield run
    cluster.clear()
    for operator in begun[-1:]:
        operator.stop()


def restarted(cluster: Cluster) -> bool:
    template = cluster.get("deployment", "web")["spec"]["template"]["metadata"]
    return RESTARTED in (template.get("annotations") or {})


def command_of(message: str, first: str) -> str:
    return first + message.split(first, 1)[1]


def test_forbidden_action_is_refused_with_the_command_that_allows_it(
    cluster: Cluster, scoped: Scoped, start: Start
) -> None:
    scoped.install("notify", "scale", "rollback")
    first = start(scoped.operator())
    cluster.apply(deployment(), runbook(killSwitches=RESTART))
    message = cluster.until_reason("switch", "shop-again", "ActionNotAllowed")["message"]
    assert cluster.until_reason("runbook", "shop", "ActionNotAllowed")["message"] == f"switch again: {message}"

    cluster.throw("shop-again")
    eventually("it stalls", lambda: cluster.condition("switch", "shop-again", "Stalled").get("status") == "True")
    assert not restarted(cluster)
    cluster.release("shop-again")
    cluster.until_phase("shop-again", "Released")

    command = command_of(message, "helm upgrade").replace("CHART", str(packaged()))
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    first.stop()
    scoped.until_it_has_its_rights()
    start(scoped.operator())
    cluster.until_reason("switch", "shop-again", "Ready")
    cluster.throw("shop-again")
    eventually("it is restarted", lambda: restarted(cluster))


def test_engaged_action_no_longer_allowed_is_restored(cluster: Cluster, scoped: Scoped, start: Start) -> None:
    scoped.install("notify", "scale")
    first = start(scoped.operator())
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    first.stop()

    start(scoped.operator(RUNBOOK_ALLOWED_ACTIONS="notify"))
    cluster.release("shop-stop")

    cluster.until_replicas(3)
    cluster.until_reason("switch", "shop-stop", "ActionNotAllowed")


def test_missing_rights_recover_after_their_commands(cluster: Cluster, scoped: Scoped, start: Start) -> None:
    """The list allows what the roles do not give, as where an administrator binds the account by other means."""
    scoped.install("notify", "scale")
    start(scoped.operator(RUNBOOK_ALLOWED_ACTIONS="notify,scale,setFlag,restart"))
    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-flags"}, "data": {"ai": "true"}}
    target = {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "web-flags"}}
    off = {"setFlag": {"target": "web", "flag": "ai", "value": "false"}}
    switches = [
        {"name": "ai-off", "actions": [off]},
        {"name": "again", "actions": [{"restart": {"target": "web"}}]},
        {"name": "both", "actions": [off, {"restart": {"target": "web"}}]},
    ]
    cluster.apply(deployment(), flags, runbook(targets=[target], killSwitches=switches))
    names = ["shop-ai-off", "shop-again", "shop-both"]
    said = [cluster.until_reason("switch", name, "MissingRights")["message"] for name in names]
    whole = cluster.until_reason("runbook", "shop", "MissingRights")["message"]

    assert whole.startswith("switch ")
    assert cluster.get("runbook", "shop")["status"]["targets"][0]["found"] is True
    assert all("clusterrole" not in message and "403" not in message for message in (*said, whole))
    for command in [one for message in said for one in command_of(message, "kubectl create").split(" && ")]:
        assert f"--namespace={cluster.namespace}" in command
        subprocess.run(shlex.split(command), check=False, capture_output=True)

    for name in names:
        cluster.until_reason("switch", name, "Ready")
    cluster.until_reason("runbook", "shop", "Ready")
