"""A release that a failing webhook refuses: it is reported as stalled, and ends once the configuration is deleted."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.e2e import api
from tests.e2e.harness import Cluster, deployment, eventually, runbook

HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
NAME = "all.policy.example.com"


@contextmanager
def failing_webhook(cluster: Cluster) -> Iterator[str]:
    """The path of a configuration whose webhook has no pod, once it is in the way of the namespace's Deployments."""
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"]}
    webhook = {
        "name": NAME,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}},
        "rules": [rule | {"resources": ["deployments", "deployments/scale"]}],
        "clientConfig": {"service": {"name": "policy", "namespace": cluster.namespace, "port": 443}},
    }
    api.create(HOOKS, {"metadata": {"name": cluster.namespace}, "webhooks": [webhook]})
    try:
        eventually("it is in the way", lambda: is_refused(cluster))
        yield f"{HOOKS}/{cluster.namespace}"
    finally:
        with suppress(api.NotThereError):
            api.delete(f"{HOOKS}/{cluster.namespace}")


def is_refused(cluster: Cluster) -> bool:
    where = f"{api.path('deployment', cluster.namespace, 'web')}?dryRun=All"
    try:
        api.request("PATCH", where, {"metadata": {"labels": {"tried": "now"}}}, "application/merge-patch+json")
    except AssertionError as refused:
        return NAME in str(refused)
    return False


@pytest.mark.usefixtures("operator")
def test_release_refused_by_a_failing_webhook_stalls_until_the_webhook_is_removed(
    cluster: Cluster,
) -> None:
    entry = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}, "timeout": "2s"}]}
    cluster.apply(deployment(), runbook(killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    with failing_webhook(cluster) as configuration:
        cluster.release("shop-stop")
        cluster.until_phase("shop-stop", "Stalled")
        stalled = cluster.condition("switch", "shop-stop", "Stalled")
        assert stalled["reason"] == "WebhookFailed"
        assert NAME in stalled["message"]
        assert "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations" in stalled["message"]
        engaged = cluster.condition("switch", "shop-stop", "Engaged")
        assert engaged["reason"] == "Releasing"
        assert engaged["message"] == "the release is stalled: Deployment/web is not restored to 3 yet"
        assert cluster.replicas() == 0

        api.delete(configuration)
        cluster.until_phase("shop-stop", "Released")

    assert cluster.replicas() == 3
