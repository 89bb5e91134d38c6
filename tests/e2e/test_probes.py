"""Health endpoints that are their containers' own probes, with the real controllers behind the templates."""

import json

import pytest

from tests.e2e import api
from tests.e2e.harness import ROLLOUT, Cluster, Operator, eventually, runbook
from tests.e2e.policies import Changing, policy, to
from tests.e2e.probes import (
    SECONDS,
    container,
    declare,
    endpoint,
    finalizers,
    path,
    service,
    until_told,
    workload,
)

READY = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
COMMAND = {"exec": {"command": ["sh", "-c", "curl -H 'Authorization: s3cret' localhost"]}, "periodSeconds": 1}
FINALIZER = "runbooks.dev/restore"


def generation(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "web")["metadata"]["generation"])


def test_probe_drift_is_reported_once_without_a_write(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    declare(cluster, endpoint(timeout="3s"))

    drift = until_told(cluster, "ProbeDrift")["drift"]

    assert drift == "httpGet.path is /ready, not /health/ready; timeoutSeconds is 1, not 3"
    eventually("it is a condition", lambda: cluster.condition("runbook", "shop", "ProbeDrift").get("status") == "True")
    assert {one["involvedObject"]["kind"] for one in cluster.events("ProbeDrift")} == {"Runbook", "Deployment"}
    assert (generation(cluster), finalizers(cluster)) == (1, [])

    cluster.apply(workload(readinessProbe={"httpGet": {"path": "/health/ready", "port": "http"}, "timeoutSeconds": 3}))

    until_told(cluster, "ProbeAsDeclared")
    eventually("it is over", lambda: not cluster.condition("runbook", "shop", "ProbeDrift"))
    assert operator.alive


def test_all_probes_are_set_by_one_write_and_restored(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    before = container(cluster)
    live = endpoint("/health/live", name="live", probe="liveness", period="5s", enforce=True)

    declare(cluster, endpoint(enforce=True), live)

    until_told(cluster, "ProbeEnforced")
    until_told(cluster, "ProbeEnforced", "live")
    after = container(cluster)
    assert after["readinessProbe"] == before["readinessProbe"] | {
        "httpGet": {"path": "/health/ready", "port": 8080, "scheme": "HTTP"}
    }
    assert after["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http", "scheme": "HTTP"}
    assert after["livenessProbe"]["periodSeconds"] == 5
    assert generation(cluster) == 2
    assert finalizers(cluster) == [FINALIZER]
    managers = {one["manager"] for one in cluster.get("deployment", "web")["metadata"]["managedFields"]}
    assert "runbook-operator" in managers

    declare(cluster, endpoint(), endpoint("/health/live", name="live", probe="liveness"))

    until_told(cluster, "ProbeDrift", "live")
    eventually("it lets go", lambda: finalizers(cluster) == [])
    assert container(cluster) == before
    assert generation(cluster) == 3
    assert len({one["involvedObject"]["kind"] for one in cluster.events("ProbeRestored")}) == 2
    assert operator.alive


def test_probe_waits_for_a_rollout(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(2, readinessProbe=READY), service())
    declare(cluster, endpoint(enforce=True))

    waits = "it is set when the rollout of Deployment/web ends"
    eventually("it waits", lambda: until_told(cluster, "ProbePending")["message"] == waits)
    assert path(cluster) == "/ready"
    cluster.scale(0)
    until_told(cluster, "ProbeEnforced")
    assert path(cluster) == "/health/ready"
    assert operator.alive


def test_probe_waits_while_a_switch_holds_the_pod_template(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    flag = {"setFlag": {"target": "web", "flag": "AI", "value": "false", "env": {}, "flagMustExist": False}}
    switches = [{"name": "ai-off", "actions": [flag]}]
    declare(cluster, endpoint(), killSwitches=switches)
    cluster.throw_when_there("shop-ai-off")
    cluster.until_phase("shop-ai-off", "Engaged")

    declare(cluster, endpoint(enforce=True), killSwitches=switches)

    eventually("it waits", lambda: "Switch shop-ai-off" in until_told(cluster, "ProbePending")["message"])
    assert path(cluster) == "/ready"
    cluster.release("shop-ai-off")
    until_told(cluster, "ProbeEnforced")
    assert "env" not in container(cluster)
    assert operator.alive


def test_deleted_runbook_releases_its_switches_and_restores_probes(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    before = container(cluster)
    flag = {"setFlag": {"target": "web", "flag": "AI", "value": "false", "env": {}, "flagMustExist": False}}
    declare(cluster, endpoint(enforce=True), killSwitches=[{"name": "ai-off", "actions": [flag]}])
    until_told(cluster, "ProbeEnforced")
    cluster.throw_when_there("shop-ai-off")
    cluster.until_phase("shop-ai-off", "Engaged")

    cluster.run("delete", "runbook", "shop", "--timeout=30s")

    assert container(cluster) == before
    eventually("the switches are gone", lambda: not api.items("switch", cluster.namespace))
    assert operator.alive


def test_probe_set_by_a_killed_operator_is_restored_by_the_next(cluster: Cluster, stopped_operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    before = container(cluster)
    declare(cluster, endpoint(enforce=True))
    stopped_operator.start()
    eventually("it is set", lambda: path(cluster) == "/health/ready", SECONDS)
    stopped_operator.kill()

    declare(cluster)
    stopped_operator.start()

    eventually("it is put back", lambda: container(cluster) == before, SECONDS)
    eventually("it lets go", lambda: finalizers(cluster) == [])


def test_probe_changed_by_others_is_not_restored(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    declare(cluster, endpoint(enforce=True))
    until_told(cluster, "ProbeEnforced")
    theirs = [
        {"op": "replace", "path": "/spec/template/spec/containers/0/readinessProbe/httpGet/path", "value": "/else"}
    ]
    cluster.run("patch", "deployment", "web", "--type", "json", "-p", json.dumps(theirs))
    changed = "kubectl-patch has changed the enforced probe"
    eventually("it is told who", lambda: changed in until_told(cluster, "ProbePending")["message"])

    declare(cluster, endpoint())

    until_told(cluster, "ProbeDrift")
    assert path(cluster) == "/else"
    assert cluster.events("RestoreSkipped")
    assert operator.alive


def test_probe_command_is_restored_and_never_shown(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=COMMAND), service())
    before = container(cluster)
    declare(cluster, endpoint(enforce=True))
    until_told(cluster, "ProbeEnforced")
    assert "exec" not in container(cluster)["readinessProbe"]

    declare(cluster, endpoint())

    until_told(cluster, "ProbeDrift")
    assert container(cluster) == before
    assert "s3cret" not in json.dumps(cluster.get("runbook", "shop"))
    assert "s3cret" not in json.dumps(api.items("event", cluster.namespace))
    assert "s3cret" not in operator.log()


def test_probe_applied_by_flux_is_reported_and_not_set(cluster: Cluster, operator: Operator) -> None:
    body = workload(readinessProbe=READY)
    body["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "shop"}
    cluster.apply(body, service())
    declare(cluster, endpoint(enforce=True))

    until_told(cluster, "GitOpsOwned")

    assert (path(cluster), finalizers(cluster)) == ("/ready", [])
    assert operator.alive


def test_observe_mode_reports_the_probe_without_setting_it(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    declare(cluster, endpoint(enforce=True), mode="Observe")

    said = until_told(cluster, "Observing")

    assert said["drift"] == "httpGet.path is /ready, not /health/ready"
    assert (path(cluster), finalizers(cluster)) == ("/ready", [])
    assert operator.alive


def test_enforce_without_probe_is_refused_on_apply(cluster: Cluster) -> None:
    spec = {"name": "ready", "target": "web", "enforce": True}
    targets = [{"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}]

    said = cluster.refused(runbook(targets=targets, healthEndpoints=[spec]))

    assert "set probe to startup, readiness or liveness" in said


def changing_the_path() -> Changing:
    """A policy that sets the path of every readiness probe to /policy."""
    shows = ("spec", "template", "spec", "containers", 0, "readinessProbe", "httpGet", "path")
    probe = {"httpGet": {"path": "/none", "port": 8080}}
    tried = {
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "none", "readinessProbe": probe}]}}}
    }
    pointer = "".join(f"/{step}" for step in shows)
    return Changing("deployments", to(pointer, "'/policy'"), tried, shows, "/policy", "apps")


def test_restore_that_a_policy_changes_is_written_again_until_it_holds(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    before, where = container(cluster), api.path("deployment", cluster.namespace, "web")
    declare(cluster, endpoint(enforce=True))
    until_told(cluster, "ProbeEnforced")

    with policy(cluster.namespace, changing_the_path(), where):
        declare(cluster, endpoint())
        message = until_told(cluster, "NotInForce")["message"]
        assert "httpGet.path of Deployment/web was set to /ready, and the API server stored /policy: " in message

    eventually("the probe is restored", lambda: container(cluster) == before, SECONDS)
    assert not cluster.events("RestoreSkipped")
    assert operator.alive


def test_restarted_operator_restores_a_probe_that_a_policy_changed(
    cluster: Cluster, stopped_operator: Operator
) -> None:
    cluster.apply(workload(readinessProbe=READY), service())
    before, where = container(cluster), api.path("deployment", cluster.namespace, "web")
    stopped_operator.start()
    with policy(cluster.namespace, changing_the_path(), where):
        declare(cluster, endpoint(enforce=True))
        until_told(cluster, "NotInForce")
        stopped_operator.kill()
        # The operator may end after its write and before it reports the answer.
        unreported = [{"op": "remove", "path": "/status/probes/0/held/0/admitted"}]
        cluster.run("patch", "runbook", "shop", "--subresource=status", "--type", "json", "-p", json.dumps(unreported))

    declare(cluster)
    stopped_operator.start()

    eventually("the probe is restored", lambda: container(cluster) == before, SECONDS)
    eventually("the finalizer is removed", lambda: finalizers(cluster) == [])
    assert not cluster.events("RestoreSkipped")


@pytest.mark.node
def test_wrong_probe_is_corrected_within_its_blocked_rollout(cluster: Cluster, operator: Operator, node: str) -> None:
    good = {"httpGet": {"path": "/health/ready", "port": "http"}, "periodSeconds": 1}
    body = workload(2, "default-scheduler", readinessProbe=good)
    # Whatever is asked for but its health is answered 500.
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "ERROR_RATE", "value": "1"}]
    cluster.apply(body, service())

    def available() -> int:
        return int(cluster.get("deployment", "web")["status"].get("availableReplicas", 0))

    eventually("two pods are available", lambda: available() == 2, ROLLOUT)
    declare(cluster, endpoint("/nowhere", enforce=True))
    eventually("the wrong one is set", lambda: path(cluster) == "/nowhere", SECONDS)
    eventually("a pod is never ready", lambda: cluster.get("deployment", "web")["status"].get("unavailableReplicas"))

    declare(cluster, endpoint("/health/live", enforce=True))

    eventually("it is corrected", lambda: path(cluster) == "/health/live", SECONDS)
    cluster.run("rollout", "status", "deployment/web", f"--timeout={ROLLOUT:.0f}s")
    declare(cluster, endpoint("/health/live"))
    eventually("what was there is back", lambda: path(cluster) == "/health/ready", SECONDS)
    assert operator.alive
    assert node
