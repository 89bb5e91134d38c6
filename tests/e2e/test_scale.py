"""scale against the real HorizontalPodAutoscaler controller, and beside KEDA, Flagger and Argo Rollouts."""

from pathlib import Path
from typing import Any

import pytest

from runbook_operator.actions.scaling.autoscalers import NO_SCALE_UP
from tests.e2e import api, delivery
from tests.e2e.autoscaling import (
    autoscaler,
    make_kinds,
    needs_zero,
    say_scaled_to_zero,
    scaled_to_zero,
    set_queue,
    until_decided,
    until_seen,
)
from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, deployment, eventually, runbook
from tests.scaling import QUEUE, budget, canary, hpa, rollout, scaled_object

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "03-scale"
PAUSED = "autoscaling.keda.sh/paused-replicas"
AT_ONCE: Body = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
"""It scales down without waiting five minutes for better advice."""


def switches(*amounts: Body, **rest: Any) -> Body:
    """A Runbook with the kill switches `a`, `b`, ... of these amounts."""
    entries = [
        {"name": name, "actions": [{"scale": {"target": "web"} | amount}]}
        for name, amount in zip("abc", amounts, strict=False)
    ]
    return runbook(**({"killSwitches": entries, "scaling": []} | rest))


def ready(cluster: Cluster, *objects: Body, queue: int = 3, live: int = 3) -> None:
    """The objects beside a Deployment of three, and an autoscaler among them at rest."""
    make_kinds()
    set_queue(cluster, queue)
    cluster.apply(deployment(replicas=live), *objects)
    if "HorizontalPodAutoscaler" in (body["kind"] for body in objects):
        until_seen(cluster)


def thrown(cluster: Cluster, name: str = "shop-a") -> Body:
    cluster.until_reason("switch", name, "Ready")
    cluster.throw(name)
    return cluster.until_phase(name, "Engaged")


def released(cluster: Cluster, name: str = "shop-a") -> None:
    for one in api.items("horizontalpodautoscaler", cluster.namespace):
        until_seen(cluster, one["metadata"]["name"])
    cluster.release(name)
    cluster.until_phase(name, "Released")


def bounds(cluster: Cluster) -> tuple[int, int]:
    spec = autoscaler(cluster)["spec"]
    return spec["minReplicas"], spec["maxReplicas"]


def fights(cluster: Cluster) -> list[str]:
    return [event["message"] for event in cluster.events("DriftCorrected")]


def test_pinned_autoscaler_keeps_the_replicas_and_is_restored(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), switches({"replicas": 6}))

    record = thrown(cluster)["status"]["record"]

    assert (bounds(cluster), cluster.replicas()) == ((6, 6), 6)
    assert [(one["field"], one["saved"]) for one in record["actions"]] == [
        ("spec{minReplicas,maxReplicas}", {"minReplicas": 1, "maxReplicas": 4}),
        ("spec.replicas", 3),
    ]
    for _ in range(3):
        until_decided(cluster)
        assert cluster.replicas() == 6
    released(cluster)
    assert (bounds(cluster), cluster.replicas()) == ((1, 4), 3)
    until_decided(cluster)
    assert cluster.replicas() == 3
    assert fights(cluster) == []
    assert operator.alive


def test_autoscaler_created_after_the_throw_is_corrected_and_named(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, switches({"replicas": 6}))
    thrown(cluster)

    cluster.apply(hpa(1, 4, metrics=[QUEUE]))

    told = eventually("it is told", lambda: fights(cluster))
    assert (
        "kube-controller-manager set Deployment/web to 4, which the switch holds at 6; the operator wrote the "
        "held value again." in told[0]
    )
    cluster.until_replicas(6)
    cluster.run("delete", "hpa", "web")
    released(cluster)
    assert cluster.replicas() == 3
    assert operator.alive


