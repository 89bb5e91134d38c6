"""What helm renders is what the API server takes: every object of every combination, and every pod as restricted."""

import json
from collections.abc import Iterator
from copy import deepcopy

import pytest

from tests.chart.helm import Body, render
from tests.chart.matrix import MATRIX
from tests.e2e import api, optional
from tests.e2e.harness import fresh_namespace, kubectl

RESTRICTED = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}


@pytest.fixture(scope="module")
def restricted(_crds: None) -> Iterator[str]:
    """A namespace that takes no pod but one that the restricted Pod Security Standard allows."""
    with fresh_namespace() as name:
        api.patch(f"/api/v1/namespaces/{name}", RESTRICTED)
        yield name


def everything(namespace: str) -> list[Body]:
    """Each different object of the matrix once, with those of its namespaces in this one."""
    found = {}
    for values in MATRIX.values():
        for document in deepcopy(render(**values).documents):
            if document["metadata"].get("namespace", "default") != "default":
                document["metadata"]["namespace"] = namespace
            found[json.dumps(document, sort_keys=True)] = document
    return list(found.values())


def pods(namespace: str) -> list[Body]:
    """Each different pod, as one that its controller would make; accounts are the release's, and not there."""
    specs = {
        json.dumps(pod["spec"], sort_keys=True) for values in MATRIX.values() for _, pod in render(**values).pods()
    }
    metadata = {"generateName": "p-", "namespace": namespace}
    return [
        {"metadata": metadata, "spec": json.loads(spec) | {"serviceAccountName": "default"}} for spec in sorted(specs)
    ]


def test_api_server_accepts_every_object_of_every_combination(restricted: str) -> None:
    optional.serve("ServiceMonitor", "PodMonitor", "PrometheusRule")
    listed = {"apiVersion": "v1", "kind": "List", "items": everything(restricted)}

    # Strictly: a field that the kind does not have is an error.
    said = kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"),
        stdin=json.dumps(listed),
    )

    assert len(said.splitlines()) == len(listed["items"]) > len(MATRIX)
    assert "Warning" not in said


def test_every_pod_is_accepted_by_the_restricted_standard(restricted: str) -> None:
    where = f"/api/v1/namespaces/{restricted}/pods"
    made = pods(restricted)

    for pod in made:
        api.create(where, pod, dry_run=True)

    assert len(made) > len(MATRIX)


def test_restricted_namespace_refuses_other_pods(restricted: str) -> None:
    pod = pods(restricted)[0]
    del pod["spec"]["securityContext"]["seccompProfile"]

    with pytest.raises(AssertionError, match="violates PodSecurity"):
        api.create(f"/api/v1/namespaces/{restricted}/pods", pod, dry_run=True)
