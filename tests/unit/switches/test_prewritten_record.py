"""What a throw would save is written down before it: it acts first, and a crash before its record loses nothing."""

from typing import Any

import pytest

from runbook_operator.api.switch import FINALIZER, Prepared, SwitchStatus
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import Begin, SetFinalizers, WriteStatus
from runbook_operator.switches.engine import next_step
from tests.builders import NAMESPACE, WEB, Body, Simulation, condition, kill_switch, kinds, scale, workload_body
from tests.scaling import hpa

FLAGS = Ref("v1", "ConfigMap", NAMESPACE, "flags")
TARGET: Body = {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}
OFF: Body = {"setFlag": {"target": "web", "flag": "ai", "value": "false", "flagMustExist": False}}


def ready(*actions: Body, **rest: Any) -> Simulation:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("stop", *actions, **rest)]).with_target(3).drive()
    simulation.steps.clear()
    return simulation


def acted(*actions: Body, **rest: Any) -> Simulation:
    """Thrown, and ended after the first write to the target, of which nothing was told."""
    simulation = ready(*actions, **rest).throw().mark().drive(at_most=2).restart()
    assert kinds(simulation.steps) == ["DeferStatus", "WriteTarget"]
    assert simulation.status().record is None
    assert simulation.replicas == 0
    simulation.steps.clear()
    return simulation


def flags(value: str) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"ai": value}}


def prepared(simulation: Simulation) -> Prepared:
    found = simulation.status().prepared
    assert found is not None
    return found


def test_idle_switch_prepares_saved_and_held_values() -> None:
    (one,) = prepared(ready()).fields

    assert (one.kind, one.name, one.field, one.uid) == ("Deployment", "web", "spec.replicas", "web-1")
    assert (one.saved, one.held) == (3, 0)


def test_prepared_throw_acts_first_and_then_writes_its_record() -> None:
    simulation = ready().throw().mark().drive()

    assert kinds(simulation.steps) == ["DeferStatus", "WriteTarget", "WriteStatus"]
    status = simulation.status()
    assert status.phase == "Engaged"
    assert status.prepared is None
    assert status.record
    assert [(one.saved, one.held, one.result) for one in status.record.actions] == [(3, 0, "Applied")]


def test_missing_finalizer_is_set_before_the_effect() -> None:
    simulation = ready().throw().drive()

    assert kinds(simulation.steps) == ["SetFinalizers", "DeferStatus", "WriteTarget", "WriteStatus"]
    assert simulation.switch().meta.finalizers == (FINALIZER,)


def test_release_prepares_the_next_throw_in_the_same_write() -> None:
    simulation = ready().throw().mark().drive()
    simulation.steps.clear()

    simulation.release().drive()

    assert kinds(simulation.steps) == ["WriteTarget", "WriteStatus", "SetFinalizers"]
    assert [(one.saved, one.held) for one in prepared(simulation).fields] == [(3, 0)]


def test_each_engagement_has_its_own_id() -> None:
    simulation = ready()
    ids = {prepared(simulation).engagement_id}
    for _ in range(2):
        simulation.throw().drive().release().drive()
        ids.add(prepared(simulation).engagement_id)

    assert len(ids) == 3
    assert {one.engagement_id for one in simulation.status().history} < ids


@pytest.mark.parametrize("entry", [{"momentary": True}, {"actions": [{"restart": {"target": "web"}}]}])
def test_action_without_restore_is_not_prepared(entry: Body) -> None:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch() | entry]).with_target(3).drive()

    assert simulation.status().prepared is None


