"""Writes that the API server accepts and that admission, or another controller, undoes."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.switch import FieldRecord
from runbook_operator.core import field_paths
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.requeue import due
from tests import traffic
from tests.builders import WEB, Body, Simulation, condition, kill_switch, scale
from tests.revisions import kept, version, workload

MINUTE = timedelta(minutes=1)
MOST = 10
"""Writes of one field in a minute."""


def thrown(*actions: Body, **entry: Any) -> Simulation:
    switches = [kill_switch("stop", *actions, **entry)]
    return Simulation().with_runbook(killSwitches=switches).with_target(2).drive().throw()


def at_least_one(body: Body) -> Body:
    """A policy that keeps a minimum of one replica."""
    return field_paths.with_value(body, "spec.replicas", body["spec"]["replicas"] or 1)


def at_most_one(body: Body) -> Body:
    return field_paths.with_value(body, "spec.replicas", min(1, body["spec"]["replicas"]))


def labelled(body: Body) -> Body:
    """A policy that labels every pod template."""
    return field_paths.with_value(body, "spec.template.metadata.labels.cost-center", "4711")


def with_registry(body: Body) -> Body:
    """A policy that rewrites the image of the first container."""
    return field_paths.with_value(body, "spec.template.spec.containers[name=app].image", "registry.example.com/app")


def admitted(simulation: Simulation, admit: Any = dict) -> Simulation:
    simulation.admit = admit
    return simulation


def lasts(simulation: Simulation, seconds: float, *entries: str) -> list[Any]:
    """So much time passes; returns when targets were written. A look may come at any time, so one comes each second."""
    end, writes = simulation.now + timedelta(seconds=seconds), []
    while simulation.now < end:
        simulation.steps.clear()
        simulation.drive(*entries)
        writes += [simulation.now for step in simulation.steps if isinstance(step, WriteTarget)]
        moment = min(due(simulation.looked(one)) or end for one in entries or ("stop",))
        simulation.now = max(simulation.now, min(moment, simulation.now + timedelta(seconds=1), end))
    return writes


def only(simulation: Simulation) -> FieldRecord:
    record = simulation.status().record
    assert record is not None
    (entry,) = record.actions
    return entry


def rolled_back(admit: Any) -> Simulation:
    simulation = Simulation()
    for body in (workload("bad", 2), kept("good", 1), kept("bad", 2)):
        simulation.with_object(body)
    switches = [kill_switch("stop", {"rollback": {"target": "web", "rollForwardOnRelease": True}})]
    return admitted(simulation.with_runbook(killSwitches=switches).drive(), admit).throw()


def test_minimum_policy_gets_few_writes_and_stalls_the_switch() -> None:
    simulation = admitted(thrown(scale(replicas=0)), at_least_one)

    writes = lasts(simulation, 61)

    assert 2 <= len(writes) <= MOST
    assert simulation.status().phase == "Stalled"
    _, reason, message = condition(simulation.status(), "Stalled")
    assert reason == "NotInForce"
    assert "Deployment/web spec.replicas was set to 0, and the API server stored 1" in message
    assert "kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations" in message


def test_value_set_by_a_policy_never_replaces_the_saved_value() -> None:
    simulation = admitted(thrown(scale(replicas=0)), at_least_one)
    lasts(simulation, 30)
    assert only(simulation).saved == 2

    simulation.release().drive()

    assert (simulation.replicas, simulation.status().phase) == (2, "Released")
    assert simulation.status().history[0].outcome == "Deployment/web back to 2"


def test_restart_after_an_altered_write_keeps_the_saved_value() -> None:
    simulation = admitted(thrown(scale(replicas=0)).unprepared(), at_least_one)
    while simulation.replicas == 2:
        simulation.drive(at_most=1)
    simulation.restart()

    lasts(simulation, 10)
    assert only(simulation).saved == 2

    assert simulation.release().drive().replicas == 2


def test_switch_engages_once_the_policy_is_removed() -> None:
    simulation = admitted(thrown(scale(replicas=0)), at_least_one)
    lasts(simulation, 90)

    lasts(admitted(simulation), 31)

    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")
    assert only(simulation).admitted is None
    assert condition(simulation.status(), "Ready")[0] == "True"


def test_release_altered_by_admission_stalls_until_the_policy_is_removed() -> None:
    simulation = admitted(thrown(scale(replicas=0)).drive().release(), at_most_one)

    writes = lasts(simulation, 61)

    assert 2 <= len(writes) <= MOST
    assert (simulation.replicas, simulation.status().phase) == (1, "Stalled")
    assert "spec.replicas was set to 2, and the API server stored 1" in condition(simulation.status(), "Stalled")[2]
    assert condition(simulation.status(), "Engaged")[1:] == (
        "Releasing",
        "the release is stalled: Deployment/web is not restored to 2 yet",
    )
    lasts(admitted(simulation), 31)
    assert (simulation.replicas, simulation.status().phase) == (2, "Released")


def test_release_altered_before_a_restart_restores_the_saved_value() -> None:
    simulation = thrown(scale(replicas=1)).drive()
    admitted(simulation, lambda body: field_paths.with_value(body, "spec.replicas", 5)).release().drive(at_most=1)
    assert simulation.replicas == 5
    simulation.restart()

    lasts(simulation, 5)

    assert simulation.status().record is not None
    assert condition(simulation.status(), "Ready")[1] == "NotInForce"
    lasts(admitted(simulation), 31)
    assert (simulation.replicas, simulation.status().phase) == (2, "Released")
    assert simulation.status().history[0].outcome == "Deployment/web back to 2"


def cut_off(admit: Any) -> Simulation:
    """A release from 0 that ends with its first write: the API server notes no field manager of that."""
    simulation = admitted(thrown(scale(replicas=0)).drive(), admit).release().drive(at_most=1)
    return simulation.someone_sets(simulation.replicas, manager="").restart()


def test_release_from_zero_altered_before_a_restart_restores_the_saved_value() -> None:
    simulation = cut_off(lambda body: field_paths.with_value(body, "spec.replicas", 5))

    writes = lasts(simulation, 5)

    assert 1 <= len(writes) <= MOST
    assert condition(simulation.status(), "Ready")[1] == "NotInForce"
    lasts(admitted(simulation), 31)
    assert (simulation.replicas, simulation.status().phase) == (2, "Released")
    assert simulation.status().history[0].outcome == "Deployment/web back to 2"


def test_release_from_zero_that_ends_with_its_write_needs_no_dry_run() -> None:
    simulation = cut_off(dict)

    assert lasts(simulation, 5) == []
    assert simulation.status().history[0].outcome == "Deployment/web back to 2"


def test_foreign_replicas_stay_at_a_release_after_a_restart() -> None:
    simulation = thrown(scale(replicas=0)).drive().release().someone_sets(5, manager="").restart().drive()

    assert simulation.replicas == 5
    assert "changed it to 5; the switch held it at 0" in simulation.status().history[0].outcome


def test_value_set_by_others_before_a_restart_stays_at_the_release() -> None:
    simulation = thrown(scale(replicas=1)).drive().release().someone_sets(5).restart().drive()

    assert (simulation.replicas, simulation.status().phase) == (5, "Released")


def test_reapply_altered_by_admission_is_paced_and_not_in_force() -> None:
    simulation = admitted(thrown(scale(replicas=0)).drive(), at_least_one).someone_sets(1)

    writes = lasts(simulation, 61)

    assert len(writes) <= MOST
    assert condition(simulation.status(), "Stalled")[1] == "NotInForce"
    assert simulation.release().drive().replicas == 2


def test_template_with_an_added_label_is_engaged_with_a_remark() -> None:
    simulation = rolled_back(labelled)

    writes = lasts(simulation, 61)

    assert len(writes) == 1
    assert (version(simulation), simulation.status().phase) == ("good", "Engaged")
    assert "admission added metadata.labels.cost-center" in condition(simulation.status(), "Engaged")[2]
    assert Reason.ADMISSION_ADDED in {one.reason for one in simulation.said if one.warning}

    assert lasts(simulation.release(), 30)
    assert (version(simulation), simulation.status().phase) == ("bad", "Released")


def test_template_with_another_image_is_not_in_force() -> None:
    simulation = rolled_back(with_registry)

    writes = lasts(simulation, 61)

    assert len(writes) <= MOST
    message = condition(simulation.status(), "Stalled")[2]
    assert "stored a template that differs in spec.containers[0].image" in message
    lasts(admitted(simulation).release(), 31)
    assert (version(simulation), simulation.status().phase) == ("bad", "Released")


def test_template_with_a_deleted_revision_is_reported_without_paths() -> None:
    simulation = rolled_back(with_registry).drive()
    for ref in [ref for ref in simulation.objects if ref.kind == "ReplicaSet"]:
        simulation.remove(ref)

    lasts(simulation, 2)

    assert simulation.status().phase in ("Engaging", "Stalled")


def test_object_changed_by_admission_is_deleted_at_release() -> None:
    def renamed(body: Body) -> Body:
        return (
            field_paths.with_value(body, "spec.rateLimit.type", "Global")
            if body["kind"] == "BackendTrafficPolicy"
            else body
        )

    simulation = Simulation()
    for body in (traffic.service(), traffic.http_route()):
        simulation.with_object(body)
    action = {"rateLimit": {"target": "web", "requests": 10, "per": "Second"}}
    simulation.with_runbook(targets=[traffic.TARGET], killSwitches=[kill_switch("stop", action)]).drive()

    writes = lasts(admitted(simulation.throw(), renamed), 61)

    assert 2 <= len(writes) <= MOST
    changed = "BackendTrafficPolicy/shop-stop-web-limit was written, and the API server stored something else"
    assert changed in condition(simulation.status(), "Stalled")[2]
    simulation.release().drive()
    assert not any(ref.kind == "BackendTrafficPolicy" for ref in simulation.objects)


def test_job_changed_by_admission_is_created_once_with_a_remark() -> None:
    def retried(body: Body) -> Body:
        return field_paths.with_value(body, "spec.backoffLimit", 3) if body["kind"] == "Job" else body

    pod = {"containers": [{"name": "job", "image": "example.com/job"}]}
    simulation = admitted(thrown({"runJob": {"job": {"template": {"spec": pod}}}}), retried)

    writes = lasts(simulation, 10)

    assert len(writes) == 2, "it is made, and resumed"
    record = simulation.status().record
    assert record is not None
    (remark,) = [one for one in record.remarks if one.reason == Reason.NOT_IN_FORCE]
    assert "was created, and the API server stored something else" in remark.message
    assert "kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations" in remark.message


def test_recreated_target_at_the_held_value_keeps_the_saved_value() -> None:
    simulation = thrown(scale(replicas=0)).drive().with_target(0, uid="web-2", version="9").drive()

    entry = only(simulation)
    assert (entry.saved, entry.uid) == (2, "web-2")
    record = simulation.status().record
    assert record is not None
    (remark,) = record.remarks
    assert remark.reason == "SavedBefore"
    assert "was created again, already at the held 0; a release restores 2" in remark.message

    assert simulation.release().drive().replicas == 2


def test_recreated_target_at_another_value_is_saved_again() -> None:
    simulation = thrown(scale(replicas=0)).drive().with_target(5, uid="web-2", version="9").drive()

    assert only(simulation).saved == 5


@pytest.mark.parametrize("momentary", [True, False])
def test_same_value_is_written_with_pauses(*, momentary: bool) -> None:
    simulation = admitted(thrown(scale(replicas=0), momentary=momentary), at_least_one)

    assert len(lasts(simulation, 60)) <= MOST


@settings(max_examples=12, deadline=None)
@given(undone=st.lists(st.floats(0.1, 20.0), min_size=5, max_size=30), release=st.booleans(), policy=st.booleans())
def test_same_value_is_written_at_most_ten_times_a_minute(*, undone: list[float], release: bool, policy: bool) -> None:
    simulation = admitted(thrown(scale(replicas=0)), at_least_one if policy else dict)
    writes = lasts(simulation, 1)
    if release:
        writes = lasts(admitted(simulation.release(), at_most_one if policy else dict), 1)
    for pause in undone:
        simulation.someone_sets(0 if release else 3)
        writes += lasts(simulation, pause)

    assert all(sum(one <= other < one + MINUTE for other in writes) <= MOST for one in writes)
    record = simulation.status().record
    assert record is None or record.actions[0].saved == 2
    assert WEB in simulation.store.targets


def test_two_switches_on_one_field_share_the_ten_writes_of_a_minute() -> None:
    both = ("half", "stop")
    entries = [kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(2).drive(*both)
    admitted(simulation, lambda body: field_paths.with_value(body, "spec.replicas", 7))

    writes = lasts(simulation.throw("half"), 5, *both)
    writes += lasts(simulation.throw("stop"), 5, *both)
    writes += lasts(simulation.release("half"), 2, *both)
    writes += lasts(simulation.release("stop"), 48, *both)

    assert 4 <= len(writes) <= MOST
    lasts(admitted(simulation), 31, *both)
    assert simulation.replicas == 2


def test_first_write_undone_by_another_client_names_the_writer_and_the_command() -> None:
    simulation = thrown(scale(replicas=0)).unprepared()
    while simulation.replicas == 2:
        simulation.drive(at_most=1)
    simulation.someone_sets(5)

    simulation.drive()

    _, reason, message = condition(simulation.status(), "Ready")
    assert reason == "NotInForce"
    assert "Deployment/web spec.replicas was set to 0, and kubectl-scale changed it to 5 right after" in message
    lasts(simulation, 10)
    assert (simulation.replicas, simulation.status().phase) == (0, "Engaged")
