"""Jobs that really run, once per throw."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e import api
from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.jobs import jobs, pod, run_job

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "06-jobs"


def declare(cluster: Cluster, *actions: Body, **rest: Any) -> None:
    entry = {"name": "run", "actions": [*actions, {"scale": {"target": "web", "replicas": 0}}]} | rest
    cluster.apply(deployment(), runbook(killSwitches=[entry], scaling=[]))
    eventually("it is told of", lambda: cluster.condition("switch", "shop-run"))


def the_job(cluster: Cluster) -> str:
    (job,) = eventually("the Job is there", lambda: jobs(cluster))
    return str(job["metadata"]["name"])


def says(cluster: Cluster, text: str, name: str = "shop-run", seconds: float = 60) -> Body:
    def check() -> Body:
        ready = cluster.condition("switch", name)
        return ready if text in ready.get("message", "") else {}

    found: Body = eventually(f"it says {text}", check, seconds)
    return found


def progress(cluster: Cluster, name: str) -> list[str]:
    entries = cluster.get("switch", name)["status"]["record"]["actions"]
    return [one.get("progress", "") for one in entries]


@pytest.mark.node
def test_action_after_a_job_waits_for_its_end(cluster: Cluster, operator: Operator, node: str) -> None:
    declare(cluster, run_job(pod(LATENCY_MS="3000")))
    cluster.throw("shop-run")
    name = the_job(cluster)
    says(cluster, f"Job/{name} running since ")
    assert cluster.replicas() == 3

    eventually("it is engaged", lambda: cluster.phase("shop-run") == "Engaged", seconds=ROLLOUT)
    assert cluster.replicas() == 0
    eventually("it is told", lambda: progress(cluster, "shop-run")[0].startswith("complete in "))
    assert progress(cluster, "shop-run")[0].endswith(f"s; kubectl logs job/{name}")
    assert "the work is done" in cluster.run("logs", f"job/{name}")

    cluster.release("shop-run")
    cluster.until_phase("shop-run", "Released")
    assert cluster.replicas() == 3
    assert len(jobs(cluster)) == 1
    assert operator.alive
    assert node


@pytest.mark.node
def test_failed_job_stalls_the_switch_and_can_be_released(cluster: Cluster, operator: Operator, node: str) -> None:
    declare(cluster, run_job(pod(STARTUP_FAIL="true")))

    cluster.throw("shop-run")

    told = says(cluster, "failed: Job has reached the specified backoff limit; kubectl logs job/", seconds=ROLLOUT)
    assert told["reason"] == "JobFailed"
    assert cluster.condition("switch", "shop-run", "Stalled")["reason"] == "JobFailed"
    assert cluster.replicas() == 3
    assert "this revision does not start" in cluster.run("logs", f"job/{the_job(cluster)}")
    cluster.release("shop-run")
    cluster.until_phase("shop-run", "Released")
    assert operator.alive
    assert node


@pytest.mark.node
def test_continue_on_failure_runs_the_actions_after_a_failed_job(
    cluster: Cluster, operator: Operator, node: str
) -> None:
    declare(cluster, run_job(pod(STARTUP_FAIL="true")), continueOnFailure=True)

    cluster.throw("shop-run")

    cluster.until_replicas(0)
    says(cluster, "failed: Job has reached", seconds=ROLLOUT)
    assert operator.alive
    assert node


def test_job_deleted_while_running_is_not_run_again(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, run_job(pod("nobody")))
    cluster.throw("shop-run")
    name = the_job(cluster)
    says(cluster, f"Job/{name} running since ")

    cluster.run("delete", "job", name, "--cascade=foreground")

    says(cluster, f"Job/{name} was deleted before it ended: a part of its command may have run")
    assert jobs(cluster) == []
    assert operator.alive


def pods(cluster: Cluster) -> list[Body]:
    return [one for one in api.items("pod", cluster.namespace) if "job-name" in one["metadata"].get("labels", {})]


def fails(cluster: Cluster, *conditions: Body) -> None:
    """The kubelet's part: the pod of the Job is over, and not well."""
    (one,) = eventually("the Job has a pod", lambda: pods(cluster))
    status = {"phase": "Failed", "conditions": list(conditions)}
    api.patch(f"{api.path('pod', cluster.namespace, one['metadata']['name'])}/status", {"status": status})


