"""A throw whose record is written after its effect, on an API server that fails between the two, or a watch that lags.

The fake API server of test_faults, which is told here who wrote the replicas.
"""

import pytest

from runbook_operator.kube import errors
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, at, failing
from tests.fakes.prepared_rig import SCALE, STATUS, Rest
from tests.fakes.rig import STOP


async def test_target_is_written_first_without_a_read() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)

    status = await rest.visit()

    assert status.phase == "Engaged"
    assert rest.writes() == [SCALE, STATUS]
    assert rest.reads() == []
    assert rest.store.switches[STOP].stored_status is None


async def test_status_of_a_throw_has_all_that_the_next_leader_needs() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.visit()

    stored = rest.kube.objects[SWITCH]["status"]

    assert "prepared" not in stored
    assert [(one["saved"], one["held"]) for one in stored["record"]["actions"]] == [(3, 0)]


async def test_new_leader_reads_the_switch_before_it_acts() -> None:
    rest = await Rest.made()
    rest.rig.reconciler.executor.reader.lead()
    rest.say(engaged=True)

    await rest.visit()

    assert rest.writes() == [SCALE, STATUS]
    assert SWITCH in rest.reads()
    assert rest.asked.index(("GET", SWITCH)) < rest.asked.index(("PATCH", SCALE))
    assert rest.asked.index(("GET", DEPLOYMENT)) < rest.asked.index(("PATCH", SCALE))


async def test_new_leader_with_a_late_watch_does_not_engage_a_released_switch() -> None:
    rest = await Rest.made()
    rest.rig.reconciler.executor.reader.lead()
    rest.say(engaged=True)
    rest.say(engaged=None, heard=False)

    status = await rest.visit()

    assert SCALE not in rest.writes()
    assert (rest.kube.replicas, status.phase) == (3, "Released")


async def test_new_leader_records_the_write_of_a_lost_leader() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.cut_off()

    status = await rest.visit()

    assert status.phase == "Engaged"
    assert status.record
    assert [(one.saved, one.held) for one in status.record.actions] == [(3, 0)]


async def test_write_of_a_lost_leader_is_restored_after_a_release_despite_a_late_watch() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.cut_off()
    rest.say(engaged=None)

    status = await rest.visit()

    assert (rest.kube.replicas, status.phase) == (3, "Released")
    assert status.history[0].outcome == "Deployment/web back to 3"


async def test_deleted_switch_is_removed_after_the_write_of_a_lost_leader_is_restored() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.cut_off()
    rest.delete()

    await rest.visit()

    assert rest.kube.replicas == 3
    assert rest.kube.objects[SWITCH]["metadata"]["finalizers"] == []
    assert rest.writes()[-1] == SWITCH


async def test_switch_released_before_any_write_restores_no_field() -> None:
    rest = await Rest.made()
    rest.say(engaged=True, heard=False)
    rest.say(engaged=None)

    status = await rest.visit()

    assert (rest.kube.replicas, status.phase, status.history) == (3, "Released", [])
    assert status.prepared
    assert status.prepared.generation == 3


async def test_edit_between_effect_and_record_loses_neither() -> None:
    """A person's second patch replaces all that is known of the switch, and the API server has no record yet."""
    rest = await Rest.made()
    rest.say(engaged=True)

    def spoken() -> None:
        meta = {"generation": 3, "annotations": {"note": "again"}}
        rest.store.put(rest.kube._patched(SWITCH, {"metadata": meta, "spec": {"reason": "INC-43"}}))

    rest.kube.after = at(SCALE, spoken)

    status = await rest.visit()

    assert (status.phase, status.observed_generation) == ("Engaged", 3)
    assert status.record
    assert [(one.saved, one.held) for one in status.record.actions] == [(3, 0)]
    assert rest.writes().count(SCALE) == 1


async def test_switch_released_right_after_the_effect_is_restored() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)

    def released() -> None:
        rest.say(engaged=None)

    rest.kube.after = at(SCALE, released)

    status = await rest.visit()

    assert (rest.kube.replicas, status.phase) == (3, "Released")
    assert [(one.engaged_by, one.outcome) for one in status.history] == [("somebody", "Deployment/web back to 3")]


@pytest.mark.parametrize("error", [errors.UnavailableError("503"), errors.ForbiddenError("403")])
async def test_status_that_cannot_be_written_is_written_later(error: errors.OperatorError) -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    rest.kube.fault = at(STATUS, failing(error))
    await rest.visit()
    assert rest.kube.replicas == 0

    status = await rest.visit()

    assert status.phase == "Engaged"
    assert rest.kube.objects[SWITCH]["status"]["record"]


async def test_target_changed_before_the_write_is_saved_again() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    rest.kube.fault = at(SCALE, lambda: rest.kube.set_replicas(4))

    status = await rest.visit()

    assert rest.kube.replicas == 0
    assert status.record
    assert status.record.actions[0].saved == 4
