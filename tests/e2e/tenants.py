"""A cluster that two teams share: people with the roles that are made for them, and an operator with few rights.

Nobody here is an administrator but the test: the operator is a service account with the base role, who may act in the
name of the teams' accounts, and each person may do in one namespace what `edit` lets people do.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from runbook_operator.api.rbac_generation import people, roles
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, kubectl

RBAC = "rbac.authorization.k8s.io/v1"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "13-tenants"
OWN = "runbook-tests"
"""The label of what belongs to no namespace and is deleted at the end."""


@dataclass(frozen=True)
class Person:
    """Somebody who may do some things in one namespace, by the API server's own authorization."""

    name: str
    namespace: str

    def tries(self, *arguments: str, stdin: Body | None = None, namespace: str = "") -> str:
        """What kubectl says, be it done or refused."""
        command = ["kubectl", f"--as={self.name}", f"--namespace={namespace or self.namespace}", *arguments]
        text = yaml.safe_dump(stdin) if stdin else None
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        return done.stdout + done.stderr

    def does(self, *arguments: str, stdin: Body | None = None) -> str:
        said = self.tries(*arguments, stdin=stdin)
        assert "Error" not in said, said
        assert "error" not in said, said
        return said


@dataclass(frozen=True)
class Shared:
    """Two teams' namespaces, one person of each, and the operator's kubeconfig."""

    red: Cluster
    blue: Cluster
    mallory: Person
    bob: Person
    kubeconfig: Path

    def operator(self, folder: Path, **settings: str) -> Operator:
        """One that serves both teams and does nothing for a Runbook without a service account."""
        usual = {
            "KUBECONFIG": str(self.kubeconfig),
            "RUNBOOK_NAMESPACES": json.dumps([self.red.namespace, self.blue.namespace]),
            "RUNBOOK_REQUIRE_SERVICE_ACCOUNT": "true",
        }
        return Operator(self.red.namespace, folder, as_typed=False, **(usual | settings))


@contextmanager
def shared(folder: Path) -> Iterator[Shared]:
    """Everything but the operator itself, which the test starts."""
    with ExitStack() as stack:
        red, blue = (Cluster(stack.enter_context(fresh_namespace())) for _ in range(2))
        mark = red.namespace
        operator = f"system:serviceaccount:{mark}:runbook-operator"
        mallory, bob = Person("mallory", red.namespace), Person("bob", blue.namespace)
        stack.callback(kubectl, "delete", "clusterroles,rolebindings", "-A", "-l", f"{OWN}={mark}", "--wait=false")
        documents = [*_roles(mark), *_team(red, mallory, mark, operator), *_team(blue, bob, mark, operator)]
        documents += [
            _account(red, "runbook-operator"),
            _bound("default", f"{mark}-api", f"{mark}-base", operator, mark),
        ]
        kubectl("create", "--validate=false", "-f", "-", stdin=yaml.safe_dump_all(documents))
        eventually("edit has its part", lambda: mallory.tries("auth", "can-i", "create", "runbooks").startswith("yes"))
        yield Shared(red, blue, mallory, bob, _kubeconfig(red, folder))


def may(cluster: Cluster, account: str, verbs: str, *resources: str) -> None:
    """Let a service account of the namespace do this, as its administrator would."""
    cluster.apply(*_may(cluster, account, verbs, *resources))


def _may(cluster: Cluster, account: str, verbs: str, *resources: str) -> list[Body]:
    """A role and its binding; each resource as kubectl has it, deployments.apps/scale."""
    name = f"{account}-{resources[0].replace('/', '-')}"
    rules = []
    for one in resources:
        resource, slash, subresource = one.partition("/")
        plural, _, group = resource.partition(".")
        rules.append({"apiGroups": [group], "resources": [f"{plural}{slash}{subresource}"], "verbs": verbs.split(",")})
    meta = {"name": name, "namespace": cluster.namespace}
    user = f"system:serviceaccount:{cluster.namespace}:{account}"
    return [
        {"apiVersion": RBAC, "kind": "Role", "metadata": meta, "rules": rules},
        _bound(cluster.namespace, name, name, user, kind="Role"),
    ]


def _roles(mark: str) -> Iterator[Body]:
    """Those of the operator that this needs, and those of people, under names of this test's own."""
    of_operator = {"runbook-operator": "base", "runbook-operator-impersonation": "impersonation"}
    for role in (*roles(), *people()):
        called = role["metadata"]["name"]
        if called in of_operator or not called.startswith("runbook-operator"):
            labels = {} if called in of_operator else role["metadata"]["labels"]
            meta = {"name": f"{mark}-{of_operator.get(called, called)}", "labels": labels | {OWN: mark}}
            yield {**role, "metadata": meta}


def _team(team: Cluster, person: Person, mark: str, operator: str) -> list[Body]:
    """What a team has in its namespace, the example's account that may scale it, and a person who may edit."""
    name = team.namespace
    example = yaml.safe_load_all((EXAMPLE / "rights.yaml").read_text())
    data = {
        "Secret": {"metadata": {"name": "keys", "namespace": name}, "stringData": {"token": name}},
        "ConfigMap": {"metadata": {"name": "flags", "namespace": name}, "data": {"ai": "true"}},
    }
    web = deployment()
    return [
        {**web, "metadata": web["metadata"] | {"namespace": name}},
        *({"apiVersion": "v1", "kind": kind, **body} for kind, body in data.items()),
        _account(team, "nobody"),
        *({**one, "metadata": one["metadata"] | {"namespace": name}} for one in example),
        _bound(name, "deployer", "deployer", f"system:serviceaccount:{name}:deployer", kind="Role"),
        _bound(name, "person", "edit", person.name),
        *(_bound(name, role, f"{mark}-{role}", operator) for role in ("base", "impersonation")),
    ]


def _account(where: Cluster, name: str) -> Body:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": where.namespace}}


def _bound(  # each is a part of a RoleBinding
    namespace: str, name: str, role: str, user: str, mark: str = "", kind: str = "ClusterRole"
) -> Body:
    group = RBAC.partition("/")[0]
    return {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace, "labels": {OWN: mark} if mark else {}},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


def _kubeconfig(where: Cluster, folder: Path) -> Path:
    """That of the operator's own service account, with a token that the API server has issued."""
    config = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
    config["users"][0]["user"] = {"token": where.run("create", "token", "runbook-operator").strip()}
    path = folder / "operator.kubeconfig"
    path.write_text(json.dumps(config))
    return path
