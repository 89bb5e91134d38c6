"""scale: how many, which autoscaler is kept off and how, what is refused, and what a person is told."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.actions.scale import Scale, pods
from runbook_operator.actions.scaling.autoscalers import NO_SCALE_UP
from runbook_operator.actions.scaling.disruption_budgets import selects
from runbook_operator.core.desired_fields import DesiredField
from runbook_operator.core.observed_object import REPLICAS, absent, observed_from
from runbook_operator.core.queries import AccessReview, Query
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.write_ahead_record import resaved
from tests.builders import NAMESPACE, WEB, Body, Simulation, condition, kill_switch, observed, scale, workload_body
from tests.scaling import QUEUE, budget, canary, hpa, rollout, scaled_object

HPA = Ref("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE, "web")
KEDA = Ref("keda.sh/v1alpha1", "ScaledObject", NAMESPACE, "web")
PAUSED = "autoscaling.keda.sh/paused-replicas"
ZEROED: Body = {"status": {"conditions": [{"type": "ScaledToZero", "status": "True"}]}}
"""An autoscaler that has scaled to 0 itself."""
BEHAVIOR: Body = {"scaleUp": {"selectPolicy": "Max"}, "scaleDown": {"selectPolicy": "Min"}}
OF_KEDA: Body = {
    "ownerReferences": [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": "keda-1"}]
}
ROLLOUT = Ref("argoproj.io/v1alpha1", "Rollout", NAMESPACE, "web")


@dataclass
class Counting(Simulation):
    """Notes what it was asked, in its order."""

    asked: list[str] = field(default_factory=list)

    def answer(self, query: Query) -> Any:
        if not isinstance(query, AccessReview):
            self.asked.append(type(query).__name__)
        return super().answer(query)


def cluster(*objects: Body, replicas: int = 3) -> Simulation:
    simulation = Simulation().with_object(workload_body(replicas, template={"metadata": {"labels": {"app": "web"}}}))
    for body in objects:
        simulation.with_object(body)
    return simulation


def engaged(*objects: Body, live: int = 3, momentary: bool = False, **amount: Any) -> Simulation:
    """The kill switch with this amount, thrown."""
    entry = kill_switch("stop", scale(**amount), momentary=momentary)
    return cluster(*objects, replicas=live).with_runbook(killSwitches=[entry]).drive().throw().drive()


def spec(simulation: Simulation, kind: str = "HorizontalPodAutoscaler") -> Body:
    found: Body = simulation.live(kind, "web")["spec"]
    return found


def bounds(simulation: Simulation) -> tuple[int, int]:
    return spec(simulation)["minReplicas"], spec(simulation)["maxReplicas"]


def replicas(simulation: Simulation) -> int:
    return int(spec(simulation, "Deployment")["replicas"])


def paused(simulation: Simulation) -> str | None:
    found: str | None = simulation.live("ScaledObject", "web")["metadata"].get("annotations", {}).get(PAUSED)
    return found


def remarks(simulation: Simulation) -> list[str]:
    record = simulation.status().record
    return [f"{one.reason}: {one.message}" for one in record.remarks] if record else []


def warned(simulation: Simulation) -> list[str]:
    """The warnings of a momentary switch, whose record is gone by now."""
    return [f"{one.reason}: {one.message}" for one in simulation.said if one.warning and one.about.kind == "Switch"]


def acts(simulation: Simulation) -> list[str]:
    return [str(step.effect.ref) for step in simulation.steps if isinstance(step, WriteTarget)]


def trouble(simulation: Simulation) -> str:
    _, reason, message = condition(simulation.status(), "Ready")
    return f"{reason}: {message}"


@pytest.mark.parametrize(("live", "factor", "held"), [(3, 0.5, 2), (10, 1.15, 12), (4, 2, 8), (1, 0.1, 0), (5, 1, 5)])
def test_factor_multiplies_live_replicas_and_release_restores_them(live: int, factor: float, held: int) -> None:
    simulation = engaged(live=live, factor=factor)
    assert replicas(simulation) == held

    simulation.after(seconds=1).drive()
    assert replicas(simulation) == held
    assert replicas(simulation.release().drive()) == live


@pytest.mark.parametrize(
    ("amount", "live", "number"),
    [
        ({"factor": 3, "max": 8}, 4, 8),
        ({"factor": 0.1, "min": 2}, 4, 2),
        ({"factor": 2, "min": 9}, 4, 8),
        ({"factor": 2, "max": 3}, 4, 4),
        ({"factor": 1, "min": 5}, 4, 5),
        ({"by": -2, "min": 1}, 0, 0),
        ({"by": -5}, 3, 0),
        ({"replicas": 9, "max": 5}, 3, 5),
    ],
)
def test_bound_limits_a_step_and_never_reverses_it(amount: Body, live: int, number: int) -> None:
    assert replicas(engaged(live=live, **amount)) == number


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ({}, "replicas .* by .* and factor"),
        ({"by": 1, "factor": 2}, "replicas .* by .* and factor"),
        ({"replicas": 1, "factor": 2}, "replicas .* by .* and factor"),
        ({"factor": 0}, "greater than 0"),
        ({"factor": 2, "min": 3, "max": 2}, "min must not be greater than max"),
        ({"replicas": 0, "autoscaler": "Delete"}, "'Pin' or 'Refuse'"),
    ],
)
def test_invalid_amount_is_refused_with_the_field(amount: Body, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Scale.Spec.model_validate({"target": "web"} | amount)


def test_target_without_scale_subresource_is_refused_before_any_read() -> None:
    body = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web"}, "spec": {}}
    targets = [{"name": "web", "workload": {"kind": "DaemonSet", "name": "web"}}]

    simulation = Simulation().with_object(body).with_runbook(targets=targets).drive()

    assert trouble(simulation).startswith("NotScalable: DaemonSet/web")


def test_throw_reads_all_scale_objects_in_one_round() -> None:
    simulation = Counting()
    for body in (workload_body(3), hpa(), scaled_object()):
        simulation.with_object(body)
    simulation.with_runbook(killSwitches=[kill_switch("stop", scale(replicas=5))]).drive().throw().drive(at_most=1)
    simulation.asked.clear()

    simulation.drive(at_most=1)

    assert simulation.asked == ["Find"] * 5


class TestAHorizontalPodAutoscaler:
    def test_autoscaler_is_held_at_the_replicas_and_restored_after_them(self) -> None:
        simulation = engaged(hpa(2, 4), replicas=5)
        assert (bounds(simulation), replicas(simulation)) == ((5, 5), 5)
        simulation.steps.clear()

        simulation.release().drive()

        assert (bounds(simulation), replicas(simulation)) == ((2, 4), 3)
        assert acts(simulation) == ["Deployment/web", "HorizontalPodAutoscaler/web"]

    def test_autoscaler_edited_while_held_is_reapplied(self) -> None:
        simulation = engaged(hpa(2, 4), replicas=5)

        simulation.change(HPA, {"spec": {"maxReplicas": 9}}).drive()

        assert bounds(simulation) == (5, 5)
        assert bounds(simulation.release().drive()) == (2, 4)

    @pytest.mark.parametrize("crash", range(1, 7))
    def test_autoscaler_is_restored_after_a_crash_at_any_step(self, crash: int) -> None:
        entry = kill_switch("stop", scale(replicas=5))
        simulation = cluster(hpa(2, 4)).with_runbook(killSwitches=[entry]).drive()

        simulation.throw().drive(at_most=crash).restart().drive()
        assert (bounds(simulation), replicas(simulation)) == ((5, 5), 5)

        simulation.release().drive(at_most=crash).restart().drive()
        assert (bounds(simulation), replicas(simulation)) == ((2, 4), 3)

    def test_autoscaler_that_scales_while_pinned_keeps_the_saved_replicas(self) -> None:
        entry = kill_switch("stop", scale(replicas=5))
        simulation = cluster(hpa(2, 4)).with_runbook(killSwitches=[entry]).drive().throw().drive(at_most=3)
        assert (bounds(simulation), replicas(simulation)) == ((5, 5), 3)
        snapshot = simulation.looked()
        assert snapshot.record

        moved = {**snapshot.observed, WEB: observed(5, version="9", manager="kube-controller-manager")}
        again = resaved(replace(snapshot, observed=moved), snapshot.record, WEB)

        assert [one.saved for one in again.actions if one.field == REPLICAS] == [3]

    def test_autoscaler_without_scale_to_zero_is_kept_at_zero_replicas(self) -> None:
        simulation = engaged(hpa(2, 4), replicas=0)

        assert (bounds(simulation), replicas(simulation)) == ((2, 4), 0)
        assert spec(simulation).get("behavior") is None

    def test_autoscaler_with_scale_to_zero_has_scale_up_disabled(self) -> None:
        simulation = engaged(hpa(0, 4), replicas=0)
        assert (spec(simulation)["behavior"], replicas(simulation)) == (NO_SCALE_UP, 0)

        simulation.release().drive()

        assert ("behavior" in spec(simulation), replicas(simulation)) == (False, 3)

    def test_autoscaler_behavior_is_kept_except_the_scale_up_policy(self) -> None:
        simulation = engaged(hpa(0, 4, behavior=BEHAVIOR), replicas=0)
        assert spec(simulation)["behavior"] == BEHAVIOR | {"scaleUp": {"selectPolicy": "Disabled"}}

        assert spec(simulation.release().drive())["behavior"] == BEHAVIOR

    def test_autoscaler_already_scaled_to_zero_stays_at_zero_after_release(self) -> None:
        simulation = engaged(hpa(0, 4) | ZEROED, live=0, replicas=0)
        assert spec(simulation)["behavior"] == NO_SCALE_UP

        simulation.release().drive()

        assert ("behavior" in spec(simulation), replicas(simulation)) == (False, 0)

    def test_autoscaler_with_stale_scaled_to_zero_status_is_pinned_and_restored(self) -> None:
        simulation = engaged(hpa(2, 4, metrics=[QUEUE]) | ZEROED, replicas=0)
        assert (bounds(simulation), spec(simulation)["behavior"]) == ((0, 4), NO_SCALE_UP)

        simulation.release().drive()

        assert (bounds(simulation), "behavior" in spec(simulation)) == ((2, 4), False)

    def test_autoscaler_without_metric_for_zero_is_kept_at_zero_replicas(self) -> None:
        simulation = engaged(hpa(2, 4, metrics=[{"type": "Resource"}]) | ZEROED, replicas=0)

        assert bounds(simulation) == (2, 4)

    def test_autoscaler_of_another_workload_is_unchanged(self) -> None:
        other = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}
        unknown = {"kind": "Deployment", "name": "web"}
        simulation = engaged(hpa(scaleTargetRef=other), hpa(name="odd", scaleTargetRef=unknown), replicas=5)

        assert acts(simulation)[-1:] == ["Deployment/web"]
        assert bounds(simulation) == (2, 10)

    def test_autoscaler_pinned_by_another_switch_is_saved_with_its_original_bounds(self) -> None:
        entries = [kill_switch("a", scale(replicas=5)), kill_switch("b", scale(replicas=0))]
        simulation = cluster(hpa(0, 4)).with_runbook(killSwitches=entries).drive("a", "b")
        simulation.throw("a").drive("a").after(seconds=1).throw("b").drive("b")
        assert (spec(simulation)["behavior"], replicas(simulation)) == (NO_SCALE_UP, 0)

        simulation.release("a").drive("a", "b").release("b").drive("b", "a")

        assert (bounds(simulation), "behavior" in spec(simulation), replicas(simulation)) == ((0, 4), False, 3)


class TestAScaledObject:
    @pytest.mark.parametrize("number", [0, 5])
    def test_scaled_object_is_paused_before_the_replicas_and_resumed_after_them(self, number: int) -> None:
        simulation = engaged(scaled_object(), replicas=number)
        assert (paused(simulation), replicas(simulation)) == (str(number), number)
        assert acts(simulation) == ["ScaledObject/web", "Deployment/web"]
        simulation.steps.clear()

        simulation.release().drive()

        assert (paused(simulation), replicas(simulation)) == (None, 3)
        assert acts(simulation) == ["Deployment/web", "ScaledObject/web"]

    def test_scaled_object_paused_before_the_throw_is_paused_again_at_release(self) -> None:
        simulation = engaged(scaled_object(annotations={PAUSED: "1"}), replicas=5)
        assert paused(simulation) == "5"

        assert paused(simulation.release().drive()) == "1"

    def test_scaled_object_autoscaler_is_not_pinned_separately(self) -> None:
        of_keda = hpa()
        of_keda["metadata"] |= OF_KEDA
        simulation = engaged(scaled_object(), of_keda, replicas=5)

        assert (paused(simulation), bounds(simulation)) == ("5", (2, 10))

    def test_scaled_object_with_another_kind_is_matched(self) -> None:
        other = scaled_object(scaleTargetRef={"kind": "StatefulSet", "name": "web"})

        assert paused(engaged(other, replicas=5)) is None


class TestRefuse:
    @pytest.mark.parametrize("autoscaler", [hpa(), scaled_object()], ids=lambda body: body["kind"])
    def test_refuse_mode_leaves_an_autoscaled_workload_and_reports_before_the_throw(self, autoscaler: Body) -> None:
        entry = kill_switch("stop", scale(replicas=0, autoscaler="Refuse"))
        simulation = cluster(autoscaler).with_runbook(killSwitches=[entry]).drive()
        said = f"AutoscalerOwned: Deployment/web is scaled by {autoscaler['kind']}/web"
        assert trouble(simulation).startswith(said)

        simulation.throw().drive()

        assert acts(simulation) == []
        assert trouble(simulation).startswith(said)
        assert "set autoscaler: Pin" in trouble(simulation)

    def test_refuse_mode_scales_a_workload_without_autoscaler(self) -> None:
        assert replicas(engaged(replicas=0, autoscaler="Refuse")) == 0


class TestAMomentarySwitch:
    def test_momentary_scale_keeps_the_autoscaler_and_warns(self) -> None:
        simulation = engaged(hpa(2, 4), momentary=True, by=1)

        assert (replicas(simulation), bounds(simulation)) == (4, (2, 4))
        assert acts(simulation) == ["Deployment/web"]
        assert len(warned(simulation)) == 1
        assert (
            "AutoscalerOwned: shop-stop: Deployment/web to 4: HorizontalPodAutoscaler/web keeps it between 2 and 4"
            in (warned(simulation)[0])
        )

    @pytest.mark.parametrize(
        ("amount", "live", "number"),
        [({"replicas": 9}, 3, 4), ({"replicas": 1}, 3, 2), ({"by": 3}, 3, 4), ({"by": -2}, 3, 2), ({"by": 2}, 9, 9)],
    )
    def test_momentary_scale_stays_within_autoscaler_bounds_and_reports_the_request(
        self, amount: Body, live: int, number: int
    ) -> None:
        simulation = engaged(hpa(2, 4), live=live, momentary=True, **amount)

        assert replicas(simulation) == number
        assert f"Deployment/web to {number} and not to " in warned(simulation)[0]

    def test_momentary_scale_to_zero_rests_without_warning(self) -> None:
        simulation = engaged(hpa(2, 4), momentary=True, replicas=0)

        assert (replicas(simulation), warned(simulation)) == (0, [])

    @pytest.mark.parametrize("autoscaler", [hpa(0, 4), scaled_object(maxReplicaCount=4)], ids=lambda body: body["kind"])
    def test_momentary_scale_to_zero_warns_where_the_autoscaler_may_scale_up(self, autoscaler: Body) -> None:
        simulation = engaged(autoscaler, momentary=True, replicas=0)

        assert replicas(simulation) == 0
        assert "keeps it between 0 and 4" in warned(simulation)[0]

    def test_momentary_scale_pauses_no_scaled_object(self) -> None:
        simulation = engaged(scaled_object(minReplicaCount=2), momentary=True, replicas=0)

        assert (replicas(simulation), paused(simulation)) == (2, None)
        assert "keeps it between 2 and 100" in warned(simulation)[0]

    def test_scaling_command_pins_no_autoscaler(self) -> None:
        command = {"name": "double", "target": "web", "factor": 2}
        simulation = cluster(hpa(2, 4)).with_runbook(scaling=[command]).drive("double").throw("double").drive("double")

        assert (replicas(simulation), bounds(simulation)) == (4, (2, 4))


class TestDelivery:
    def test_workload_owned_by_flagger_is_refused_with_the_primary(self) -> None:
        simulation = engaged(canary(), replicas=5)

        assert acts(simulation) == []
        assert trouble(simulation).startswith(
            "DeliveryOwned: Deployment/web is the template of Flagger's Canary/shop and has 0"
        )
        assert "runs the pods: name Deployment/web-primary" in trouble(simulation)

    def test_flagger_primary_workload_is_scaled(self) -> None:
        primary = replace(WEB, name="web-primary")
        targets = [{"name": "web", "workload": {"name": "web-primary"}}]
        simulation = Simulation().with_object(workload_body(3, ref=primary)).with_object(canary())

        simulation.with_runbook(targets=targets).drive().throw().drive()

        assert simulation.live("Deployment", "web-primary")["spec"]["replicas"] == 0

    def test_workload_referenced_by_a_rollout_is_refused_with_the_rollout(self) -> None:
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        simulation = engaged(rollout(workloadRef=reference), rollout("another"), replicas=5)

        assert acts(simulation) == []
        assert "kind Rollout, name web-rollout" in trouble(simulation)

    def test_argo_rollout_is_scaled(self) -> None:
        named = {"apiVersion": ROLLOUT.api_version, "kind": ROLLOUT.kind, "name": ROLLOUT.name}
        simulation = Simulation().with_object(rollout("web", replicas=3)).with_object(hpa(scaleTargetRef=named))
        entry = kill_switch("stop", scale(replicas=5))
        targets = [{"name": "web", "workload": named}]

        simulation.with_runbook(targets=targets, killSwitches=[entry]).drive().throw().drive()

        assert (spec(simulation, "Rollout")["replicas"], bounds(simulation)) == (5, (5, 5))
        simulation.release().drive()
        assert (spec(simulation, "Rollout")["replicas"], bounds(simulation)) == (3, (2, 10))


class TestADisruptionBudget:
    @pytest.mark.parametrize(
        ("rule", "number", "wants"),
        [
            ({"minAvailable": 3}, 2, 3),
            ({"minAvailable": "50%"}, 2, 3),
            ({"maxUnavailable": 1}, 3, 4),
            ({"maxUnavailable": "25%"}, 2, 3),
        ],
    )
    def test_scale_down_below_a_disruption_budget_is_remarked_and_done(
        self, rule: Body, number: int, wants: int
    ) -> None:
        simulation = engaged(budget(**rule), live=5, replicas=number)

        assert replicas(simulation) == number
        (key, value), *_ = rule.items()
        assert len(remarks(simulation)) == 1
        assert remarks(simulation)[0].startswith(
            f"BelowDisruptionBudget: Deployment/web goes from 5 to {number} pods, and PodDisruptionBudget/web "
            f"({key} {value}) requires {wants}: "
        )

    @pytest.mark.parametrize(
        ("rule", "number"),
        [
            ({"minAvailable": 3}, 3),
            ({"minAvailable": "50%"}, 3),
            ({"maxUnavailable": 1}, 4),
            ({"maxUnavailable": "25%"}, 3),
            ({"minAvailable": 9}, 6),
            ({}, 0),
            ({"minAvailable": 3, "selector": {"matchLabels": {"app": "db"}}}, 0),
            ({"minAvailable": 3, "selector": None}, 0),
        ],
    )
    def test_satisfied_or_unrelated_disruption_budget_is_not_remarked(self, rule: Body, number: int) -> None:
        held = budget()
        held["spec"] |= rule
        assert remarks(engaged(held, live=5, replicas=number)) == []

    def test_workload_without_pod_labels_reads_no_disruption_budget(self) -> None:
        simulation = Simulation().with_object(workload_body(3)).with_object(budget({}, minAvailable=3))

        assert remarks(simulation.with_runbook().drive().throw().drive()) == []

    @pytest.mark.parametrize(
        ("operator", "values", "chosen"),
        [
            ("In", ["web", "db"], True),
            ("In", ["db"], False),
            ("NotIn", ["db"], True),
            ("NotIn", ["web"], False),
            ("Exists", [], True),
            ("DoesNotExist", [], False),
        ],
    )
    def test_disruption_budget_selector_matches_like_a_label_selector(
        self, operator: str, values: list[str], *, chosen: bool
    ) -> None:
        expression = {"key": "app", "operator": operator, "values": values}

        assert selects({"matchExpressions": [expression]}, {"app": "web"}) is chosen
        assert selects({}, {"app": "web"})


class TestProgress:
    @pytest.mark.parametrize(
        ("status", "wanted", "words"),
        [
            ({"replicas": 5, "readyReplicas": 1}, 5, "1 of 5 ready"),
            ({"replicas": 5}, 5, "0 of 5 ready"),
            ({"replicas": 2, "readyReplicas": 2}, 0, "2 still terminating"),
            ({"terminatingReplicas": 2, "observedGeneration": 3}, 0, "2 still terminating"),
            ({"replicas": 4, "readyReplicas": 1, "terminatingReplicas": 1}, 3, "1 of 3 ready, 2 still terminating"),
            ({"replicas": 3, "readyReplicas": 3}, 3, ""),
            ({}, 3, ""),
        ],
    )
    def test_pod_progress_counts_pods_to_come_and_to_go(self, status: Body, wanted: int, words: str) -> None:
        assert pods(observed_from(workload_body(wanted) | {"status": status})) == words

    def test_pod_progress_of_another_kind_uses_its_own_counts(self) -> None:
        body = workload_body(3, ref=ROLLOUT)
        assert pods(observed_from(body | {"status": {"replicas": 2, "readyReplicas": 1}}, whole=True)) == "1 of 3 ready"
        assert pods(observed_from(body | {"status": {"replicas": "many"}}, whole=True)) == ""
        assert pods(observed_from(body | {"status": {"replicas": 5}}, whole=True)) == "2 still terminating"
        assert pods(observed_from(body, whole=True)) == ""

    def test_slow_scale_reports_progress_until_reached(self) -> None:
        simulation = engaged(replicas=5)
        assert told(simulation) == ""

        simulation.change(WEB, {"status": {"replicas": 5, "readyReplicas": 1}}).after(seconds=3).drive()
        assert told(simulation) == "1 of 5 ready"
        assert simulation.status().phase == "Engaged"

        simulation.change(WEB, {"status": {"readyReplicas": 5}}).after(seconds=3).drive()
        assert told(simulation) == ""

    def test_progress_of_the_held_value_is_not_reported_after_release(self) -> None:
        simulation = engaged(replicas=0)
        simulation.change(WEB, {"status": {"replicas": 3}}).after(seconds=3).drive()
        assert told(simulation) == "3 still terminating"

        simulation.release().drive()

        assert simulation.status().history[0].outcome == "Deployment/web back to 3"

    def test_progress_of_a_missing_target_or_another_number_is_empty(self) -> None:
        def asked(held: int, found: Any) -> str:
            desired = DesiredField(WEB, REPLICAS, held)
            return Scale.progress(None, None, desired, found).text  # type: ignore[arg-type] # neither is looked at

        behind = observed_from(workload_body(5) | {"status": {"replicas": 5}})
        assert asked(5, behind) == "0 of 5 ready"
        assert asked(4, behind) == ""
        assert asked(5, absent(WEB)) == ""


def told(simulation: Simulation) -> str:
    record = simulation.status().record
    assert record
    return record.actions[0].progress


@pytest.mark.parametrize(
    ("amount", "words"),
    [({"replicas": 0}, "scale web to 0"), ({"by": -2}, "scale web by -2"), ({"factor": 0.5}, "scale web times 0.5")],
)
def test_scale_description_names_target_and_amount(amount: Body, words: str) -> None:
    assert Scale.describe(Scale.Spec.model_validate({"target": "web"} | amount)) == words