def test_edited_pinned_autoscaler_is_reapplied_before_it_scales(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), switches({"factor": 2}))
    thrown(cluster)
    assert (bounds(cluster), cluster.replicas()) == ((6, 6), 6)

    cluster.run("patch", "hpa", "web", "--type=merge", "-p", '{"spec":{"minReplicas":1,"maxReplicas":2}}')

    eventually("it is pinned again", lambda: bounds(cluster) == (6, 6))
    cluster.until_replicas(6)
    released(cluster)
    assert (bounds(cluster), cluster.replicas()) == ((1, 4), 3)
    assert operator.alive


def test_crash_between_autoscaler_and_replicas_restores_both(cluster: Cluster, stopped_operator: Operator) -> None:
    stopped_operator.start()
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), switches({"replicas": 6}))
    cluster.until_reason("switch", "shop-a", "Ready")

    cluster.throw("shop-a")
    eventually("the autoscaler is pinned", lambda: bounds(cluster) == (6, 6))
    stopped_operator.kill()
    stopped_operator.start()

    cluster.until_phase("shop-a", "Engaged")
    assert cluster.replicas() == 6
    released(cluster)
    assert (bounds(cluster), cluster.replicas()) == ((1, 4), 3)


def test_autoscaler_stays_at_the_held_zero(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), switches({"replicas": 0}))

    thrown(cluster)
    before = autoscaler(cluster)["spec"]
    until_decided(cluster)

    assert cluster.replicas() == 0
    assert (before["minReplicas"], before["maxReplicas"], before.get("behavior")) == (1, 4, None)
    released(cluster)
    until_decided(cluster)
    assert cluster.replicas() == 3
    assert fights(cluster) == []
    assert operator.alive


@pytest.mark.parametrize("behavior", ["given", "absent"])
def test_autoscaler_scaled_to_zero_does_not_scale_up_until_release(
    cluster: Cluster, operator: Operator, behavior: str
) -> None:
    needs_zero(cluster)
    ready(cluster, hpa(0, 4, **AT_ONCE), switches({"replicas": 0}), queue=0)
    cluster.until_replicas(0)
    eventually("it says so", lambda: scaled_to_zero(cluster))
    if behavior == "absent":
        cluster.run("patch", "hpa", "web", "--type=merge", "-p", '{"spec":{"behavior":null}}')
    before = autoscaler(cluster)["spec"].get("behavior")

    thrown(cluster)
    held = autoscaler(cluster)["spec"]["behavior"]
    set_queue(cluster, 9)
    for _ in range(3):
        until_decided(cluster)
        assert cluster.replicas() == 0

    assert held == NO_SCALE_UP if behavior == "absent" else held["scaleUp"]["selectPolicy"] == "Disabled"
    assert autoscaler(cluster)["spec"]["behavior"] == held
    assert fights(cluster) == []
    released(cluster)
    assert autoscaler(cluster)["spec"].get("behavior") == before
    cluster.until_replicas(4)
    assert operator.alive


def test_autoscaler_with_stale_scaled_to_zero_status_stays_at_zero(cluster: Cluster, operator: Operator) -> None:
    needs_zero(cluster)
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), switches({"replicas": 0}))
    say_scaled_to_zero(cluster)

    thrown(cluster)
    for _ in range(2):
        until_decided(cluster)
        assert (cluster.replicas(), bounds(cluster)) == (0, (0, 4))

    assert fights(cluster) == []
    released(cluster)
    assert (cluster.replicas(), bounds(cluster), "behavior" in autoscaler(cluster)["spec"]) == (3, (1, 4), False)
    assert operator.alive


def test_two_switches_pin_one_autoscaler_and_the_last_release_restores_it(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), switches({"replicas": 6}, {"replicas": 5}))

    thrown(cluster, "shop-a")
    thrown(cluster, "shop-b")
    assert (bounds(cluster), cluster.replicas()) == ((5, 5), 5)
    released(cluster, "shop-a")
    assert (bounds(cluster), cluster.replicas()) == ((5, 5), 5)
    released(cluster, "shop-b")

    assert (bounds(cluster), cluster.replicas()) == ((1, 4), 3)
    assert operator.alive