@pytest.mark.parametrize(("replicas", "held"), [(0, 3), (0, 0), (2, 2)])
def test_held_value_equal_to_the_live_or_default_value_is_not_prepared(replicas: int, held: int) -> None:
    """The API server notes no manager of a scale up from 0."""
    entries = [kill_switch("stop", scale(replicas=held))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(replicas).drive()

    assert simulation.status().prepared is None


def test_replicas_with_an_autoscaler_are_not_prepared() -> None:
    """It moves them as soon as it is pinned, and nobody could tell by whose will."""
    simulation = Simulation().with_object(workload_body(3)).with_object(hpa())
    simulation.with_runbook(killSwitches=[kill_switch("stop", scale(replicas=6))]).drive()
    assert simulation.status().prepared is None

    simulation.throw().drive().release().drive()

    assert simulation.status().history
    assert simulation.status().prepared is None


def test_observe_mode_prepares_no_throw() -> None:
    assert Simulation().with_runbook(mode="Observe").with_target(3).drive().status().prepared is None


def test_field_held_by_another_switch_is_not_prepared() -> None:
    entries = [kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(3).drive("half", "stop")

    simulation.throw("half").drive("half", "stop")

    assert simulation.status("stop").prepared is None
    assert isinstance(simulation.throw("stop").next_step("stop"), Begin)


def test_target_scaled_since_preparation_is_saved_before_the_throw() -> None:
    simulation = ready().someone_sets(5).throw().mark()

    step = simulation.next_step()

    assert isinstance(step, WriteStatus)
    assert kinds([step]) == ["WriteStatus"]
    assert simulation.drive().release().drive().replicas == 5


def glanced(simulation: Simulation, entry: str = "stop") -> Prepared | None:
    """What is stored after a look that is no close one, with the answers to what it asks for."""
    with pytest.raises(NeedsRead) as needed:
        next_step(simulation.snapshot(entry, thorough=False))
    assert not needed.value.urgent
    answers = {query: simulation.answer(query) for query in needed.value.queries}
    step = next_step(simulation.snapshot(entry, thorough=False, answers=answers))
    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, SwitchStatus)
    return step.status.prepared


def test_scaled_target_is_prepared_again_by_one_write() -> None:
    found = glanced(ready().someone_sets(5))

    assert found is not None
    assert [(one.saved, one.held) for one in found.fields] == [(5, 0)]


def test_target_held_by_another_switch_is_unprepared_without_a_read() -> None:
    entries = [kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(3).drive("half", "stop")
    simulation.throw("half").drive("half")

    step = next_step(simulation.snapshot(thorough=False))

    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, SwitchStatus)
    assert step.status.prepared is None


@pytest.mark.parametrize(
    "entry", [kill_switch(momentary=True), kill_switch("stop", {"blockTraffic": {"target": "web"}}, scale(replicas=0))]
)
def test_visit_of_an_unpreparable_switch_reads_nothing(entry: Body) -> None:
    simulation = Simulation().with_runbook(killSwitches=[entry]).with_target(3).drive()

    assert next_step(simulation.snapshot(thorough=False)) is None


def test_switch_next_to_an_engaged_one_is_prepared_after_its_release() -> None:
    half, stop = kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))
    simulation = Simulation().with_runbook(killSwitches=[stop]).with_target(3).drive("stop").throw().drive()
    simulation.with_runbook(killSwitches=[half, stop]).drive("half")
    assert simulation.status("half").prepared is None
    simulation.release().drive()

    found = glanced(simulation, "half")

    assert found is not None
    assert [(one.saved, one.held) for one in found.fields] == [(3, 1)]


def test_normal_visit_keeps_the_preparation() -> None:
    assert next_step(ready().snapshot(thorough=False)) is None


def test_edited_action_is_saved_before_it_acts() -> None:
    simulation = ready()
    simulation.with_runbook(killSwitches=[kill_switch("stop", scale(replicas=1))])

    assert kinds([step for step in [simulation.throw().mark().next_step()] if step]) == ["WriteStatus"]
    assert simulation.drive().replicas == 1
    assert simulation.release().drive().replicas == 3


def test_automatic_engagement_writes_its_record_first() -> None:
    simulation = ready().monitor_state("Engage")

    assert isinstance(simulation.next_step(), Begin)


def test_throw_in_observe_mode_does_not_engage_in_enforce_and_the_next_is_prepared() -> None:
    simulation = ready().with_runbook(mode="Observe").throw().drive()
    assert simulation.status().prepared is None

    simulation.with_runbook(mode="Enforce", killSwitches=[kill_switch()]).drive()

    assert simulation.replicas == 3
    assert [(one.saved, one.held) for one in prepared(simulation).fields] == [(3, 0)]


def test_crash_before_the_record_continues_from_the_preparation() -> None:
    simulation = acted()
    engagement = prepared(simulation).engagement_id

    simulation.drive()

    record = simulation.status().record
    assert kinds(simulation.steps) == ["DeferStatus", "WriteStatus"]
    assert record
    assert (record.engagement_id, [(one.saved, one.held) for one in record.actions]) == (engagement, [(3, 0)])
    assert simulation.release().drive().replicas == 3


def test_release_during_downtime_restores_an_unrecorded_write() -> None:
    simulation = acted().release().drive()

    assert simulation.replicas == 3
    assert kinds(simulation.steps) == ["WriteStatus", "WriteTarget", "WriteStatus", "SetFinalizers"]
    assert simulation.status().history[0].outcome == "Deployment/web back to 3"
    assert simulation.said[-1].reason is Reason.RESTORED


def test_deletion_during_downtime_restores_an_unrecorded_write() -> None:
    simulation = acted().delete().drive()

    assert simulation.replicas == 3
    assert simulation.switch().meta.finalizers == ()


def test_deletion_with_keep_during_downtime_keeps_an_unrecorded_write() -> None:
    assert acted(onDelete="Keep").delete().drive().replicas == 0


def test_edit_during_downtime_keeps_the_prepared_saved_value() -> None:
    simulation = acted()
    simulation.with_runbook(killSwitches=[kill_switch("stop", scale(replicas=1))]).drive()

    assert simulation.replicas == 1
    assert simulation.release().drive().replicas == 3


def test_entry_with_another_target_restores_its_unrecorded_write() -> None:
    simulation = acted().with_object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}})
    simulation.with_runbook(targets=[TARGET], killSwitches=[kill_switch("stop", OFF)]).drive()

    assert simulation.replicas == 3
    assert simulation.live("ConfigMap", "flags")["data"] == {"ai": "false"}


