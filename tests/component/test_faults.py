"""Faults at a given write, which a real API server cannot produce on request."""

import asyncio
from datetime import timedelta

import pytest

from runbook_operator.controller.reconciler import LAPSED_LEASE_RETRY
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.runtime.token_bucket import Bucket
from runbook_operator.telemetry.event_writer import post
from tests.builders import NAMESPACE, NOW, condition, observed, runbook_body, switch_body
from tests.fakes.event_kube import EventKube
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, always, at, failing
from tests.fakes.rig import RUNBOOK, STOP, Rig


async def test_target_changed_between_record_and_write_is_saved_again() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", lambda: rig.kube.set_replicas(4))

    status = await rig.visit()

    assert rig.kube.replicas == 0
    assert status.record is not None
    assert status.record.actions[0].saved == 4


async def test_target_with_a_changed_status_is_written_without_saving_again() -> None:
    rig = Rig()
    moves, written = [3, 3, 3], []

    def move(_method: str, path: str) -> None:
        written.append(path)
        if path == f"{DEPLOYMENT}/scale" and moves:
            rig.kube.set_replicas(moves.pop())

    rig.kube.fault = move

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")
    assert written.count(f"{SWITCH}/status") == 2
    assert status.record is not None
    assert status.record.actions[0].saved == 3


async def test_write_with_a_lost_answer_is_read_back() -> None:
    rig = Rig()
    rig.kube.after = at(f"{DEPLOYMENT}/scale", failing(errors.UnavailableError("no answer in time")))

    await rig.visit()
    assert rig.kube.replicas == 0
    status = await rig.visit()

    assert status.phase == "Engaged"
    assert status.record is not None
    assert status.record.actions[0].saved == 3


async def test_forbidden_write_stalls_the_switch_with_advice_and_is_retried() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", failing(errors.ForbiddenError("PATCH deployments/scale: 403")))

    stalled = await rig.visit()
    assert (stalled.phase, condition(stalled, "Stalled")[1]) == ("Stalled", "MissingRights")
    assert "Grant the operator's service account" in condition(stalled, "Stalled")[2]
    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")
    assert [one.type for one in status.conditions] == ["Ready", "Engaged", "Automatic"]


async def test_switch_changed_during_the_decision_is_read_again() -> None:
    rig = Rig()
    rig.kube.objects[SWITCH]["metadata"]["resourceVersion"] = "50"

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")


async def test_switch_deleted_during_the_decision_is_forgotten() -> None:
    rig = Rig()
    del rig.kube.objects[SWITCH]

    await rig.reconciler.visit(STOP)

    assert STOP not in rig.store.switches
    assert rig.kube.replicas == 3


async def test_target_deleted_during_the_write_is_reported() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{DEPLOYMENT}/scale", rig.kube.delete_deployment)

    status = await rig.visit()

    assert condition(status, "Ready")[1] == "TargetNotFound"


async def test_event_that_cannot_be_posted_does_not_stop_the_visit() -> None:
    rig = Rig()

    def refuse(_method: str, path: str) -> None:
        if path.endswith("/events"):
            raise errors.ForbiddenError("POST events: 403")

    rig.kube.fault = refuse

    assert (await rig.visit()).phase == "Engaged"


async def test_target_shown_as_restored_by_a_late_watch_is_restored() -> None:
    rig = Rig()
    await rig.visit()
    before = dict(rig.kube.objects[DEPLOYMENT])
    rig.release()
    rig.restart_with({**before, "spec": {"replicas": 3}})
    assert rig.kube.replicas == 0

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (3, "Released")


async def test_target_shown_as_held_by_a_late_watch_is_written() -> None:
    rig = Rig()
    rig.store.put_target(observed(0, version="0"))

    status = await rig.visit()

    assert (rig.kube.replicas, status.phase) == (0, "Engaged")


async def test_value_written_by_an_earlier_leader_is_never_saved() -> None:
    rig = Rig()
    rig.kube.after = at(f"{DEPLOYMENT}/scale", failing(errors.NotLeadingError("killed right after the write")))
    before = dict(rig.kube.objects[DEPLOYMENT])
    await rig.visit()
    assert rig.kube.replicas == 0
    rig.restart_with(before)

    status = await rig.visit()

    assert status.phase == "Engaged"
    assert status.record is not None
    assert [(entry.saved, entry.held) for entry in status.record.actions] == [(3, 0)]