def test_scaling_command_stays_within_autoscaler_bounds_and_pins_none(cluster: Cluster, operator: Operator) -> None:
    command = {"name": "double", "target": "web", "factor": 2}
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), runbook(killSwitches=[], scaling=[command]))
    cluster.until_reason("switch", "shop-double", "Ready")

    cluster.throw("shop-double")
    eventually("it sprang back", lambda: "engaged" not in cluster.get("switch", "shop-double")["spec"])
    cluster.until_phase("shop-double", "Released")

    assert (bounds(cluster), cluster.replicas()) == ((1, 4), 4)
    told = eventually("it is told", lambda: cluster.events("AutoscalerOwned"))
    assert (
        "Deployment/web to 4 and not to 6: HorizontalPodAutoscaler/web keeps it between 1 and 4" in told[0]["message"]
    )
    assert {event["type"] for event in told} == {"Warning"}
    assert operator.alive


def test_refuse_mode_names_the_autoscaler_and_writes_nothing(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, hpa(1, 4, metrics=[QUEUE]), switches({"replicas": 0, "autoscaler": "Refuse"}))
    said = cluster.until_reason("switch", "shop-a", "AutoscalerOwned")["message"]
    assert said.startswith("Deployment/web is scaled by HorizontalPodAutoscaler/web, and autoscaler: Refuse")

    cluster.throw("shop-a")

    eventually("it stalls", lambda: cluster.condition("switch", "shop-a", "Stalled").get("reason") == "AutoscalerOwned")
    assert cluster.replicas() == 3
    cluster.run("delete", "hpa", "web")
    released(cluster)
    assert operator.alive


@pytest.mark.parametrize("before", [None, "1"])
def test_keda_is_paused_at_the_replicas_and_its_annotation_restored(
    cluster: Cluster, operator: Operator, before: str | None
) -> None:
    ready(cluster, scaled_object(annotations={PAUSED: before} if before else None), switches({"replicas": 5}))

    thrown(cluster)
    assert (annotation(cluster), cluster.replicas()) == ("5", 5)
    cluster.run("annotate", "scaledobjects.keda.sh", "web", f"{PAUSED}-")
    eventually("it is paused again", lambda: annotation(cluster) == "5")
    released(cluster)

    assert (annotation(cluster), cluster.replicas()) == (before, 3)
    assert operator.alive


def annotation(cluster: Cluster) -> str | None:
    found: str | None = cluster.get("scaledobject", "web")["metadata"].get("annotations", {}).get(PAUSED)
    return found


def test_workload_run_by_flagger_or_a_rollout_is_refused_until_freed(cluster: Cluster, operator: Operator) -> None:
    delivery.make_kinds()
    ready(cluster, canary(), switches({"replicas": 0}))
    assert "name Deployment/web-primary" in cluster.until_reason("switch", "shop-a", "DeliveryOwned")["message"]

    cluster.run("delete", "canaries.flagger.app", "shop")
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    cluster.apply(rollout(workloadRef=reference), switches({"replicas": 1}))
    said = eventually("the Rollout is named", lambda: named(cluster, "kind Rollout, name web-rollout"))
    assert "Deployment/web is only the template of the Argo Rollout" in said

    cluster.run("delete", "rollouts.argoproj.io", "web-rollout")
    cluster.apply(switches({"replicas": 2}))
    thrown(cluster)
    assert cluster.replicas() == 2
    assert operator.alive


def named(cluster: Cluster, words: str) -> str:
    message = str(cluster.condition("switch", "shop-a").get("message", ""))
    return message if words in message else ""


