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


def test_an_idle_switch_says_what_a_throw_would_save_and_hold() -> None:
    (one,) = prepared(ready()).fields

    assert (one.kind, one.name, one.field, one.uid) == ("Deployment", "web", "spec.replicas", "web-1")
    assert (one.saved, one.held) == (3, 0)


def test_a_throw_acts_first_and_writes_its_record_with_what_it_tells() -> None:
    simulation = ready().throw().mark().drive()

    assert kinds(simulation.steps) == ["DeferStatus", "WriteTarget", "WriteStatus"]
    status = simulation.status()
    assert status.phase == "Engaged"
    assert status.prepared is None
    assert status.record
    assert [(one.saved, one.held, one.result) for one in status.record.actions] == [(3, 0, "Applied")]


def test_the_finalizer_stands_before_the_effect_where_admission_has_not_put_it_on() -> None:
    simulation = ready().throw().drive()

    assert kinds(simulation.steps) == ["SetFinalizers", "DeferStatus", "WriteTarget", "WriteStatus"]
    assert simulation.switch().meta.finalizers == (FINALIZER,)


def test_after_a_release_the_next_throw_is_prepared_by_the_same_write() -> None:
    simulation = ready().throw().mark().drive()
    simulation.steps.clear()

    simulation.release().drive()

    assert kinds(simulation.steps) == ["WriteTarget", "WriteStatus", "SetFinalizers"]
    assert [(one.saved, one.held) for one in prepared(simulation).fields] == [(3, 0)]


def test_each_engagement_has_an_id_of_its_own() -> None:
    simulation = ready()
    ids = {prepared(simulation).engagement_id}
    for _ in range(2):
        simulation.throw().drive().release().drive()
        ids.add(prepared(simulation).engagement_id)

    assert len(ids) == 3
    assert {one.engagement_id for one in simulation.status().history} < ids


@pytest.mark.parametrize("entry", [{"momentary": True}, {"actions": [{"restart": {"target": "web"}}]}])
def test_what_is_not_put_back_is_not_prepared(entry: Body) -> None:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch() | entry]).with_target(3).drive()

    assert simulation.status().prepared is None


@pytest.mark.parametrize(("replicas", "held"), [(0, 3), (0, 0), (2, 2)])
def test_what_could_not_be_told_from_what_somebody_else_has_set_is_not_prepared(replicas: int, held: int) -> None:
    """The API server notes no manager of a scale up from 0."""
    entries = [kill_switch("stop", scale(replicas=held))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(replicas).drive()

    assert simulation.status().prepared is None


def test_replicas_that_follow_an_autoscaler_are_not_prepared() -> None:
    """It moves them as soon as it is pinned, and nobody could tell by whose will."""
    simulation = Simulation().with_object(workload_body(3)).with_object(hpa())
    simulation.with_runbook(killSwitches=[kill_switch("stop", scale(replicas=6))]).drive()
    assert simulation.status().prepared is None

    simulation.throw().drive().release().drive()

    assert simulation.status().history
    assert simulation.status().prepared is None


def test_nothing_is_prepared_where_nothing_may_be_done() -> None:
    assert Simulation().with_runbook(mode="Observe").with_target(3).drive().status().prepared is None


def test_nothing_is_prepared_while_another_switch_holds_the_field() -> None:
    entries = [kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(3).drive("half", "stop")

    simulation.throw("half").drive("half", "stop")

    assert simulation.status("stop").prepared is None
    assert isinstance(simulation.throw("stop").next_step("stop"), Begin)


def test_what_somebody_has_scaled_since_is_saved_before_the_throw_acts() -> None:
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


def test_idle_switch_whose_target_was_scaled_is_prepared_anew_by_one_write() -> None:
    found = glanced(ready().someone_sets(5))

    assert found is not None
    assert [(one.saved, one.held) for one in found.fields] == [(5, 0)]


def test_idle_switch_whose_target_another_switch_holds_is_not_prepared_and_reads_nothing() -> None:
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
def test_look_at_a_switch_that_cannot_be_prepared_reads_nothing(entry: Body) -> None:
    simulation = Simulation().with_runbook(killSwitches=[entry]).with_target(3).drive()

    assert next_step(simulation.snapshot(thorough=False)) is None


def test_first_look_beside_an_engaged_switch_is_prepared_once_that_is_released() -> None:
    half, stop = kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))
    simulation = Simulation().with_runbook(killSwitches=[stop]).with_target(3).drive("stop").throw().drive()
    simulation.with_runbook(killSwitches=[half, stop]).drive("half")
    assert simulation.status("half").prepared is None
    simulation.release().drive()

    found = glanced(simulation, "half")

    assert found is not None
    assert [(one.saved, one.held) for one in found.fields] == [(3, 1)]


