"""Kinds of tools that the lab does not run: CRDs that take everything, made where they are not there yet.

What an action writes is proven on the real API server; what the tool makes of it is its own.
"""

from contextlib import suppress

from tests.e2e import api
from tests.e2e.harness import Body, kubectl

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ANYTHING: Body = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SCALE = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}


def serve(*kinds: str) -> None:
    """Have these kinds, by their names in api.GROUPS; other tests share them, so that none is changed or deleted."""
    names = []
    for kind in kinds:
        group, version = api.GROUPS[kind.lower()].removeprefix("/apis/").split("/")
        names.append(f"crd/{kind.lower()}s.{group}")
        try:
            api.get(f"{DEFINITIONS}/{kind.lower()}s.{group}")
        except api.NotThereError:
            # Another test may have made it in between, which is as good.
            with suppress(AssertionError):
                api.create(DEFINITIONS, _definition(group, version, kind))
    kubectl("wait", "--for=condition=Established", *names, "--timeout=180s")


def all_served() -> bool:
    """Whether the API server serves every kind that there is a definition of; asked at once, and not one by one."""
    conditions = (one.get("status", {}).get("conditions", []) for one in api.get(DEFINITIONS)["items"])
    return all(any(c["type"] == "Established" and c["status"] == "True" for c in found) for found in conditions)


def _definition(group: str, version: str, kind: str) -> Body:
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "properties": {"spec": ANYTHING, "status": ANYTHING}}
    served: Body = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if kind == "Rollout":
        served["subresources"] = {"status": {}, "scale": SCALE}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [served],
        },
    }
