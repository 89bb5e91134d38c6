"""The switch engine, as decisions: no cluster, every order, every crash."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.switch import FINALIZER, Record, SwitchStatus
from runbook_operator.core.observed_object import Missing, ObservedObject, absent
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import Begin, WriteStatus, WriteTarget
from runbook_operator.switches.engine import next_step
from runbook_operator.switches.switch_status import begun, refused
from runbook_operator.switches.write_ahead_record import resaved
from tests.builders import WEB, Simulation, condition, kill_switch, kinds, observed, scale, switch_body, workload_body
from tests.scaling import hpa


def ready(replicas: int = 3, **spec: object) -> Simulation:
    simulation = Simulation().with_runbook(**spec).with_target(replicas)
    simulation.drive(*names(simulation))
    simulation.steps.clear()
    return simulation


def names(simulation: Simulation) -> list[str]:
    return [switch.spec.switch for switch in simulation.store.switches.values()]


def saved(simulation: Simulation, entry: str = "stop") -> list[object]:
    record = simulation.status(entry).record
    return [one.saved for one in record.actions] if record else []


def test_targets_are_written_after_finalizer_and_record() -> None:
    simulation = ready().unprepared().throw().drive()

    assert kinds(simulation.steps) == ["SetFinalizers", "WriteStatus", "WriteTarget", "WriteStatus"]
    assert simulation.status().phase == "Engaged"
    assert simulation.replicas == 0
    assert saved(simulation) == [3]


def test_finalizer_and_record_are_one_step() -> None:
    step = ready().unprepared().throw().next_step()

    assert isinstance(step, Begin)
    assert (step.finalizers, step.status.phase) == ((FINALIZER,), "Engaging")  # type: ignore[attr-defined] # a Switch's


def test_record_without_finalizer_gets_one_before_a_target_is_written() -> None:
    simulation = ready().unprepared()
    simulation.record_first = True

    simulation.throw().drive(at_most=1).drive()

    assert kinds(simulation.steps) == ["WriteStatus", "SetFinalizers", "WriteTarget", "WriteStatus"]


def test_release_restores_the_saved_value_and_removes_the_finalizer() -> None:
    simulation = ready(5).throw().drive()
    simulation.steps.clear()

    simulation.release().drive()

    assert kinds(simulation.steps) == ["WriteTarget", "WriteStatus", "SetFinalizers"]
    assert simulation.replicas == 5
    assert simulation.status().record is None
    assert simulation.status().history[0].outcome == "Deployment/web back to 5"
    assert FINALIZER not in simulation.switch().meta.finalizers


@pytest.mark.parametrize("record_first", [False, True])
@pytest.mark.parametrize("crash", range(6))
def test_crash_after_any_step_of_engaging_ends_engaged(crash: int, *, record_first: bool) -> None:
    simulation = ready()
    simulation.record_first = record_first
    simulation.throw().drive(at_most=crash)

    simulation.drive()

    assert (simulation.replicas, saved(simulation)) == (0, [3])
    simulation.release().drive()
    assert simulation.replicas == 3


@pytest.mark.parametrize("crash", range(5))
def test_crash_after_any_step_of_releasing_ends_released(crash: int) -> None:
    simulation = ready().throw().drive().release().drive(at_most=crash)

    simulation.drive()

    assert simulation.replicas == 3
    assert [over.outcome for over in simulation.status().history] == ["Deployment/web back to 3"]


@pytest.mark.parametrize("crash", range(5))
def test_throw_during_a_release_keeps_the_original_as_saved(crash: int) -> None:
    simulation = ready().throw().drive().release().drive(at_most=crash).throw().drive()

    assert (simulation.replicas, saved(simulation)) == (0, [3])


@pytest.mark.parametrize("engaging", list(permutations(("a", "b", "c"))))
@pytest.mark.parametrize("releasing", list(permutations(("a", "b", "c"))))
def test_switches_on_one_field_restore_the_original_in_any_order(
    engaging: tuple[str, ...], releasing: tuple[str, ...]
) -> None:
    held = {"a": 0, "b": 1, "c": 2}
    simulation = ready(7, killSwitches=[kill_switch(n, scale(replicas=to)) for n, to in held.items()])
    for name in engaging:
        simulation.throw(name).drive("a", "b", "c")
        assert simulation.replicas == held[name]

    left = list(engaging)
    for name in releasing:
        left.remove(name)
        simulation.release(name).drive("a", "b", "c")
        assert simulation.replicas == (held[left[-1]] if left else 7)


def test_changed_field_is_reapplied_and_the_writer_named() -> None:
    simulation = ready().throw().drive().with_target(2, version="9", manager="kubectl-patch")
    simulation.steps.clear()

    simulation.drive()

    assert kinds(simulation.steps) == ["WriteStatus", "WriteTarget", "WriteStatus"]
    assert simulation.replicas == 0
    assert simulation.said[-1].reason is Reason.DRIFT_CORRECTED
    assert "kubectl-patch set Deployment/web to 2" in simulation.said[-1].message


def test_field_changed_at_the_release_is_not_restored() -> None:
    simulation = ready().throw().drive().release().with_target(2, version="9").drive()

    assert simulation.replicas == 2
    assert simulation.said[-1].reason is Reason.RESTORE_SKIPPED
    outcome = simulation.status().history[0].outcome
    assert outcome.startswith("Deployment/web left as it is, since a client for which the API server names no manager")
    assert outcome.endswith("changed it to 2; the switch held it at 0")


def test_recreated_object_is_saved_again_and_restored_to_its_own_value() -> None:
    simulation = ready(3).throw().drive().without_target().drive().with_target(8, uid="web-2").drive()

    assert (simulation.replicas, saved(simulation)) == (0, [8])
    simulation.release().drive()
    assert simulation.replicas == 8


def test_object_recreated_after_the_release_is_unchanged() -> None:
    simulation = ready(3).throw().drive().release().with_target(0, uid="web-2").drive()

    assert simulation.replicas == 0
    assert "is gone" in simulation.status().history[0].outcome


def test_missing_target_is_reported_and_held_once_it_exists() -> None:
    simulation = Simulation().with_runbook().drive()
    assert condition(simulation.status(), "Ready")[:2] == ("False", "TargetNotFound")

    simulation.throw().drive()
    assert simulation.status().phase == "Engaging"
    assert "scale waits: Deployment/web does not exist" in condition(simulation.status(), "Engaged")[2]

    simulation.with_target(4).drive()
    assert (simulation.replicas, saved(simulation)) == (0, [4])
    assert condition(simulation.status(), "Ready")[:2] == ("True", "Ready")


@pytest.mark.parametrize(("goes_on", "replicas"), [(False, 3), (True, 1)])
def test_actions_after_a_failed_one_run_only_with_continue_on_failure(*, goes_on: bool, replicas: int) -> None:
    targets = [{"name": n, "workload": {"name": n}} for n in ("web", "ghost")]
    actions = [{"scale": {"target": "ghost", "replicas": 0}}, scale(replicas=1)]
    entry = kill_switch("stop", *actions, continueOnFailure=goes_on)
    simulation = ready(targets=targets, killSwitches=[entry]).throw().drive()

    assert simulation.replicas == replicas
    assert simulation.status().phase == "Engaging"
    assert condition(simulation.status(), "Ready")[1] == "TargetNotFound"


def test_observe_mode_writes_no_target_and_reports_the_rehearsal() -> None:
    simulation = ready(mode="Observe").throw().drive()

    assert kinds(simulation.steps) == ["WriteStatus"]
    assert simulation.replicas == 3
    _, reason, message = condition(simulation.status(), "Engaged")
    assert reason == "Observing"
    assert "a rehearsal, which changed nothing. In mode Enforce the operator would scale web to 0" in message
    assert simulation.said[-1].reason is Reason.OBSERVING


def test_observe_mode_stops_holding_and_still_releases() -> None:
    simulation = ready().throw().drive().with_runbook(mode="Observe").with_target(2, version="9").drive()
    assert simulation.replicas == 2

    simulation.with_target(0, version="10").release().drive()
    assert simulation.replicas == 3


def test_scaling_command_acts_once_per_throw_within_its_bounds() -> None:
    simulation = ready(3, scaling=[{"name": "up", "target": "web", "by": 2, "max": 6}])

    for expected in (5, 6, 6):
        simulation.throw("up").drive("up")
        assert simulation.replicas == expected
        assert simulation.switch("up").spec.engaged is None
        assert simulation.status("up").phase == "Released"
    assert len(simulation.status("up").history) == 3
    assert not simulation.switch("up").meta.finalizers


@pytest.mark.parametrize("crash", range(8))
def test_scaling_command_acts_once_despite_a_crash(crash: int) -> None:
    simulation = ready(3, scaling=[{"name": "up", "target": "web", "by": 2}])

    simulation.throw("up").drive("up", at_most=crash).drive("up")

    assert simulation.replicas == 5
    assert simulation.switch("up").spec.engaged is None


def test_momentary_switch_thrown_again_before_it_was_cleared_acts_again() -> None:
    simulation = ready(3, scaling=[{"name": "up", "target": "web", "by": 2}]).throw("up")
    while simulation.switch("up").spec.engaged:
        simulation.drive("up", at_most=1)

    simulation.throw("up").drive("up")

    assert simulation.replicas == 7


def test_momentary_switch_released_before_it_acted_does_not_act() -> None:
    simulation = Simulation().with_runbook(scaling=[{"name": "up", "target": "web", "by": 2}])
    simulation.throw("up").drive("up").release("up").with_target(3).drive("up")

    assert simulation.replicas == 3
    assert simulation.status("up").record is None


def test_momentary_switch_holds_no_field_after_it_acted() -> None:
    simulation = ready(3, killSwitches=[kill_switch("once", momentary=True)]).throw("once")
    while kinds(simulation.steps)[-1:] != ["WriteTarget"]:
        simulation.drive("once", at_most=1)
    simulation.drive("once", at_most=1).with_target(3, version="9").drive("once")

    assert simulation.replicas == 3


def test_momentary_switch_waiting_for_one_target_does_not_hold_another() -> None:
    targets = [{"name": n, "workload": {"name": n}} for n in ("web", "ghost")]
    actions = [{"scale": {"target": "ghost", "replicas": 0}}, scale(replicas=1)]
    simulation = ready(targets=targets, killSwitches=[kill_switch("once", *actions, momentary=True)])

    simulation.throw("once").drive("once").with_target(5, version="9").drive("once")

    assert simulation.replicas == 5


def test_deletion_of_an_engaged_switch_restores_and_removes_the_finalizer() -> None:
    simulation = ready().throw().drive().delete().drive()

    assert simulation.replicas == 3
    assert FINALIZER not in simulation.switch().meta.finalizers
    simulation.steps.clear()
    assert kinds(simulation.drive().steps) == []


def test_switch_without_valid_runbook_or_entry_reports_the_reason() -> None:
    simulation = ready()
    simulation.store.put(switch_body("ghost"))
    simulation.drive("ghost")
    assert condition(simulation.status("ghost"), "Ready")[1] == "SwitchNotDeclared"

    simulation.with_runbook(targets=[]).drive("ghost")
    assert condition(simulation.status("ghost"), "Ready")[1] == "InvalidSpec"

    simulation.store.runbooks.clear()
    simulation.drive("ghost").throw("ghost").drive("ghost")
    assert condition(simulation.status("ghost"), "Ready")[1] == "RunbookNotFound"


def test_switch_of_a_deleted_runbook_releases_by_its_record_and_does_not_engage() -> None:
    simulation = ready().throw().drive()
    simulation.store.runbooks.clear()

    simulation.drive().release().drive()
    assert simulation.replicas == 3

    simulation.throw().drive()
    assert simulation.replicas == 3


def test_refused_status_write_stalls_the_switch_and_keeps_the_record() -> None:
    simulation = ready().throw().drive(at_most=2)
    snapshot = simulation.snapshot()

    told = refused(snapshot, Reason.FORBIDDEN, "no")

    assert told is not None
    assert (told.status.conditions[0].reason, told.status.phase) == ("MissingRights", "Stalled")  # type: ignore[attr-defined] # a Switch's
    assert told.notices[0].warning
    again = replace(snapshot, switch=replace(snapshot.switch, status=told.status))  # type: ignore[arg-type] # a Switch's
    assert refused(again, Reason.FORBIDDEN, "no") is None
    assert isinstance(next_step(again), WriteTarget)


def test_target_changed_before_the_first_write_is_saved_again() -> None:
    simulation = ready(3).throw().drive(at_most=2)

    record = resaved_as(simulation, observed(4, version="9"))

    assert record.actions[0].saved == 4
    assert begun(simulation.looked(), record).status != simulation.status()


def test_latency_of_the_throw_is_in_the_status() -> None:
    simulation = ready().throw().drive(at_most=3)

    step = next_step(simulation.snapshot(latency=12))

    assert step is not None
    assert step.status.latency_milliseconds == 12  # type: ignore[union-attr] # the step after the act is a status


def test_unserved_kind_is_reported_with_its_reason() -> None:
    simulation = Simulation().with_runbook()
    simulation.store.targets[WEB] = Missing(WEB, Reason.NOT_SCALABLE, "a DaemonSet has no scale subresource")

    simulation.drive()

    assert condition(simulation.status(), "Ready")[1:] == ("NotScalable", "a DaemonSet has no scale subresource")


@settings(deadline=None)
@given(
    original=st.integers(0, 1000),
    acts=st.lists(st.sampled_from(["throw", "release", "step", "crash"]), max_size=12),
    to=st.integers(0, 1000),
)
def test_random_throws_and_crashes_end_with_the_original_restored(original: int, acts: list[str], to: int) -> None:
    simulation = ready(original, killSwitches=[kill_switch("stop", scale(replicas=to))])
    for act in acts:
        if act in ("throw", "release"):
            getattr(simulation, act)()
        simulation.drive(at_most=1 if act == "step" else 20)

    simulation.release().drive()

    assert simulation.replicas == original
    assert next_step(simulation.looked()) is None


@given(live=st.integers(0, 20), thrown=st.booleans())
def test_same_snapshot_gives_the_same_step(live: int, *, thrown: bool) -> None:
    simulation = ready(live)
    if thrown:
        simulation.throw()
    snapshot = simulation.looked()

    assert next_step(snapshot) == next_step(snapshot)


def test_held_value_set_by_others_before_the_first_write_is_saved() -> None:
    simulation = ready(3).throw().drive(at_most=2)

    theirs = resaved_as(simulation, observed(0, version="9", manager="helm"))
    ours = resaved_as(simulation, observed(0, version="9"))
    gone = resaved_as(simulation, absent(WEB))

    assert [one.actions[0].saved for one in (theirs, ours, gone)] == [0, 3, 3]


def test_known_missing_target_is_reported_without_a_read_and_a_returned_one_is_read() -> None:
    db = replace(WEB, name="db")
    targets = [{"name": name, "workload": {"name": name}} for name in ("web", "db")]
    entry = kill_switch("stop", scale(replicas=0), {"scale": {"target": "db", "replicas": 0}})
    simulation = Simulation().with_object(workload_body()).with_object(workload_body(uid="db-1", ref=db))
    simulation.with_runbook(targets=targets, killSwitches=[entry]).drive()
    assert next_step(simulation.snapshot(thorough=False)) is None

    simulation.remove(db)
    assert isinstance(next_step(simulation.snapshot(thorough=False)), WriteStatus)
    simulation.drive()
    assert condition(simulation.status(), "Ready")[1] == "TargetNotFound"

    simulation.with_object(workload_body(uid="db-1", ref=db))
    with pytest.raises(NeedsRead):
        next_step(simulation.snapshot(thorough=False))


def test_release_ends_without_a_read() -> None:
    simulation = ready().throw().drive().release().drive(at_most=1)
    assert isinstance(simulation.steps[-1], WriteTarget)

    step = next_step(simulation.snapshot())

    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, SwitchStatus)
    assert (step.status.record, step.status.phase) == (None, "Released")
    assert condition(step.status, "Ready")[:2] == ("True", "Ready")


def test_reported_trouble_stays_until_the_next_close_look() -> None:
    entry = kill_switch("stop", scale(replicas=0, autoscaler="Refuse"))
    simulation = Simulation().with_object(workload_body()).with_object(hpa()).with_runbook(killSwitches=[entry]).drive()
    assert condition(simulation.status(), "Ready")[1] == "AutoscalerOwned"

    assert next_step(simulation.snapshot(thorough=False)) is None


def resaved_as(simulation: Simulation, found: ObservedObject | Missing) -> Record:
    """The record after the first write was refused, since the target is like this by now."""
    answers: dict[Query, Any] = {}
    while True:
        snapshot = simulation.snapshot(answers=answers)
        assert snapshot.record
        try:
            return resaved(replace(snapshot, observed={WEB: found}), snapshot.record, WEB)
        except NeedsRead as needed:
            answers |= {query: simulation.answer(query) for query in needed.queries}
