"""Two teams, one operator, and no trust between them: what one tries against the other fails, and says why."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.tenants import EXAMPLE, Shared, may, shared

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"


@dataclass
class Listener:
    """A server of mallory's own, which notes what it is sent."""

    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    noted = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            noted.headers.append(dict(self.headers))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    noted.port = server.server_port
    Thread(target=server.serve_forever, daemon=True).start()
    yield noted
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def teams(_crds: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with shared(tmp_path_factory.mktemp("tenants")) as made:
        yield made


@pytest.fixture(scope="module")
def serving(teams: Shared, listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator that serves both, and whose administrator allows requests to mallory's server and nowhere else."""
    running = teams.operator(
        tmp_path_factory.mktemp("operator"),
        RUNBOOK_ALLOWED_URLS=f'["http://127.0.0.1:{listener.port}/*"]',
        RUNBOOK_ALLOWED_NETWORKS='["127.0.0.1/32"]',
    )
    running.start()
    yield running
    for team in (teams.red, teams.blue):
        team.clear()
    running.stop()


def book(name: str, account: str | None = "deployer", **spec: Any) -> Body:
    return runbook(name, **({"scaling": []} | ({"serviceAccountName": account} if account else {}) | spec))


def stop(**action: Any) -> list[Body]:
    return [{"name": "stop", "actions": [action]}]


def dependency(**check: Any) -> list[Body]:
    return [{"name": "it", "check": {"http": check}, "period": "1s", "for": "0s", "recoverAfter": "0s"}]


def sensed(cluster: Cluster, name: str, group: str) -> Body:
    """What is told of the only entry, once it was asked."""

    def told() -> Body | None:
        (one,) = cluster.get("runbook", name).get("status", {}).get(group) or [{}]
        return one if one.get("reason") not in (None, "NotAskedYet", "Pending") else None

    found: Body = eventually(f"{name} tells of its {group}", told)
    return found


def test_each_team_throws_its_own_switch_as_its_own_account(teams: Shared, serving: Operator) -> None:
    for person in (teams.mallory, teams.bob):
        person.does("apply", "-f", "-", stdin=book("shop"))
    for team in (teams.red, teams.blue):
        team.until_reason("switch", "shop-stop", "Ready")

    teams.bob.does("patch", "sw", "shop-stop", "--type=merge", "-p", '{"spec":{"engaged":true}}')

    teams.blue.until_replicas(0)
    teams.blue.until_phase("shop-stop", "Engaged")
    assert teams.red.replicas() == 3
    assert teams.blue.get("switch", "shop-stop")["status"]["record"]["serviceAccountName"] == "deployer"
    teams.bob.does("patch", "sw", "shop-stop", "--type=merge", "-p", '{"spec":{"engaged":null}}')
    teams.blue.until_replicas(3)
    assert serving.alive


def refused(blue: str) -> dict[str, tuple[Body, str]]:
    """What mallory writes down, and what the API server says to it."""
    target = {"name": "web", "workload": {"name": "web"}}
    secret = {"name": "X-Key", "secret": {"name": "keys", "key": "token"}}
    number = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "field": "spec.replicas"}
    metric = {"name": "replicas", "warning": "> 1"}
    elsewhere = {"namespace": blue}
    return {
        "a target of another namespace": (
            book("a", targets=[target | {"workload": {"name": "web"} | elsewhere}]),
            'unknown field "spec.targets[0].workload.namespace"',
        ),
        "a target by a path that leads out": (
            book("a", targets=[target | {"workload": {"name": f"../../{blue}/deployments/web"}}]),
            "spec.targets[0].workload.name",
        ),
        "the account of another namespace": (book("a", f"{blue}:deployer"), "spec.serviceAccountName"),
        "a group of administrators as an account": (book("a", "system:masters"), "spec.serviceAccountName"),
        "an account that smuggles in a group": (
            book("a", "deployer\nImpersonate-Group: system:masters"),
            "spec.serviceAccountName",
        ),
        "flags that are kept in kube-system": (
            book("a", targets=[target | {"flags": {"configMap": "kube-system/coredns"}}]),
            "spec.targets[0].flags.configMap",
        ),
        "a header out of another namespace's Secret": (
            book("a", dependencies=dependency(url="https://a.example", headers=[secret | {"secret": elsewhere}])),
            "secret.namespace",
        ),
        "a Service of another namespace": (
            book("a", dependencies=dependency(service={"name": "web", "port": 80} | elsewhere)),
            "service.namespace",
        ),
        "a number out of another namespace": (
            book("a", metrics=[metric | {"object": number | elsewhere}]),
            'unknown field "spec.metrics[0].object.namespace"',
        ),
        "a number out of a Secret": (
            book("a", metrics=[metric | {"object": number | {"apiVersion": "v1", "kind": "Secret"}}]),
            "a number cannot be read from a Secret",
        ),
    }


@pytest.mark.parametrize("attempt", refused("blue"))
def test_reference_out_of_the_namespace_is_refused(teams: Shared, attempt: str) -> None:
    document, says = refused(teams.blue.namespace)[attempt]

    said = teams.mallory.tries("apply", "-f", "-", stdin=document)

    assert says in said
    assert not [one for one in api.items("runbook", teams.red.namespace) if one["metadata"]["name"] == "a"]


def test_objects_and_statuses_of_another_team_are_unreachable(teams: Shared, serving: Operator) -> None:
    blue, red = teams.blue.namespace, teams.red.namespace
    teams.mallory.does("apply", "-f", "-", stdin=book("shop"))
    teams.bob.does("apply", "-f", "-", stdin=book("shop"))
    for team in (teams.red, teams.blue):
        team.until_reason("switch", "shop-stop", "Ready")
    throw = ("--type=merge", "-p", '{"spec":{"engaged":true}}')
    record = '{"status":{"record":{"engagementId":"x","engagedAt":"2026-01-01T00:00:00Z"}}}'
    forged = {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Switch",
        "metadata": {"name": "shop-forged"},
        "spec": {"runbook": "shop", "switch": "forged", "engaged": True},
    }
    attempts = {
        "the other's switch": teams.mallory.tries("patch", "sw", "shop-stop", *throw, namespace=blue),
        "the other's Runbook": teams.mallory.tries("get", "rb", "shop", namespace=blue),
        "a Runbook there": teams.mallory.tries("apply", "-f", "-", stdin=book("mine"), namespace=blue),
        "a status": teams.mallory.tries(
            "patch", "sw", "shop-stop", "--subresource=status", "--type=merge", "-p", record
        ),
        "a Runbook's status": teams.mallory.tries(
            "patch", "rb", "shop", "--subresource=status", "--type=merge", "-p", '{"status":{"engaged":9}}'
        ),
        "a switch of one's own making": teams.mallory.tries("create", "-f", "-", stdin=forged),
        "to be the operator": teams.mallory.tries(
            "get", "rb", f"--as=system:serviceaccount:{red}:runbook-operator", "--as-group=system:masters"
        ),
    }

    last = attempts.pop("to be the operator")
    assert {what: said for what, said in attempts.items() if "is forbidden" not in said} == {}
    assert "system:masters" not in last or "forbidden" in last.lower() or "is not" in last.lower()
    assert teams.blue.replicas() == 3
    assert serving.alive


def test_account_without_rights_acts_not_and_the_switch_names_the_grant(teams: Shared, serving: Operator) -> None:
    teams.mallory.does("apply", "-f", "-", stdin=book("poor", "nobody"))
    told = teams.red.until_reason("switch", "poor-stop", "MissingRights")
    assert told["message"].startswith(f"ServiceAccount {teams.red.namespace}/nobody may not get deployments (apps)")
    teams.red.throw("poor-stop")
    teams.red.until_phase("poor-stop", "Stalled")
    assert teams.red.replicas() == 3
    assert "MissingRights" in teams.mallory.does("get", "rb", "poor")

    subprocess.run(told["message"].split(": ", 1)[1], shell=True, check=True, capture_output=True)  # noqa: S602 # as told

    teams.red.until_replicas(0)
    teams.red.release("poor-stop")
    teams.red.until_replicas(3)
    teams.red.until_reason("runbook", "poor", "Ready")
    assert serving.alive


def test_job_is_created_as_the_account_and_limited_by_the_namespace(teams: Shared, serving: Operator) -> None:
    container = {"name": "a", "image": "b", "securityContext": {"privileged": True}}
    pod = {
        "serviceAccountName": "runbook-operator",
        "containers": [container],
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
    }
    job = stop(runJob={"job": {"template": {"spec": pod}}})
    teams.red.run("label", "namespace", teams.red.namespace, "pod-security.kubernetes.io/enforce=restricted")
    may(teams.red, "nobody", "get,list,watch,create,patch,delete", "jobs.batch")
    for name, account in (("unable", "deployer"), ("able", "nobody")):
        teams.mallory.does("apply", "-f", "-", stdin=book(name, account, killSwitches=job))
    assert "create" in teams.red.until_reason("switch", "unable-stop", "MissingRights")["message"]
    teams.red.until_reason("switch", "able-stop", "Ready")

    for name in ("unable", "able"):
        teams.red.throw(f"{name}-stop")

    stalled = teams.red.until_phase("unable-stop", "Stalled")["status"]["conditions"]
    assert 'resource "jobs" in API group' in next(one["message"] for one in stalled if one["type"] == "Stalled")
    events = eventually("the pod is refused", lambda: teams.red.events("FailedCreate"))
    assert "violates PodSecurity" in events[0]["message"]
    assert serving.alive


def test_checks_reach_allowed_addresses_as_the_account_and_send_no_operator_credential(
    teams: Shared, serving: Operator, listener: Listener
) -> None:
    own = f"http://127.0.0.1:{listener.port}/"
    secret = {"name": "X-Key", "secret": {"name": "keys", "key": "token"}}
    number = {"apiVersion": "v1", "kind": "ConfigMap", "name": "flags", "field": "data.ai"}
    may(teams.red, "deployer", "get", "secrets")
    asked = {
        "meta": dependency(url=METADATA),
        "api": dependency(url="https://kubernetes.default.svc/api"),
        "host": dependency(url="https://localhost:6443/api"),
        "blue": dependency(url=f"http://web.{teams.blue.namespace}.svc/"),
        "denied": dependency(url=own, headers=[secret]),
        "own": dependency(url=own, headers=[secret]),
    }
    for name, dependencies in asked.items():
        account = "nobody" if name == "denied" else "deployer"
        teams.mallory.does("apply", "-f", "-", stdin=book(name, account, dependencies=dependencies))
    metrics = [{"name": "it", "object": number, "warning": "> 1", "period": "1s"}]
    teams.mallory.does("apply", "-f", "-", stdin=book("number", metrics=metrics))

    told = {name: sensed(teams.red, name, "dependencies") for name in asked}

    assert {name: told[name]["reason"] for name in ("meta", "api", "host", "blue")} == dict.fromkeys(
        ("meta", "api", "host", "blue"), "NotAllowed"
    )
    assert (told["denied"]["reason"], told["own"]["level"]) == ("MissingRights", "Ok")
    assert f"--serviceaccount={teams.red.namespace}:nobody" in told["denied"]["message"]
    assert {headers["X-Key"] for headers in listener.headers} == {teams.red.namespace}
    assert [headers for headers in listener.headers if "Authorization" in headers] == []
    found = sensed(teams.red, "number", "metrics")
    assert found["reason"] == "MissingRights"
    assert 'cannot get resource "configmaps"' in found["message"]
    assert serving.alive


def test_runbook_without_required_account_does_not_act_and_reports_it(teams: Shared, serving: Operator) -> None:
    teams.mallory.does("apply", "-f", "-", stdin=book("bare", None))
    told = teams.red.until_reason("switch", "bare-stop", "ServiceAccountRequired")
    teams.red.throw("bare-stop")

    eventually("it is said", lambda: teams.red.events("ServiceAccountRequired"))

    assert "set spec.serviceAccountName" in told["message"]
    teams.red.until_reason("runbook", "bare", "ServiceAccountRequired")
    assert teams.red.replicas() == 3
    assert serving.alive


def test_engaged_switch_is_restored_as_the_account_of_its_throw(teams: Shared, serving: Operator) -> None:
    teams.red.apply(deployment("cart"))
    targets = [{"name": "web", "workload": {"name": "cart"}}]
    teams.mallory.does("apply", "-f", "-", stdin=book("cart", targets=targets))
    teams.red.throw_when_there("cart-stop")
    teams.red.until_phase("cart-stop", "Engaged")

    teams.mallory.does("apply", "-f", "-", stdin=book("cart", "nobody", targets=targets))

    eventually("it is told", lambda: teams.red.condition("switch", "cart-stop", "Outdated").get("status") == "True")
    assert "/deployer" in teams.red.condition("switch", "cart-stop", "Outdated")["message"]
    teams.red.scale(2, "cart")
    teams.red.until_replicas(0, "cart")
    teams.red.release("cart-stop")
    teams.red.until_replicas(3, "cart")
    assert serving.alive


def test_example_reports_allowed_and_missing_rights_of_its_account(teams: Shared, serving: Operator) -> None:
    teams.red.run("apply", "-f", str(EXAMPLE / "runbook.yaml"))

    teams.red.until_reason("switch", "search-stop", "Ready")
    told = teams.red.until_reason("switch", "search-restart", "MissingRights")

    assert "deployer may not patch deployments (apps), for action restart" in told["message"]
    teams.red.throw("search-stop")
    teams.red.until_replicas(0, "search")
    teams.red.release("search-stop")
    teams.red.until_replicas(3, "search")
    assert serving.alive


def test_switch_engaged_before_accounts_were_required_is_restored(cluster: Cluster, stopped_operator: Operator) -> None:
    stopped_operator.start()
    cluster.apply(deployment(), runbook())
    cluster.throw_when_there("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    stopped_operator.stop()
    stopped_operator.launch(RUNBOOK_REQUIRE_SERVICE_ACCOUNT="true")
    cluster.until_reason("switch", "shop-stop", "ServiceAccountRequired")

    cluster.release("shop-stop")

    cluster.until_replicas(3)
    cluster.until_phase("shop-stop", "Released")


def test_operator_without_impersonation_right_names_the_missing_one(
    cluster: Cluster, teams: Shared, tmp_path: Path
) -> None:
    cluster.apply(deployment(), book("shop"))
    role = f"--clusterrole={teams.red.namespace}-base"
    who = f"--serviceaccount={teams.red.namespace}:runbook-operator"
    cluster.run("create", "rolebinding", "base", role, who)
    running = teams.operator(tmp_path, RUNBOOK_NAMESPACES=f'["{cluster.namespace}"]', RUNBOOK_LEASE_NAME="another")
    running.start()

    told = cluster.until_reason("switch", "shop-stop", "MissingRights")

    account = rf"may not act as the ServiceAccount {cluster.namespace}/\S+: it lacks the verb impersonate on"
    assert re.search(account, told["message"])
    bound = f"kubectl create rolebinding runbook-operator-impersonation --namespace={cluster.namespace} .*{who}"
    assert re.search(bound, told["message"])
    cluster.clear()
    running.stop()
