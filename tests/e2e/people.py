"""People who are not the cluster's administrator, and the chart's policies in a namespace, from the real chart."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import api, installed
from tests.e2e.harness import Body, kubectl

CHART = Path(__file__).resolve().parents[2] / "charts" / "runbook-operator"
ADMISSION = "admissionregistration.k8s.io/v1"
UNATTENDED = "admission.warnUnattended=true"
MUTATING = {
    "admission-stamp.yaml": "admission.stampEngagedBy",
    "admission-authors.yaml": "admission.stampEngagedBy",
    "admission-mark.yaml": "admission.markEngaged",
}
"""The templates that take a MutatingAdmissionPolicy, and the values by which each is switched off."""


@dataclass(frozen=True)
class Answer:
    """What the API server said to a person."""

    status: int
    body: Body

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))


@dataclass(frozen=True)
class Person:
    """A user of the namespace, with the rights that its roles give and no others."""

    name: str
    namespace: str
    group: str = "people"

    def patch(self, kind: str, name: str, patch: Body, *, part: str = "", dry_run: bool = False) -> Answer:
        """As `kubectl patch --type merge`."""
        where = api.path(kind, self.namespace, name) + part
        return self.request("PATCH", where, patch, "application/merge-patch+json", dry_run=dry_run)

    def says(self, switch: str, *, dry_run: bool = False, **spec: Any) -> Answer:
        return self.patch("switch", switch, {"spec": spec}, dry_run=dry_run)

    def creates(self, document: Body, *, dry_run: bool = False) -> Answer:
        return self.request("POST", api.path(document["kind"], self.namespace), document, dry_run=dry_run)

    def deletes(self, kind: str, name: str) -> Answer:
        return self.request("DELETE", api.path(kind, self.namespace, name))

    def request(
        self,
        method: str,
        where: str,
        body: Body | None = None,
        content: str = "application/json",
        *,
        dry_run: bool = False,
    ) -> Answer:
        """As whoever runs the tests, who may impersonate; from there on it is this user's own request."""
        headers = {"Content-Type": content, "Impersonate-User": self.name, "Impersonate-Group": self.group}
        connection = http.client.HTTPConnection("127.0.0.1", api.proxy(), timeout=30)
        try:
            query = "?dryRun=All" if dry_run else ""
            connection.request(method, where + query, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, json.loads(answer.read()))
        finally:
            connection.close()


def allowed(answer: Answer) -> Body:
    assert answer.status < http.HTTPStatus.BAD_REQUEST, answer.message
    return answer.body


def denied(answer: Answer) -> str:
    """What a policy of ours has to say."""
    assert answer.status >= http.HTTPStatus.BAD_REQUEST, "it was let through"
    _, found, said = answer.message.partition("denied request: ")
    assert found, f"no policy denied it: {answer.message}"
    return said


def role(namespace: str, user: str, *rules: tuple[str, str, str], names: tuple[str, ...] = ()) -> list[Body]:
    """A Role of `group`, `resources`, `verbs` (by commas), and its binding to the user."""
    named = {"resourceNames": list(names)} if names else {}
    given = [
        {"apiGroups": [group], "resources": resources.split(","), "verbs": verbs.split(","), **named}
        for group, resources, verbs in rules
    ]
    api, group = "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
    meta = {"name": "-".join((user, *names)), "namespace": namespace}
    ref = {"apiGroup": group, "kind": "Role", "name": meta["name"]}
    subject = {"apiGroup": group, "kind": "User", "name": user}
    return [
        {"apiVersion": api, "kind": "Role", "metadata": meta, "rules": given},
        {"apiVersion": api, "kind": "RoleBinding", "metadata": meta, "roleRef": ref, "subjects": [subject]},
    ]


def served() -> set[str]:
    """The kinds of policies that this API server has."""
    found = json.loads(kubectl("get", "--raw", f"/apis/{ADMISSION}"))["resources"]
    return {one["kind"] for one in found if "/" not in one["name"]}


def stamps() -> bool:
    """Whether it can put the name of a user into what the user writes: from Kubernetes 1.36 on."""
    return "MutatingAdmissionPolicy" in served()


@contextmanager
def policies(namespace: str, *values: str) -> Iterator[None]:
    """The policies, as the chart has them with these values, for this namespace alone.

    The operator of tests is the one that they know.
    """
    made = rendered(namespace, *values)
    try:
        kubectl("apply", "-f", "-", stdin=made)
        yield
    finally:
        kubectl("delete", "--wait=false", "--ignore-not-found", "-f", "-", stdin=made)


def rendered(namespace: str, *values: str) -> str:
    """As `helm install` would have it on this API server, without asking for more than its kinds."""
    versions = (f"--api-versions={ADMISSION}/{kind}" for kind in served())
    account = ("serviceAccount.create=false", f"serviceAccount.name={installed.FULLNAME}")
    sets = (f"--set={one}" for one in (f"scope.namespaces={{{namespace}}}", *account, *values))
    templates = {path.name for path in (CHART / "templates").glob("admission-*.yaml")}
    command = ["helm", "template", namespace, str(CHART), "-n", installed.NAMESPACE, *versions, *sets]
    # A template of which nothing is left cannot be asked for by its name.
    left = templates - {one for one, value in MUTATING.items() if f"{value}=false" in values or not stamps()}
    left -= {"admission-unattended.yaml"} if UNATTENDED not in values else set()
    # It would keep the account from every other namespace, and all tests share the account.
    left -= {"admission-scope.yaml"}
    command += [part for one in sorted(left) for part in ("-s", f"templates/{one}")]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