def test_rollout_is_scaled_by_its_scale_subresource_with_its_autoscaler(cluster: Cluster, operator: Operator) -> None:
    delivery.make_kinds()
    workload = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}
    targets = [{"name": "web", "workload": workload}]
    ready(
        cluster,
        rollout("web", replicas=3),
        hpa(1, 4, metrics=[QUEUE], scaleTargetRef=workload),
        switches({"replicas": 6}, targets=targets),
    )

    thrown(cluster)
    assert (bounds(cluster), cluster.get("rollout", "web")["spec"]["replicas"]) == ((6, 6), 6)
    released(cluster)

    assert (bounds(cluster), cluster.get("rollout", "web")["spec"]["replicas"]) == ((1, 4), 3)
    assert cluster.replicas() == 3
    assert operator.alive


def test_disruption_budget_violated_by_a_scale_down_is_named_in_an_event(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, budget(minAvailable=2), switches({"by": -1, "min": 0}, {"by": -2, "min": 0}))

    thrown(cluster, "shop-a")
    assert cluster.events("BelowDisruptionBudget") == []
    released(cluster, "shop-a")
    thrown(cluster, "shop-b")

    told = eventually("it is told", lambda: cluster.events("BelowDisruptionBudget"))
    assert (
        "Deployment/web goes from 3 to 1 pods, and PodDisruptionBudget/web (minAvailable 2) requires 2"
        in told[0]["message"]
    )
    assert cluster.replicas() == 1
    assert operator.alive


def test_throw_does_not_wait_for_pods_and_reports_their_progress(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, switches({"replicas": 5}))

    thrown(cluster)

    eventually("it is said", lambda: progress(cluster) == "0 of 5 ready")
    assert "from 3 to 5 (0 of 5 ready)" in cluster.condition("switch", "shop-a", "Engaged")["message"]
    assert operator.alive


def progress(cluster: Cluster, name: str = "shop-a") -> str | None:
    record = cluster.get("switch", name)["status"]["record"]
    found: str | None = record["actions"][-1].get("progress", "")
    return found


@pytest.mark.node
def test_example_pods_are_counted_until_the_last_has_terminated(
    cluster: Cluster, operator: Operator, node: str
) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    eventually("four pods are ready", lambda: ready_pods(cluster) == 4, seconds=ROLLOUT)
    thrown(cluster, "feed-stop")

    eventually("they terminate", lambda: progress(cluster, "feed-stop") == "4 still terminating", seconds=30)
    eventually("they are gone", lambda: progress(cluster, "feed-stop") == "", seconds=ROLLOUT)
    released(cluster, "feed-stop")
    eventually("four pods are ready", lambda: ready_pods(cluster) == 4, seconds=ROLLOUT)
    assert operator.alive
    assert node


def ready_pods(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "feed")["status"].get("readyReplicas", 0))


def test_example_behaves_as_documented(cluster: Cluster, operator: Operator) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    assert (
        "HorizontalPodAutoscaler/feed" in cluster.until_reason("switch", "feed-careful", "AutoscalerOwned")["message"]
    )

    thrown(cluster, "feed-brace")
    held = cluster.get("horizontalpodautoscaler", "feed")["spec"]
    assert (held["minReplicas"], held["maxReplicas"], cluster.replicas("feed")) == (8, 8, 8)
    released(cluster, "feed-brace")
    back = cluster.get("horizontalpodautoscaler", "feed")["spec"]
    assert (back["minReplicas"], back["maxReplicas"], cluster.replicas("feed")) == (2, 5, 4)

    thrown(cluster, "feed-stop")
    assert cluster.replicas("feed") == 0
    assert eventually("the budget is named", lambda: cluster.events("BelowDisruptionBudget"))
    released(cluster, "feed-stop")

    cluster.until_reason("switch", "feed-halve", "Ready")
    cluster.throw("feed-halve")
    cluster.until_replicas(2, "feed")
    assert eventually("it goes on deciding", lambda: cluster.events("AutoscalerOwned"))
    assert operator.alive