def test_an_idle_switch_that_is_not_looked_at_closely_stays_prepared() -> None:
    assert next_step(ready().snapshot(thorough=False)) is None


def test_what_an_edit_has_made_another_throw_is_saved_before_it_acts() -> None:
    simulation = ready()
    simulation.with_runbook(killSwitches=[kill_switch("stop", scale(replicas=1))])

    assert kinds([step for step in [simulation.throw().mark().next_step()] if step]) == ["WriteStatus"]
    assert simulation.drive().replicas == 1
    assert simulation.release().drive().replicas == 3


def test_an_automatic_engagement_writes_its_record_first() -> None:
    simulation = ready().monitor_state("Engage")

    assert isinstance(simulation.next_step(), Begin)


def test_throw_in_observe_engages_nothing_in_enforce_and_the_next_throw_is_prepared() -> None:
    simulation = ready().with_runbook(mode="Observe").throw().drive()
    assert simulation.status().prepared is None

    simulation.with_runbook(mode="Enforce", killSwitches=[kill_switch()]).drive()

    assert simulation.replicas == 3
    assert [(one.saved, one.held) for one in prepared(simulation).fields] == [(3, 0)]


def test_a_crash_before_the_record_goes_on_with_what_was_prepared() -> None:
    simulation = acted()
    engagement = prepared(simulation).engagement_id

    simulation.drive()

    record = simulation.status().record
    assert kinds(simulation.steps) == ["DeferStatus", "WriteStatus"]
    assert record
    assert (record.engagement_id, [(one.saved, one.held) for one in record.actions]) == (engagement, [(3, 0)])
    assert simulation.release().drive().replicas == 3


def test_released_while_nobody_was_there_what_was_written_is_put_back() -> None:
    simulation = acted().release().drive()

    assert simulation.replicas == 3
    assert kinds(simulation.steps) == ["WriteStatus", "WriteTarget", "WriteStatus", "SetFinalizers"]
    assert simulation.status().history[0].outcome == "Deployment/web back to 3"
    assert simulation.said[-1].reason is Reason.RESTORED


def test_deleted_while_nobody_was_there_what_was_written_is_put_back() -> None:
    simulation = acted().delete().drive()

    assert simulation.replicas == 3
    assert simulation.switch().meta.finalizers == ()


def test_deleted_to_be_kept_while_nobody_was_there_what_was_written_stays() -> None:
    assert acted(onDelete="Keep").delete().drive().replicas == 0


def test_an_edit_while_nobody_was_there_keeps_what_was_there_before_the_throw() -> None:
    simulation = acted()
    simulation.with_runbook(killSwitches=[kill_switch("stop", scale(replicas=1))]).drive()

    assert simulation.replicas == 1
    assert simulation.release().drive().replicas == 3


def test_an_entry_that_acts_on_something_else_by_now_puts_back_what_it_wrote() -> None:
    simulation = acted().with_object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}})
    simulation.with_runbook(targets=[TARGET], killSwitches=[kill_switch("stop", OFF)]).drive()

    assert simulation.replicas == 3
    assert simulation.live("ConfigMap", "flags")["data"] == {"ai": "false"}


@pytest.mark.parametrize("entries", [[], [kill_switch(momentary=True)]])
def test_an_entry_that_holds_nothing_any_more_puts_back_what_it_wrote(entries: list[Body]) -> None:
    simulation = acted()
    simulation.with_runbook(killSwitches=entries).drive(at_most=2)

    assert simulation.replicas == 3


def test_observe_takes_over_what_was_written_and_sets_nothing_more() -> None:
    simulation = acted().with_runbook(mode="Observe").drive()

    assert simulation.replicas == 0
    assert simulation.release().drive().replicas == 3


def test_what_somebody_has_set_to_the_same_value_is_theirs() -> None:
    simulation = ready().someone_sets(0).throw().mark().drive()

    assert simulation.release().drive().replicas == 0


