"""The API server by plain HTTP through `kubectl proxy`: what tests poll and watch, without a process per look."""

import atexit
import http.client
import json
import re
import subprocess
from functools import cache
from typing import Any

Body = dict[str, Any]
GROUPS = {
    "runbook": "/apis/runbooks.dev/v1alpha1",
    "switch": "/apis/runbooks.dev/v1alpha1",
    "incident": "/apis/runbooks.dev/v1alpha1",
    "deployment": "/apis/apps/v1",
    "statefulset": "/apis/apps/v1",
    "daemonset": "/apis/apps/v1",
    "lease": "/apis/coordination.k8s.io/v1",
    "event": "/api/v1",
    "pod": "/api/v1",
    "horizontalpodautoscaler": "/apis/autoscaling/v2",
    "scaledobject": "/apis/keda.sh/v1alpha1",
    "rollout": "/apis/argoproj.io/v1alpha1",
    "queue": "/apis/external.metrics.k8s.io/v1beta1",
    "configmap": "/api/v1",
    "service": "/api/v1",
    "resourcequota": "/api/v1",
    "cronjob": "/apis/batch/v1",
    "job": "/apis/batch/v1",
    "featureflag": "/apis/core.openfeature.dev/v1beta1",
    "application": "/apis/argoproj.io/v1alpha1",
    "appproject": "/apis/argoproj.io/v1alpha1",
    "gitrepository": "/apis/source.toolkit.fluxcd.io/v1",
    "kustomization": "/apis/kustomize.toolkit.fluxcd.io/v1",
    "helmrelease": "/apis/helm.toolkit.fluxcd.io/v2",
    "servicemonitor": "/apis/monitoring.coreos.com/v1",
    "podmonitor": "/apis/monitoring.coreos.com/v1",
    "prometheusrule": "/apis/monitoring.coreos.com/v1",
}
PLURALS = {"switch": "switches", "queue": "queue"}


class NotThereError(AssertionError):
    """404: for a test that waits, not yet; for any other, a failure."""


def path(kind: str, namespace: str, name: str = "") -> str:
    """The path of an object, or of all objects of the kind in the namespace."""
    kind = kind.lower()
    collection = f"{GROUPS[kind]}/namespaces/{namespace}/{PLURALS.get(kind, kind + 's')}"
    return f"{collection}/{name}" if name else collection


def get(where: str) -> Body:
    return request("GET", where)


def items(kind: str, namespace: str) -> list[Body]:
    found: list[Body] = get(path(kind, namespace))["items"]
    return found


def patch(where: str, body: Body, manager: str = "kubectl-patch") -> Body:
    """A JSON merge patch, as `kubectl patch --type merge` sends it."""
    return request("PATCH", f"{where}?fieldManager={manager}", body, "application/merge-patch+json")


def create(where: str, body: Body, *, dry_run: bool = False) -> Body:
    dry = "&dryRun=All" if dry_run else ""
    return request("POST", f"{where}?fieldManager=kubectl-create{dry}", body)


def delete(where: str) -> Body:
    return request("DELETE", where)


def request(method: str, where: str, body: Body | None = None, content: str = "application/json") -> Body:
    """Raises NotThereError for 404 and AssertionError for every other refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy(), timeout=30)
    try:
        connection.request(method, where, json.dumps(body) if body else None, {"Content-Type": content})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.NOT_FOUND:
        raise NotThereError(f"{method} {where}: 404")
    assert answer.status < http.HTTPStatus.BAD_REQUEST, f"{method} {where}: {answer.status} {text.decode()}"
    found: Body = json.loads(text)
    return found


@cache
def proxy() -> int:
    """One kubectl proxy for this process of tests; it speaks for the current context."""
    command = ["kubectl", "proxy", "--port=0", "--keepalive=30s"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    atexit.register(running.terminate)
    assert running.stdout is not None
    found = re.search(r":(\d+)", running.stdout.readline())
    assert found is not None, "kubectl proxy did not say where it listens"
    return int(found.group(1))
