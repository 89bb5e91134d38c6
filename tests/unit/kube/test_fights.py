"""Somebody else writes what a switch holds."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.field_manager_advice import ANYBODY, HINTS, hint
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.kube import errors
from runbook_operator.reconcile.contest_backoff import Backoff
from runbook_operator.switches.requeue import due
from tests.builders import Simulation, condition, kinds

SWITCH = Ref(API_VERSION, "Switch", "ns", "shop-stop")


def engaged() -> Simulation:
    return Simulation().with_runbook().with_target(3).drive().throw().drive()


def fight(simulation: Simulation, *, manager: str = "argocd-controller") -> Simulation:
    return simulation.someone_sets(3, manager=manager).drive()


def test_first_drift_is_reapplied_at_once_and_reported() -> None:
    simulation = fight(engaged())

    assert simulation.replicas == 0
    status, reason, message = condition(simulation.status(), "Contested")
    assert (status, reason) == ("True", "Contested")
    assert (
        "argocd-controller changes Deployment/web, which the switch holds at 0; the operator has undone it once"
        in message
    )
    assert "ignoreDifferences" in message
    assert condition(simulation.status(), "Ready")[0] == "True"


def test_repeated_drift_is_reapplied_after_growing_pauses() -> None:
    simulation = fight(fight(engaged()))
    assert simulation.replicas == 3
    pause = due(simulation.snapshot()) - simulation.now  # type: ignore[operator] # something is due
    assert timedelta(seconds=0.4) < pause <= timedelta(seconds=1)

    simulation.after(seconds=1).drive()
    assert simulation.replicas == 0
    fight(simulation).after(seconds=0.9).drive()
    assert simulation.replicas == 3
    assert simulation.after(seconds=1.1).drive().replicas == 0


def test_contested_field_is_one_event_with_a_count() -> None:
    simulation = fight(fight(engaged()).after(minutes=1))

    said = [notice for notice in simulation.said if notice.reason is Reason.DRIFT_CORRECTED]
    assert [notice.count for notice in said] == [1, 1, 1, 2, 2, 2]
    assert len({notice.identity for notice in said}) == 1


def test_crash_between_counting_and_reapplying_keeps_the_contest() -> None:
    simulation = engaged().someone_sets(3, manager="keda").drive(at_most=1).restart()
    assert simulation.replicas == 3
    assert simulation.status().record.actions[0].contest.pending  # type: ignore[union-attr] # it is contested

    simulation.drive()
    assert simulation.replicas == 0
    assert simulation.status().record.actions[0].contest.count == 1  # type: ignore[union-attr] # as above


def test_refused_reapply_stalls_the_switch() -> None:
    simulation = engaged().refuse(errors.ForbiddenError("403")).someone_sets(3).drive()
    assert condition(simulation.status(), "Stalled")[1] == "MissingRights"

    assert simulation.refuse(None).after(seconds=1).drive().replicas == 0
    assert simulation.status().phase == "Engaged"


def test_quiet_time_ends_the_contest_and_resets_the_pause() -> None:
    simulation = fight(engaged()).after(minutes=10).drive()
    assert [one.type for one in simulation.status().conditions] == ["Ready", "Engaged", "Automatic"]

    fight(simulation)
    assert simulation.replicas == 0
    assert simulation.status().record.actions[0].contest.streak == 1  # type: ignore[union-attr] # it is contested


def test_restart_in_a_contest_keeps_count_and_pause() -> None:
    simulation = fight(engaged()).restart().someone_sets(3).drive()
    assert simulation.replicas == 3

    simulation.after(seconds=1).drive()
    assert simulation.status().record.actions[0].contest.count == 2  # type: ignore[union-attr] # it is contested


def test_contested_field_is_not_written_during_the_pause() -> None:
    simulation = fight(fight(engaged()))
    simulation.steps.clear()

    assert kinds(simulation.drive().steps) == []


@pytest.mark.parametrize(
    ("manager", "word"),
    [
        ("kustomize-controller", "kustomize.toolkit.fluxcd.io/reconcile"),
        ("helm-controller", "driftDetection"),
        ("helm", "Helm wrote it"),
        ("argocd-application-controller", "Argo CD"),
        ("kube-controller-manager", "HorizontalPodAutoscaler"),
        ("keda-operator", "ScaledObject"),
        ("kubectl-scale", "kubectl wrote it: find the person or the script that uses it, and"),
        ("", "which the API server does not record"),
        ("", "kubectl -n ns get hpa"),
        ("some-operator", ANYBODY),
    ],
)
def test_contest_advice_depends_on_the_other_writer(manager: str, word: str) -> None:
    found = hint(manager, SWITCH)

    assert word in found
    assert found.endswith(
        """kubectl -n ns patch switch shop-stop --type merge -p '{"spec":{"engaged":null,"reason":null}}'"""
    )


def test_each_field_manager_has_its_advice() -> None:
    assert all(hint(name, SWITCH).startswith(HINTS[name]) for name in HINTS)


@given(count=st.integers(1, 10_000), seed=st.text(max_size=20))
def test_contest_pause_grows_to_its_limit_and_stays_above_half(count: int, seed: str) -> None:
    budget = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=30))
    pause = budget.pause(count, seed)

    whole = min(30.0, 2.0 ** min(count - 1, 16))
    assert whole / 2 <= pause.total_seconds() <= whole
    assert budget.pause(count, seed) == pause
