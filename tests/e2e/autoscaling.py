"""What the lab's HorizontalPodAutoscaler controller needs to decide by a metric, and the kind of KEDA.

External metrics are an API of their own, which a CRD can serve as well as an adapter: the metric is its plural, and its
objects are the values. So the real controller really scales by what a test says, to 0 and from there.
"""

import json

import pytest

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, eventually, kubectl
from tests.scaling import hpa

METRICS = "external.metrics.k8s.io"
ANYTHING: Body = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def make_kinds() -> None:
    """Other tests make the same at the same time, so that they are applied and never deleted."""
    documents = (
        _crd(METRICS, "v1beta1", "ExternalMetricValue", "queue"),
        _crd("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
    )
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin="\n---\n".join(map(json.dumps, documents)))
    kubectl(
        "wait", "--for=condition=Established", f"crd/queue.{METRICS}", "crd/scaledobjects.keda.sh", "--timeout=180s"
    )


def set_queue(cluster: Cluster, length: int) -> None:
    """The metric `queue` of the namespace is this from now on."""
    value: Body = {"metricName": "queue", "timestamp": "2026-11-24T03:00:00Z", "value": str(length)}
    try:
        api.patch(api.path("queue", cluster.namespace, "now"), value)
    except api.NotThereError:
        named = {"apiVersion": f"{METRICS}/v1beta1", "kind": "ExternalMetricValue", "metadata": {"name": "now"}}
        api.create(api.path("queue", cluster.namespace), named | value)


def autoscaler(cluster: Cluster) -> Body:
    return cluster.get("horizontalpodautoscaler", "web")


def needs_zero(cluster: Cluster) -> None:
    """Skip where an autoscaler may not rest at 0, as in all but the latest versions of Kubernetes."""
    try:
        cluster.run("create", "--dry-run=server", "-f", "-", stdin=json.dumps(hpa(0, 4)))
    except AssertionError:
        pytest.skip("autoscalers of this Kubernetes do not scale to 0")


def _needs_decisions(cluster: Cluster) -> None:
    if not api.items("horizontalpodautoscaler", cluster.namespace)[0]["metadata"].get("generation"):
        pytest.skip("autoscalers of this Kubernetes do not say which spec they have decided about")


def until_decided(cluster: Cluster) -> None:
    """Have the controller decide now, and wait until it has: it looks at once at what changes in a spec."""
    _needs_decisions(cluster)
    eventually("it is asked to decide", lambda: _ask(cluster))
    until_seen(cluster)


def until_seen(cluster: Cluster, name: str = "web") -> None:
    """Wait until the controller has decided about the spec as it is.

    A decision that is under way ends after a release has begun, and then with the number that was held.
    """
    eventually("it has decided", lambda: _has_decided(cluster.get("horizontalpodautoscaler", name)))


def scaled_to_zero(cluster: Cluster) -> bool:
    conditions = autoscaler(cluster).get("status", {}).get("conditions", [])
    return any((one["type"], one["status"]) == ("ScaledToZero", "True") for one in conditions)


def say_scaled_to_zero(cluster: Cluster) -> None:
    """The condition as the controller leaves it behind where a person, and not itself, has scaled up from 0."""

    def write() -> bool:
        body = autoscaler(cluster)
        said = {"type": "ScaledToZero", "status": "True", "reason": "ScaledToZero", "message": ""}
        others = [one for one in body["status"].get("conditions", []) if one["type"] != said["type"]]
        body["status"]["conditions"] = [*others, said]
        api.request("PUT", api.path("horizontalpodautoscaler", cluster.namespace, "web") + "/status", body)
        return True

    eventually("it says so", write)


def _ask(cluster: Cluster) -> bool:
    """Another way to write about the same target is a change of the spec that alters no decision."""
    body = autoscaler(cluster)
    target = body["spec"]["metrics"][0]["external"]["target"]
    target["averageValue"] = "1" if target["averageValue"] != "1" else "1001m"
    api.request("PUT", api.path("horizontalpodautoscaler", cluster.namespace, "web"), body)
    return True


def _has_decided(body: Body) -> bool:
    status, generation = body.get("status", {}), body["metadata"].get("generation")
    return status.get("observedGeneration") == generation if generation else bool(status.get("conditions"))


def _crd(group: str, version: str, kind: str, plural: str) -> Body:
    singular = f"{plural}item" if plural == "queue" else kind.lower()
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a test's own"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": singular, "listKind": f"{kind}List"},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": ANYTHING}}],
        },
    }