async def test_value_from_a_late_watch_is_never_saved() -> None:
    rig = Rig()
    rig.store.put_target(observed(0, version="0"))

    status = await rig.visit()

    assert rig.kube.replicas == 0
    assert status.record is not None
    assert [(entry.saved, entry.held) for entry in status.record.actions] == [(3, 0)]


async def test_momentary_throw_on_a_late_watch_does_not_count_as_done() -> None:
    """A step up from what a late watch shows would lead to what is there already."""
    rig = Rig(scaling=[{"name": "stop", "target": "web", "by": 1}], killSwitches=[])
    rig.store.put_target(observed(2, version="0"))

    await rig.visit()

    assert rig.kube.replicas == 4


async def test_visit_ended_by_a_lapsed_lease_is_repeated() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{SWITCH}/status", failing(errors.NotLeadingError("lapsed")))

    await rig.visit()

    assert STOP in rig.queue._later


async def test_repeated_lapses_of_the_lease_do_not_lengthen_the_wait() -> None:
    rig = Rig()
    rig.kube.fault = at(f"{SWITCH}/status", failing(errors.NotLeadingError("lapsed")))

    for _ in range(20):
        await rig.visit()

    assert rig.queue._later[STOP].when() - asyncio.get_running_loop().time() <= LAPSED_LEASE_RETRY


async def test_lasting_contest_raises_the_count_of_its_event() -> None:
    rig = Rig()
    await rig.visit()
    for replicas in (3, 5):
        rig.kube.set_replicas(replicas)
        rig.store.put(rig.kube.objects[DEPLOYMENT])
        rig.time += timedelta(minutes=1) - timedelta(hours=1)
        await rig.visit()

    told = [event for event in rig.kube.events if event["reason"] == "DriftCorrected"]
    assert {event["metadata"]["name"] for event in told if event["count"] == 2} == {
        event["metadata"]["name"] for event in told if event["count"] == 1
    }
    assert rig.kube.replicas == 0


async def test_existing_event_is_counted_up_and_a_repeated_one_is_not() -> None:
    kube = EventKube()
    for count in (1, 1, 2):
        await post(kube, [Notice(STOP, "1", Reason.DRIFT_CORRECTED, f"time {count}", "id", count=count)], NOW)

    (stored,) = kube.stored.values()
    assert (stored["count"], stored["message"]) == (2, "time 2")


async def test_many_contests_share_one_budget() -> None:
    rig = Rig()
    await rig.visit()
    rig.reconciler.corrections = Bucket(0.001, 0)
    rig.kube.set_replicas(3)
    rig.store.put(rig.kube.objects[DEPLOYMENT])

    await rig.visit()

    assert rig.kube.replicas == 3


@pytest.mark.parametrize("error", [errors.NotLeadingError("lost"), errors.UnavailableError("down"), ValueError("bug")])
async def test_any_error_ends_the_visit_and_the_next_one_continues(error: Exception) -> None:
    rig = Rig()

    def fail(_method: str, _path: str) -> None:
        raise error

    rig.kube.fault = fail
    await rig.visit()
    assert rig.kube.replicas == 3

    rig.kube.fault = lambda _method, _path: None
    assert (await rig.visit()).phase == "Engaged"


async def test_refused_adoption_is_a_runbook_condition_and_stops_no_other_step() -> None:
    rig = Rig()
    path = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/runbooks/shop"
    rig.kube.objects[path] = runbook_body()
    left = switch_body()
    left["metadata"] |= {"ownerReferences": [], "resourceVersion": "99"}
    rig.store.put(left)
    rig.kube.fault = always(SWITCH, failing(errors.ForbiddenError("PATCH switches: 403")))

    await rig.reconciler.visit(RUNBOOK)

    ready = next(one for one in rig.store.runbooks[RUNBOOK].status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "MissingRights")
    assert "lost its owner reference and could not be adopted: PATCH switches: 403" in ready.message
