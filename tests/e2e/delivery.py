"""Argo Rollouts and Flagger, which the lab does not run: their kinds as the API server takes them, and their objects.

What their controllers would write into a status a test writes itself, and what they make of ours is documented by them.
"""

import json
from contextlib import suppress

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, kubectl
from tests.e2e.optional import ANYTHING, DEFINITIONS, serve

ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts"
CANARY: Body = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "canaries.flagger.app"},
    "spec": {
        "group": "flagger.app",
        "scope": "Namespaced",
        "names": {"kind": "Canary", "plural": "canaries", "singular": "canary", "listKind": "CanaryList"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": ANYTHING, "status": ANYTHING}}},
                "subresources": {"status": {}},
            }
        ],
    },
}


def make_kinds() -> None:
    """Other tests make and use the same at the same time: what is there already is neither changed nor deleted."""
    serve("Rollout")
    try:
        api.get(f"{DEFINITIONS}/canaries.flagger.app")
    except api.NotThereError:
        # Another test may have made it in between, which is as good.
        with suppress(AssertionError):
            api.create(DEFINITIONS, CANARY)
    kubectl("wait", "--for=condition=Established", "crd/canaries.flagger.app", "--timeout=180s")


def set_status(cluster: Cluster, name: str, **status: object) -> None:
    """As the controller of Argo Rollouts would."""
    patch = json.dumps({"status": status})
    cluster.run("patch", "rollouts.argoproj.io", name, "--subresource=status", "--type=merge", "-p", patch)
