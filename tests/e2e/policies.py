"""Mutating admission policies of one namespace, and how often an operator wrote."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.e2e import api
from tests.e2e.harness import Body, Operator, eventually

POLICIES = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings"


@dataclass(frozen=True)
class Changing:
    """What a policy does to every write of a resource: `patches` is a CEL list of JSON patches.

    `tried` is a write whose dry run shows at `shows` that the API server has taken the policy up.
    """

    resource: str
    patches: str
    tried: Body
    shows: tuple[str | int, ...]
    as_: Any
    group: str = "apps"


def to(path: str, value: str) -> str:
    """The CEL list with the one patch that sets a path."""
    return f"[JSONPatch{{op: 'add', path: '{path}', value: {value}}}]"


@contextmanager
def policy(namespace: str, change: Changing, where: str) -> Iterator[None]:
    """The policy is in force in the namespace, which a dry run of a write to `where` has shown."""
    name = f"{namespace}-{change.resource.replace('/', '-')}"
    rule = {"apiGroups": [change.group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"]}
    constraints = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "resourceRules": [rule | {"resources": [change.resource]}],
    }
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": constraints,
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": change.patches}}],
    }
    api.create(POLICIES, {"metadata": {"name": name}, "spec": spec})
    api.create(BINDINGS, {"metadata": {"name": name}, "spec": {"policyName": name}})
    try:
        eventually("the policy is in force", lambda: _dry(where, change) == change.as_)
        yield
    finally:
        remove(namespace, change, where)


def remove(namespace: str, change: Changing, where: str) -> None:
    """Remove the policy, and wait until the API server has taken that up."""
    for kind in (BINDINGS, POLICIES):
        with suppress(api.NotThereError):
            api.delete(f"{kind}/{namespace}-{change.resource.replace('/', '-')}")
    eventually("the policy is gone", lambda: _dry(where, change) != change.as_)


def writes(operator: Operator, name: str = "") -> int:
    """How many accepted writes to targets of this name the operator has noted."""
    lines = (json.loads(line) for line in operator.log().splitlines() if '"event": "act"' in line)
    return sum(1 for one in lines if one["result"] == "done" and name in one["target"])


def _dry(where: str, change: Changing) -> Any:
    body: Any = api.request("PATCH", f"{where}?dryRun=All", change.tried, "application/merge-patch+json")
    for step in change.shows:
        body = body.get(step) if isinstance(body, dict) else body[step] if body else None
    return body