@pytest.mark.parametrize("entries", [[], [kill_switch(momentary=True)]])
def test_entry_that_holds_no_field_restores_its_unrecorded_write(entries: list[Body]) -> None:
    simulation = acted()
    simulation.with_runbook(killSwitches=entries).drive(at_most=2)

    assert simulation.replicas == 3


def test_observe_mode_records_an_unrecorded_write_and_adds_none() -> None:
    simulation = acted().with_runbook(mode="Observe").drive()

    assert simulation.replicas == 0
    assert simulation.release().drive().replicas == 3


def test_held_value_set_by_another_client_is_not_restored() -> None:
    simulation = ready().someone_sets(0).throw().mark().drive()

    assert simulation.release().drive().replicas == 0


def test_value_without_manager_is_foreign_for_a_leader_that_read_the_switch_at_rest() -> None:
    """The API server notes nobody for a scale down to nothing."""
    simulation = ready()
    simulation.store.unconfirmed_throws.read(simulation.switch())

    simulation.someone_sets(0, manager="").throw().mark().drive()

    assert simulation.status().record
    assert simulation.release().drive().replicas == 0


def test_value_without_manager_after_a_leader_change_is_restored() -> None:
    simulation = ready().throw().mark().someone_sets(0, manager="").drive()

    assert simulation.release().drive().replicas == 3


def test_own_write_is_known_after_the_switch_was_read_at_rest() -> None:
    simulation = ready()
    simulation.store.unconfirmed_throws.read(simulation.switch())

    simulation.throw().mark().drive(at_most=2).restart().release().drive()

    assert simulation.replicas == 3


def test_recreated_object_is_not_restored() -> None:
    simulation = acted().with_target(0, uid="web-2", manager="runbook-operator").drive()

    assert simulation.release().drive().replicas == 0


def test_second_switch_saves_the_value_from_before_the_first_throw() -> None:
    entries = [kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(3).drive("half", "stop")
    simulation.throw("half").mark("half").drive("half", at_most=2).restart()
    assert simulation.replicas == 1

    simulation.throw("stop").drive("stop", "half").release("half").drive("half").release("stop").drive("stop")

    assert simulation.replicas == 3


def test_flag_is_prepared_and_restored_after_a_crash() -> None:
    simulation = Simulation().with_object(flags("true"))
    simulation.with_runbook(targets=[TARGET], killSwitches=[kill_switch("stop", OFF)]).with_target(3).drive()
    assert [(one.field, one.saved, one.held) for one in prepared(simulation).fields] == [("data.ai", "true", "false")]
    simulation.steps.clear()

    simulation.throw().mark().drive(at_most=2).restart()
    assert kinds(simulation.steps) == ["DeferStatus", "WriteTarget"]
    assert simulation.release().drive().live("ConfigMap", "flags")["data"] == {"ai": "true"}


def test_unwritten_action_of_several_saves_the_live_value() -> None:
    simulation = Simulation().with_object(flags("true"))
    entries = [kill_switch("stop", scale(replicas=0), OFF)]
    simulation.with_runbook(targets=[TARGET], killSwitches=entries).with_target(3).drive()
    simulation.throw().mark().drive(at_most=2).restart()
    assert (simulation.replicas, simulation.live("ConfigMap", "flags")["data"]) == (0, {"ai": "true"})

    simulation.drive()
    assert simulation.live("ConfigMap", "flags")["data"] == {"ai": "false"}
    simulation.release().drive()
    assert (simulation.replicas, simulation.live("ConfigMap", "flags")["data"]) == (3, {"ai": "true"})


def test_refused_first_write_is_reported_with_the_record() -> None:
    simulation = ready().refuse(errors.ForbiddenError("scale is forbidden")).throw().mark().drive()

    assert simulation.status().record
    assert condition(simulation.status(), "Ready")[0] == "False"
    assert simulation.refuse(None).after(minutes=1).drive().replicas == 0
    assert simulation.release().drive().replicas == 3


def test_finalizer_without_throw_is_removed_and_the_preparation_kept() -> None:
    simulation = ready().mark()

    assert isinstance(simulation.next_step(), SetFinalizers)
    assert prepared(simulation.drive()).fields


def test_changed_account_writes_the_record_first() -> None:
    simulation = ready()
    simulation.with_runbook(serviceAccountName="deployer", killSwitches=[kill_switch()])

    step = simulation.throw().mark().next_step()

    assert kinds([step] if step else []) == ["WriteStatus"]


def test_missing_target_ends_the_preparation() -> None:
    step = next_step(ready().remove(WEB).snapshot(thorough=False))

    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, SwitchStatus)
    assert step.status.prepared is None


def test_unreadable_document_ends_the_preparation() -> None:
    flags: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"a": "ai: true\n"}}
    targets = [TARGET | {"flags": {"configMap": "flags", "key": "a"}}]
    simulation = Simulation().with_object(flags)
    simulation.with_runbook(targets=targets, killSwitches=[kill_switch("stop", OFF)]).with_target(3).drive()
    assert prepared(simulation).fields[0].field == "data.a#ai"

    simulation.change(FLAGS, {"data": {"a": "{"}}).answer(Read(FLAGS))

    step = next_step(simulation.snapshot(thorough=False))

    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, SwitchStatus)
    assert step.status.prepared is None