def test_job_with_a_failed_pod_is_not_retried(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, run_job(pod("nobody")))
    cluster.throw("shop-run")

    fails(cluster)

    assert says(cluster, "failed: Job has reached the specified backoff limit")["reason"] == "JobFailed"
    assert len(pods(cluster)) == 1
    assert operator.alive


def test_job_with_an_evicted_pod_is_interrupted_and_not_retried(cluster: Cluster, operator: Operator) -> None:
    template = {"spec": pod("nobody") | {"restartPolicy": "OnFailure"}}
    spec = {"schedule": "@yearly", "jobTemplate": {"spec": {"backoffLimit": 4, "template": template}}}
    cluster.apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup"}, "spec": spec})
    declare(cluster, {"runJob": {"fromCronJob": "backup"}})
    cluster.throw("shop-run")

    fails(cluster, {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"})

    said = says(cluster, "its command may have run, so the operator does not run it again")
    assert said["reason"] == "JobInterrupted"
    assert "DisruptionTarget" in said["message"]
    assert len(pods(cluster)) == 1
    assert cluster.replicas() == 3
    cluster.release("shop-run")
    cluster.until_phase("shop-run", "Released")
    assert operator.alive


def full(cluster: Cluster) -> None:
    """A quota that lets no pod be made."""
    meta = {"name": "pods"}
    cluster.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": {"pods": "0"}}})
    eventually("the quota counts", lambda: cluster.get("resourcequota", "pods").get("status", {}).get("hard"))


def test_job_without_pods_is_reported_and_deleted_at_release(cluster: Cluster, operator: Operator) -> None:
    full(cluster)
    action = run_job(pod("nobody")) | {"timeout": "2s"}
    cluster.apply(runbook(killSwitches=[{"name": "run", "actions": [action]}], scaling=[]))
    eventually("it is there", lambda: cluster.condition("switch", "shop-run"))

    cluster.throw("shop-run")
    name = the_job(cluster)
    told = says(cluster, f"Job/{name} has not created a pod yet; Job/{name}: its controller cannot create pods: ")
    assert told["reason"] == "PodsNotCreated"
    assert "exceeded quota: pods" in told["message"]
    cluster.until_phase("shop-run", "Stalled")

    cluster.release("shop-run")
    cluster.until_phase("shop-run", "Released")
    assert jobs(cluster) == []
    cluster.run("delete", "resourcequota", "pods")
    assert pods(cluster) == []
    assert operator.alive


def test_job_without_pods_continues_once_there_is_room(cluster: Cluster, operator: Operator) -> None:
    full(cluster)
    cluster.apply(runbook(killSwitches=[{"name": "run", "actions": [run_job(pod("nobody"))]}], scaling=[]))
    eventually("it is there", lambda: cluster.condition("switch", "shop-run"))
    cluster.throw("shop-run")
    name = the_job(cluster)
    says(cluster, f"Job/{name} has not created a pod yet")

    cluster.run("delete", "resourcequota", "pods")

    says(cluster, f"Job/{name} running since ", seconds=ROLLOUT)
    assert operator.alive


def test_killed_operator_runs_a_job_once(cluster: Cluster, stopped_operator: Operator) -> None:
    stopped_operator.start()
    declare(cluster, run_job(pod("nobody")))
    cluster.throw("shop-run")
    name = the_job(cluster)
    stopped_operator.kill()

    stopped_operator.start()

    says(cluster, f"Job/{name} running since ")
    assert [job["metadata"]["name"] for job in jobs(cluster)] == [name]


def test_unawaited_job_is_started(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, run_job(pod("nobody"), wait=False))
    cluster.throw("shop-run")

    cluster.until_phase("shop-run", "Engaged")
    assert cluster.replicas() == 0
    (job,) = jobs(cluster)
    meta, identity = job["metadata"], cluster.get("switch", "shop-run")["status"]["record"]["engagementId"]
    assert {meta["labels"][key] for key in ("runbooks.dev/runbook", "runbooks.dev/engagement-id")} == {"shop", identity}
    assert meta["annotations"]["runbooks.dev/switch"] == "shop-run"
    assert meta["ownerReferences"][0]["name"] == "shop-run"
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    eventually("it is told", lambda: f"Job/{meta['name']} running since" in progress(cluster, "shop-run")[0])
    assert operator.alive


def test_cron_job_created_later_is_run_then(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, {"runJob": {"fromCronJob": "backup", "wait": False}})
    cluster.until_reason("switch", "shop-run", "TargetNotFound")
    cluster.throw("shop-run")
    eventually("it waits", lambda: "runJob waits" in cluster.condition("switch", "shop-run", "Engaged")["message"])

    job = {"spec": {"template": {"spec": pod("nobody") | {"restartPolicy": "Never"}}}}
    cron_job = {"schedule": "@daily", "suspend": True, "jobTemplate": job}
    cluster.apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup"}, "spec": cron_job})

    cluster.until_phase("shop-run", "Engaged")
    assert len(jobs(cluster)) == 1
    assert operator.alive


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "set exactly one of fromCronJob and job"),
        ({"fromCronJob": "a", "job": {"template": {"spec": pod()}}}, "set exactly one of fromCronJob and job"),
        ({"job": {"backoffLimit": 1}}, "job.template: Required value"),
        ({"job": {"template": {"spec": {"restartPolicy": "Never"}}}}, "job.template.spec.containers: Required value"),
        ({"job": {"template": {"spec": {"containers": []}}}}, "should have at least 1 items"),
    ],
)
def test_unrunnable_job_is_refused_on_apply(cluster: Cluster, spec: Body, says: str) -> None:
    document = runbook(killSwitches=[{"name": "run", "actions": [{"runJob": spec}]}], scaling=[])

    assert says in cluster.refused(document)


