"""Suspending what runs by itself, on the real API server."""

from functools import partial

import pytest

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, eventually, runbook
from tests.e2e.optional import serve

POD: Body = {
    "restartPolicy": "Never",
    "schedulerName": "nobody",
    "containers": [{"name": "job", "image": "runbooks.dev/demo-app:1.0", "imagePullPolicy": "Never", "args": ["work"]}],
}
JOB: Body = {"template": {"spec": POD}}
FLUX = "kustomize.toolkit.fluxcd.io/v1"
PAUSED = "autoscaling.keda.sh/paused"


def thing(api_version: str, kind: str, *, meta: Body | None = None, **spec: object) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it"} | (meta or {}), "spec": spec}


def declare(cluster: Cluster, body: Body, *switches: str) -> None:
    target = {"name": "it", "workload": {"apiVersion": body["apiVersion"], "kind": body["kind"], "name": "it"}}
    entries = [{"name": name, "actions": [{"suspend": {"target": "it"}}]} for name in switches or ("stop",)]
    cluster.apply(body, runbook(targets=[target], killSwitches=entries, scaling=[]))
    for name in switches or ("stop",):
        eventually("it is told of", partial(cluster.condition, "switch", f"shop-{name}"))


def engage(cluster: Cluster, name: str = "shop-stop") -> list[str]:
    """The reasons of what is remarked."""
    cluster.until_reason("switch", name, "Ready")
    cluster.throw(name)
    record = cluster.until_phase(name, "Engaged")["status"]["record"]
    return [one["reason"] for one in record.get("remarks", [])]


def release(cluster: Cluster, name: str = "shop-stop") -> None:
    cluster.release(name)
    cluster.until_phase(name, "Released")


def spec(cluster: Cluster, kind: str) -> Body:
    found: Body = cluster.get(kind, "it")["spec"]
    return found


def test_cron_job_is_suspended_held_and_resumed_with_its_running_jobs_named(
    cluster: Cluster, operator: Operator
) -> None:
    declare(cluster, thing("batch/v1", "CronJob", schedule="* * * * *", jobTemplate={"spec": JOB}))
    before = spec(cluster, "cronjob")

    assert "MissedRun" in engage(cluster)
    assert spec(cluster, "cronjob")["suspend"] is True
    text = "the release at once starts the newest run that was missed while suspended"
    eventually("it is said", lambda: text in cluster.condition("switch", "shop-stop", "Engaged")["message"])
    api.patch(api.path("cronjob", cluster.namespace, "it"), {"spec": {"suspend": False}})
    eventually("it is put back", lambda: spec(cluster, "cronjob")["suspend"] is True)

    release(cluster)
    assert spec(cluster, "cronjob") == before
    assert operator.alive


def test_two_switches_on_one_cron_job_resume_it_after_the_last_release(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, thing("batch/v1", "CronJob", schedule="@daily", jobTemplate={"spec": JOB}), "a", "b")
    for first, last in (("shop-a", "shop-b"), ("shop-b", "shop-a")):
        engage(cluster, "shop-a")
        engage(cluster, "shop-b")

        release(cluster, first)
        assert spec(cluster, "cronjob")["suspend"] is True
        release(cluster, last)
        assert spec(cluster, "cronjob")["suspend"] is False
    assert operator.alive


def test_suspended_job_loses_its_pods_and_starts_again_at_release(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, thing("batch/v1", "Job", **JOB))
    eventually("it has a pod", lambda: pods(cluster))

    assert engage(cluster) == ["PodsDeleted"]
    eventually("it has none", lambda: not pods(cluster))

    release(cluster)
    eventually("it has one again", lambda: pods(cluster))
    assert operator.alive


def pods(cluster: Cluster) -> list[str]:
    return cluster.run("get", "pods", "-o", "name").split()


@pytest.mark.parametrize(
    ("api_version", "kind"), [(FLUX, "Kustomization"), ("helm.toolkit.fluxcd.io/v2", "HelmRelease")]
)
def test_flux_object_is_suspended_and_excluded_from_its_parent(
    cluster: Cluster, operator: Operator, api_version: str, kind: str
) -> None:
    serve(kind)
    meta = {"labels": {"kustomize.toolkit.fluxcd.io/name": "cluster"}}
    declare(cluster, thing(api_version, kind, meta=meta, interval="5m"))

    assert engage(cluster) == ["GitOpsOwned"]
    assert spec(cluster, kind) == {"interval": "5m", "suspend": True}
    held = cluster.get(kind, "it")["metadata"]["annotations"]
    assert held["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled"

    release(cluster)
    assert spec(cluster, kind) == {"interval": "5m"}
    assert operator.alive


def test_application_is_paused_and_a_managed_one_refused(cluster: Cluster, operator: Operator) -> None:
    serve("Application")
    policy = {"automated": {"prune": True}}
    declare(cluster, thing("argoproj.io/v1alpha1", "Application", syncPolicy=policy))

    assert engage(cluster) == []
    assert spec(cluster, "application")["syncPolicy"]["automated"] == {"prune": True, "enabled": False}
    release(cluster)
    assert spec(cluster, "application")["syncPolicy"] == policy

    root = {"argocd.argoproj.io/tracking-id": f"root:argoproj.io/Application:{cluster.namespace}/it"}
    cluster.run("annotate", "applications.argoproj.io", "it", *(f"{key}={value}" for key, value in root.items()))
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Stalled")
    assert "managed by another Application" in cluster.condition("switch", "shop-stop")["message"]
    assert spec(cluster, "application")["syncPolicy"] == policy
    assert operator.alive


def test_scaled_object_is_suspended(cluster: Cluster, operator: Operator) -> None:
    serve("ScaledObject")
    declare(cluster, thing("keda.sh/v1alpha1", "ScaledObject", scaleTargetRef={"name": "web"}))

    engage(cluster)
    assert cluster.get("scaledobject", "it")["metadata"]["annotations"][PAUSED] == "true"

    release(cluster)
    assert PAUSED not in cluster.get("scaledobject", "it")["metadata"].get("annotations", {})
    assert operator.alive


def test_unsuspendable_kind_is_reported_at_rest(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}})

    told = cluster.until_reason("switch", "shop-stop", "NotSuspendable")

    assert "target one of CronJob (batch), Job (batch), Kustomization" in told["message"]
    assert operator.alive
