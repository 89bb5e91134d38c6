"""A restart begins once, and nothing is held or put back."""

from typing import Any

import pytest

from runbook_operator.core.references import Ref
from tests.builders import NAMESPACE, WEB, Body, Simulation, condition, kill_switch, workload_body

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTART: Body = {"restart": {"target": "web"}}


def on(kind: str, api_version: str = "apps/v1") -> tuple[Ref, Body]:
    """A workload of this kind, and the target that names it."""
    ref = Ref(api_version, kind, NAMESPACE, "web")
    return ref, {"name": "web", "workload": {"apiVersion": api_version, "kind": kind, "name": "web"}}


def ready(kind: str = "Deployment", api_version: str = "apps/v1", **spec: Any) -> Simulation:
    ref, target = on(kind, api_version)
    body = workload_body(5, ref=ref, template={"metadata": {"annotations": {"team": "shop"}}}, **spec)
    simulation = Simulation().with_object(body)
    return simulation.with_runbook(targets=[target], killSwitches=[kill_switch("stop", RESTART)])


def annotations(simulation: Simulation, kind: str = "Deployment") -> Body:
    found: Body = simulation.live(kind, "web")["spec"]["template"]["metadata"]["annotations"]
    return found


def progress(simulation: Simulation) -> str:
    record = simulation.status().record
    assert record is not None
    return record.actions[0].progress


def refusal(simulation: Simulation) -> tuple[str, str]:
    status, reason, message = condition(simulation.drive().status(), "Ready")
    assert status == "False"
    return reason, message


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_restart_sets_the_kubectl_annotation_to_the_throw_time(kind: str) -> None:
    simulation = ready(kind).throw().drive()

    record = simulation.status().record
    assert record is not None
    assert annotations(simulation, kind) == {"team": "shop", RESTARTED_AT: record.engaged_at}
    assert simulation.status().phase == "Engaged"


def test_rollout_restart_sets_restart_at_in_full_seconds() -> None:
    simulation = ready("Rollout", "argoproj.io/v1alpha1").throw().drive()

    assert simulation.live("Rollout", "web")["spec"]["restartAt"] == "2026-11-24T03:00:01Z"
    assert "annotations" not in simulation.live("Rollout", "web")["metadata"]


def test_release_keeps_a_later_restart_by_another_client() -> None:
    simulation = ready().throw().drive()

    simulation.change(WEB, {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "later"}}}}}).drive()
    simulation.release().drive()

    assert annotations(simulation)[RESTARTED_AT] == "later"
    assert simulation.status().phase == "Released"


def test_second_throw_restarts_again() -> None:
    simulation = ready().throw().drive()
    first = annotations(simulation)[RESTARTED_AT]

    simulation.release().drive().throw().drive()

    assert annotations(simulation)[RESTARTED_AT] > first


@pytest.mark.parametrize("crash", range(1, 5))
def test_crash_restarts_only_once(crash: int) -> None:
    simulation = ready().drive().throw().drive(at_most=crash)
    simulation.restart().after(minutes=1).drive()

    record = simulation.status().record
    assert record is not None
    assert annotations(simulation)[RESTARTED_AT] == record.engaged_at
    version = simulation.live("Deployment", "web")["metadata"]["resourceVersion"]
    assert version == "2"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"replicas": 6, "updatedReplicas": 2}, "2 of 5 restarted"),
        ({"replicas": 5, "updatedReplicas": 5, "availableReplicas": 5}, "5 of 5 restarted"),
        ({"replicas": 5, "updatedReplicas": 5, "observedGeneration": 1}, "0 of 5 restarted"),
        (
            {"updatedReplicas": 1, "conditions": [{"reason": "ProgressDeadlineExceeded"}]},
            "1 of 5 restarted; spec.progressDeadlineSeconds is exceeded",
        ),
    ],
)
def test_restart_progress_is_reported_while_the_switch_is_engaged(status: Body, says: str) -> None:
    simulation = ready().throw().drive()

    observed = {"observedGeneration": 2} | status
    simulation.change(WEB, {"metadata": {"generation": 2}, "status": observed}).after(seconds=3).drive()

    assert progress(simulation) == says
    assert simulation.status().phase == "Engaged"


def test_daemon_set_restart_progress_counts_nodes() -> None:
    simulation = ready("DaemonSet").throw().drive()
    status = {"desiredNumberScheduled": 4, "updatedNumberScheduled": 1}

    simulation.change(on("DaemonSet")[0], {"status": status}).after(seconds=3).drive()

    assert progress(simulation) == "1 of 4 restarted"


def test_rollout_restart_progress_reports_only_the_end() -> None:
    simulation = ready("Rollout", "argoproj.io/v1alpha1").throw().drive().after(seconds=3).drive()
    assert progress(simulation) == "restarting"

    ref, _ = on("Rollout", "argoproj.io/v1alpha1")
    simulation.change(ref, {"status": {"restartedAt": "2026-11-24T03:00:01Z"}}).after(seconds=3).drive()

    assert progress(simulation) == "restarted"


def test_restart_of_zero_replicas_or_deleted_workload_has_no_progress() -> None:
    simulation = ready().throw().drive()

    simulation.change(WEB, {"spec": {"replicas": 0}}).after(seconds=3).drive()
    assert progress(simulation) == ""

    simulation.remove(WEB).after(seconds=3).drive()
    assert progress(simulation) == ""


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        ({"type": "OnDelete"}, "has updateStrategy OnDelete: no pod restarts until it is deleted"),
        (
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}},
            "has updateStrategy.rollingUpdate.partition 3: pods with a lower number do not restart",
        ),
    ],
)
def test_update_strategy_that_keeps_pods_is_remarked(strategy: Body, says: str) -> None:
    simulation = ready("StatefulSet", updateStrategy=strategy).throw().drive()

    record = simulation.status().record
    assert record is not None
    assert [(one.reason, one.message) for one in record.remarks] == [("PodsNotReplaced", f"StatefulSet/web {says}")]


def test_paused_deployment_is_refused_until_resumed() -> None:
    simulation = ready(paused=True)
    assert refusal(simulation) == (
        "Paused",
        "Deployment/web is paused, so no pod would be replaced; kubectl rollout resume deployment/web",
    )

    simulation.throw().drive()
    assert RESTARTED_AT not in annotations(simulation)
    simulation.change(WEB, {"spec": {"paused": False}}).drive()

    assert RESTARTED_AT in annotations(simulation)


def test_unsupported_kind_is_refused_with_the_supported_kinds() -> None:
    assert refusal(ready("CronJob", "batch/v1")) == (
        "NotRestartable",
        (
            "CronJob/web: pods of a CronJob cannot be restarted one after the other; "
            "target one of Deployment, StatefulSet, DaemonSet, Rollout"
        ),
    )