@pytest.mark.node
def test_example_suspends_runs_its_job_and_notifies_in_order(cluster: Cluster, operator: Operator, node: str) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    for name in ("stop", "backup", "clean-up"):
        cluster.until_reason("switch", f"mail-{name}", "Ready")

    cluster.throw("mail-stop")
    eventually("the Job is there", lambda: jobs(cluster))
    assert cluster.get("cronjob", "newsletter")["spec"]["suspend"] is True
    assert cluster.events("Notified") == []
    eventually("it is engaged", lambda: cluster.phase("mail-stop") == "Engaged", seconds=ROLLOUT)
    (told,) = cluster.events("Notified")
    assert told["message"].startswith("mail-primary: The newsletter is stopped and the backup is done. (INC-42, by ")
    cluster.release("mail-stop")
    cluster.until_phase("mail-stop", "Released")
    assert cluster.get("cronjob", "newsletter")["spec"]["suspend"] is False

    cluster.throw("mail-backup")
    eventually("it sprang back", lambda: "engaged" not in cluster.get("switch", "mail-backup")["spec"], seconds=ROLLOUT)
    cluster.throw("mail-clean-up")
    cluster.until_phase("mail-clean-up", "Engaged")
    assert len(jobs(cluster)) == 3
    assert operator.alive
    assert node


def test_job_deleted_during_downtime_is_not_run_again(cluster: Cluster, stopped_operator: Operator) -> None:
    stopped_operator.start()
    declare(cluster, run_job(pod("nobody")))
    cluster.throw("shop-run")
    name = the_job(cluster)
    says(cluster, f"Job/{name} running since ")
    stopped_operator.kill()
    cluster.run("delete", "job", name, "--cascade=foreground")

    stopped_operator.start()

    assert says(cluster, f"Job/{name} was deleted before it ended")["reason"] == "JobInterrupted"
    assert jobs(cluster) == []
    assert cluster.replicas() == 3
