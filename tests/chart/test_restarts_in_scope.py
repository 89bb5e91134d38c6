"""A release that serves two namespaces by several processes, all of which are killed and started again.

What becomes of one namespace is nothing to the team in the other one: before the first write of its throw the processes
ask the API server for little, whatever happens in the other namespace. Requests are counted, and no time is measured.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runbook_operator.core.sharding import shard_of
from tests.chart.scoped import Scoped, scoped
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, runbook
from tests.faults.proxy import Proxy

NAMESPACES = "/api/v1/namespaces"
OWN = 40
"""Requests for the team before the first write: after a restart its watches begin, and its switch is looked at."""
OTHERS = 60
"""Requests for the other namespace meanwhile: its watches begin anew, or one switch of it is released."""
STANDBY = pytest.param(1, id="a leader and a standby")
SHARDED = pytest.param(2, id="two shards")


class Tenants:
    """Two processes of one release, the namespace of a team, and the `other` one, in which things happen."""

    def __init__(self, release: Scoped, proxy: Proxy, team: Cluster, other: Cluster) -> None:
        self.release, self.proxy, self.team, self.other = release, proxy, team, other
        names = (team.namespace, other.namespace)
        release.install(team.namespace)
        settings = {"RUNBOOK_SHARDS": str(release.shards), "KUBECONFIG": self._config()}
        self.operators = [release.operator(name, *names, **settings) for name in ("one", "two")]
        team.apply(without_pods(), runbook(scaling=[]))

    def start(self) -> None:
        """Start all processes, and wait until the team is served."""
        for one in self.operators:
            one.launch()
        eventually("all are ready", lambda: all(map(is_ready, self.operators)))
        self.team.until_reason("switch", "shop-stop", "Ready")

    def kill(self) -> None:
        for one in self.operators:
            one.kill()

    def restart(self) -> None:
        self.kill()
        self.start()

    def throw(self) -> None:
        """A throw of the team and its release; few requests come before its first write."""
        eventually("the team is at rest", self._is_at_rest)
        began = len(self.proxy.calls)
        self.team.throw("shop-stop")
        self.team.until_phase("shop-stop", "Engaged")
        calls = self.proxy.calls[began:]
        self.team.release("shop-stop")
        self.team.until_phase("shop-stop", "Released")
        assert self.team.replicas() == 3
        first = next(index for index, one in enumerate(calls) if one.is_write and self.team.namespace in one.path)
        for only, most in ((self.team, OWN), (self.other, OTHERS)):
            asked = [f"{one.method} {one.path}" for one in calls[:first] if only.namespace in one.path]
            assert len(asked) <= most, asked

    def _is_at_rest(self) -> bool:
        """True if the Switch knows what a throw would save, and the controller of the Deployment has no more to do."""
        switch, web = self.team.get("switch", "shop-stop"), self.team.get("deployment", "web")
        prepared = switch["status"].get("prepared", {})
        is_observed = web["status"].get("observedGeneration") == web["metadata"]["generation"]
        return bool(is_observed and prepared.get("generation") == switch["metadata"]["generation"])

    def is_served(self) -> bool:
        line = f'runbook_operator_namespace_served{{scope_namespace="{self.other.namespace}"}} 1.0'
        return all(line in one.http("/metrics")[1] for one in self.operators)

    def engage(self) -> None:
        self.other.apply(deployment(), runbook(scaling=[]))
        self.other.throw_when_there("shop-stop")
        self.other.until_phase("shop-stop", "Engaged")

    def create(self) -> None:
        """The other namespace, which the release serves from now on."""
        api.create(NAMESPACES, {"metadata": {"name": self.other.namespace}})
        self.release.install(self.team.namespace, self.other.namespace)

    def begin_deletion(self) -> None:
        api.delete(f"{NAMESPACES}/{self.other.namespace}")

    def until_gone(self) -> None:
        eventually("the namespace is gone", lambda: not is_there(self.other.namespace), seconds=150)

    def end(self) -> None:
        """Release what is engaged, and end all processes in order."""
        for one in (self.team, self.other):
            if is_there(one.namespace):
                one.clear()
        assert [one.stop() for one in self.operators] == [0, 0]

    def _config(self) -> str:
        """The credentials of the release, through the proxy."""
        config = json.loads(Path(self.release.environment()["KUBECONFIG"]).read_text())
        through = json.loads(self.proxy.kubeconfig.read_text())
        through["users"][0]["user"] = config["users"][0]["user"]
        path = self.release.folder / "through.json"
        path.write_text(json.dumps(through))
        return str(path)


def without_pods() -> Body:
    """A Deployment that never has pods: nothing changes it but its replicas, so that each throw finds it alike."""
    body = deployment()
    body["spec"]["paused"] = True
    return body


def is_ready(operator: Operator) -> bool:
    """False also while a process that was started again does not listen yet."""
    try:
        return operator.is_ready()
    except OSError:
        return False


def is_there(namespace: str) -> bool:
    try:
        api.get(f"{NAMESPACES}/{namespace}")
    except api.NotThereError:
        return False
    return True


def apart(stack: ExitStack, team: str) -> str:
    """A namespace that is in another shard of two than the team's."""
    while True:
        name = stack.enter_context(fresh_namespace())
        if shard_of(name, 2) != shard_of(team, 2):
            return name


@pytest.fixture
def tenants(_crds: None, cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tenants]:
    with ExitStack() as stack:
        other = Cluster(apart(stack, cluster.namespace))
        release = stack.enter_context(scoped(tmp_path, shards=request.param))
        proxy = Proxy(tmp_path / "proxy")
        stack.callback(proxy.close)
        yield Tenants(release, proxy, cluster, other)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tenants", [STANDBY, SHARDED], indirect=True)
def test_namespace_changed_between_restarts_delays_no_throw_of_another_team(
    tenants: Tenants,
) -> None:
    tenants.begin_deletion()
    tenants.until_gone()
    tenants.start()
    tenants.throw()

    tenants.create()
    tenants.engage()
    eventually("all serve it", tenants.is_served)
    tenants.throw()

    tenants.begin_deletion()
    tenants.throw()
    tenants.until_gone()
    tenants.restart()
    tenants.throw()

    tenants.create()
    tenants.restart()
    tenants.engage()
    tenants.throw()

    tenants.kill()
    tenants.begin_deletion()
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{tenants.other.namespace}/rolebindings"
    eventually("the rights are gone", lambda: not api.get(bindings)["items"])
    tenants.start()
    tenants.throw()
    tenants.until_gone()
    tenants.end()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tenants", [STANDBY, SHARDED], indirect=True)
def test_right_missing_after_a_restart_keeps_saved_values_and_delays_no_other_team(
    tenants: Tenants,
) -> None:
    tenants.release.install(tenants.team.namespace, tenants.other.namespace)
    tenants.start()
    tenants.engage()
    tenants.throw()

    tenants.other.run("delete", "rolebinding", tenants.release.fullname)
    tenants.restart()
    tenants.throw()
    tenants.other.until_reason("switch", "shop-stop", "MissingRights")
    held = tenants.other.get("switch", "shop-stop")["status"]["record"]
    assert held["actions"][0]["saved"] == 3

    tenants.release.install(tenants.team.namespace, tenants.other.namespace)
    tenants.restart()
    tenants.other.release("shop-stop")
    tenants.other.until_replicas(3)
    tenants.throw()
    tenants.end()