def test_what_nobody_is_noted_for_is_theirs_where_this_leader_has_seen_the_switch_at_rest() -> None:
    """The API server notes nobody for a scale down to nothing."""
    simulation = ready()
    simulation.store.unconfirmed_throws.read(simulation.switch())

    simulation.someone_sets(0, manager="").throw().mark().drive()

    assert simulation.status().record
    assert simulation.release().drive().replicas == 0


def test_what_a_leader_before_may_have_written_is_put_back_although_nobody_is_noted_for_it() -> None:
    simulation = ready().throw().mark().someone_sets(0, manager="").drive()

    assert simulation.release().drive().replicas == 3


def test_what_this_leader_has_written_itself_is_known_although_it_has_seen_the_switch_at_rest() -> None:
    simulation = ready()
    simulation.store.unconfirmed_throws.read(simulation.switch())

    simulation.throw().mark().drive(at_most=2).restart().release().drive()

    assert simulation.replicas == 3


def test_an_object_of_the_same_name_is_another_one() -> None:
    simulation = acted().with_target(0, uid="web-2", manager="runbook-operator").drive()

    assert simulation.release().drive().replicas == 0


def test_another_switch_that_is_thrown_meanwhile_saves_what_was_there_before_the_first() -> None:
    entries = [kill_switch("half", scale(replicas=1)), kill_switch("stop", scale(replicas=0))]
    simulation = Simulation().with_runbook(killSwitches=entries).with_target(3).drive("half", "stop")
    simulation.throw("half").mark("half").drive("half", at_most=2).restart()
    assert simulation.replicas == 1

    simulation.throw("stop").drive("stop", "half").release("half").drive("half").release("stop").drive("stop")

    assert simulation.replicas == 3


def test_flags_are_prepared_and_put_back_after_a_crash() -> None:
    simulation = Simulation().with_object(flags("true"))
    simulation.with_runbook(targets=[TARGET], killSwitches=[kill_switch("stop", OFF)]).with_target(3).drive()
    assert [(one.field, one.saved, one.held) for one in prepared(simulation).fields] == [("data.ai", "true", "false")]
    simulation.steps.clear()

    simulation.throw().mark().drive(at_most=2).restart()
    assert kinds(simulation.steps) == ["DeferStatus", "WriteTarget"]
    assert simulation.release().drive().live("ConfigMap", "flags")["data"] == {"ai": "true"}


def test_of_several_actions_what_was_not_written_yet_is_saved_as_it_is() -> None:
    simulation = Simulation().with_object(flags("true"))
    entries = [kill_switch("stop", scale(replicas=0), OFF)]
    simulation.with_runbook(targets=[TARGET], killSwitches=entries).with_target(3).drive()
    simulation.throw().mark().drive(at_most=2).restart()
    assert (simulation.replicas, simulation.live("ConfigMap", "flags")["data"]) == (0, {"ai": "true"})

    simulation.drive()
    assert simulation.live("ConfigMap", "flags")["data"] == {"ai": "false"}
    simulation.release().drive()
    assert (simulation.replicas, simulation.live("ConfigMap", "flags")["data"]) == (3, {"ai": "true"})


def test_a_write_that_is_refused_is_told_with_the_record() -> None:
    simulation = ready().refuse(errors.ForbiddenError("scale is forbidden")).throw().mark().drive()

    assert simulation.status().record
    assert condition(simulation.status(), "Ready")[0] == "False"
    assert simulation.refuse(None).after(minutes=1).drive().replicas == 0
    assert simulation.release().drive().replicas == 3


def test_a_mark_without_a_throw_goes_and_what_is_prepared_stays() -> None:
    simulation = ready().mark()

    assert isinstance(simulation.next_step(), SetFinalizers)
    assert prepared(simulation.drive()).fields


def test_whoever_names_another_account_has_the_record_written_first() -> None:
    simulation = ready()
    simulation.with_runbook(serviceAccountName="deployer", killSwitches=[kill_switch()])

    step = simulation.throw().mark().next_step()

    assert kinds([step] if step else []) == ["WriteStatus"]


def test_nothing_is_prepared_once_the_target_is_gone() -> None:
    step = next_step(ready().remove(WEB).snapshot(thorough=False))

    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, SwitchStatus)
    assert step.status.prepared is None


def test_nothing_is_prepared_once_a_document_cannot_be_read_any_more() -> None:
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
