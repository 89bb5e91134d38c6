"""A Runbook that is edited while its switch is engaged."""

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.switches.write_ahead_record import resaved
from tests.builders import WEB, Body, Simulation, condition, kill_switch, kinds, observed, scale

WORKER = Ref("apps/v1", "Deployment", "shop", "worker")
TARGETS = [{"name": name, "workload": {"name": name}} for name in ("web", "worker")]
STOP_WORKER: Body = {"scale": {"target": "worker", "replicas": 0}}


def engaged(*actions: Body, **entry: object) -> Simulation:
    simulation = Simulation().with_runbook(targets=TARGETS, killSwitches=[kill_switch("stop", *actions, **entry)])
    simulation.store.put_target(observed(5, uid="worker-1", ref=WORKER))
    return simulation.with_target(4).drive().throw().drive()


def edited(simulation: Simulation, *actions: Body, **entry: object) -> Simulation:
    return simulation.with_runbook(targets=TARGETS, killSwitches=[kill_switch("stop", *actions, **entry)]).drive()


def worker(simulation: Simulation) -> int:
    return simulation.store.targets[WORKER].replicas  # type: ignore[union-attr] # it is there


def test_edit_does_not_change_an_engaged_switch_and_is_reported() -> None:
    simulation = edited(engaged(scale(replicas=0)), scale(replicas=2))

    assert simulation.replicas == 0
    status, reason, message = condition(simulation.status(), "Outdated")
    assert (status, reason) == ("True", "ActionsChanged")
    assert "scale web to 2" in message
    assert simulation.release().drive().replicas == 4
    assert simulation.throw().drive().replicas == 2


def test_equivalent_edit_is_not_reported() -> None:
    simulation = edited(engaged(scale(replicas=0)), scale(replicas=0), description="said better")

    assert "Outdated" not in {one.type for one in simulation.status().conditions}


def test_edit_with_reapply_on_change_takes_effect_at_once() -> None:
    simulation = edited(engaged(scale(replicas=0)), scale(replicas=2), reapplyOnChange=True)

    assert (simulation.replicas, simulation.status().phase) == (2, "Engaged")
    assert Reason.REAPPLIED in {notice.reason for notice in simulation.said}
    assert simulation.release().drive().replicas == 4


def test_edited_step_counts_from_the_saved_value() -> None:
    simulation = edited(engaged(scale(by=-1)), scale(by=-2), reapplyOnChange=True)

    assert simulation.replicas == 2


def test_added_action_is_saved_and_held() -> None:
    simulation = edited(engaged(scale(replicas=0)), scale(replicas=0), STOP_WORKER, reapplyOnChange=True)
    assert (simulation.replicas, worker(simulation)) == (0, 0)

    simulation.release().drive()
    assert (simulation.replicas, worker(simulation)) == (4, 5)


def test_removed_action_is_restored() -> None:
    simulation = edited(engaged(scale(replicas=0), STOP_WORKER), scale(replicas=0), reapplyOnChange=True)

    assert (simulation.replicas, worker(simulation)) == (0, 5)
    assert simulation.status().record.dropped == []  # type: ignore[union-attr] # it is engaged
    assert any("Deployment/worker back to 5" in notice.message for notice in simulation.said)


def test_crash_between_dropping_and_restoring_keeps_the_saved_value() -> None:
    simulation = engaged(scale(replicas=0), STOP_WORKER)
    simulation.with_runbook(
        targets=TARGETS, killSwitches=[kill_switch("stop", scale(replicas=0), reapplyOnChange=True)]
    ).drive(at_most=1)
    assert [one.name for one in simulation.status().record.dropped] == ["worker"]  # type: ignore[union-attr] # engaged

    simulation.restart().release().drive()
    assert (simulation.replicas, worker(simulation)) == (4, 5)


def test_action_removed_and_added_again_keeps_the_first_saved_value() -> None:
    simulation = engaged(scale(replicas=0), STOP_WORKER)
    simulation.with_runbook(
        targets=TARGETS, killSwitches=[kill_switch("stop", scale(replicas=0), reapplyOnChange=True)]
    ).drive(at_most=1)
    edited(simulation, scale(replicas=0), STOP_WORKER, reapplyOnChange=True)
    assert worker(simulation) == 0

    assert worker(simulation.release().drive()) == 5


def test_field_changed_before_its_action_was_dropped_is_not_restored() -> None:
    simulation = engaged(scale(replicas=0), STOP_WORKER)
    simulation.store.put_target(observed(7, uid="worker-1", version="9", ref=WORKER))
    edited(simulation, scale(replicas=0), reapplyOnChange=True)

    assert worker(simulation) == 7
    assert Reason.RESTORE_SKIPPED in {notice.reason for notice in simulation.said}


def test_unparsable_runbook_changes_no_target() -> None:
    simulation = engaged(scale(replicas=0)).with_runbook(killSwitches="nonsense")
    simulation.steps.clear()
    simulation.drive()

    assert "WriteTarget" not in kinds(simulation.steps)
    assert simulation.release().drive().replicas == 4


def test_edit_with_a_conflicting_write_keeps_the_first_saved_value() -> None:
    simulation = engaged(scale(replicas=0)).with_runbook(
        targets=TARGETS, killSwitches=[kill_switch("stop", scale(replicas=2), reapplyOnChange=True)]
    )
    simulation.drive(at_most=1)
    snapshot = simulation.snapshot()
    assert snapshot.record

    assert resaved(snapshot, snapshot.record, WEB) == snapshot.record


def test_edit_during_a_contest_counts_from_the_saved_value() -> None:
    entry = kill_switch("stop", scale(by=-1), reapplyOnChange=True)
    simulation = Simulation().with_runbook(killSwitches=[entry]).with_target(4).drive().throw().drive()
    simulation.someone_sets(9).with_runbook(killSwitches=[entry | {"actions": [scale(by=-2)]}]).drive()

    assert simulation.replicas == 2
    simulation.release().drive()
    assert simulation.replicas == 4
