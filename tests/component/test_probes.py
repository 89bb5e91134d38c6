"""A Runbook's own writes to a workload, with the faults that a real API server cannot be told to make."""

import pytest

from runbook_operator.api.switch import FINALIZER
from runbook_operator.kube import errors
from tests.builders import Body
from tests.fakes.faulty_kube import DEPLOYMENT, at, failing
from tests.fakes.probing_rig import OWN, Probing
from tests.probing import RUNBOOK, endpoint, get

SET = get("/health/ready")


async def test_probe_is_set_and_restored_with_events_on_the_workload() -> None:
    probing = Probing()

    told = await probing.visit()
    assert (told.reason, probing.live, probing.finalizers) == ("ProbeEnforced", SET, [FINALIZER])

    probing.declares(endpoint())
    told = await probing.visit()
    assert (told.reason, probing.live, probing.finalizers) == ("ProbeDrift", get(), [])
    assert probing.events == ["ProbeDrift", "ProbeEnforced", "ProbeRestored", "ProbeDrift"]


async def test_probe_changed_during_the_write_is_saved_again() -> None:
    probing = Probing()
    probing.rig.kube.fault = at(DEPLOYMENT, lambda: probing.edit(get("/else")))

    told = await probing.visit()

    assert (probing.live, [one.saved for one in told.held]) == (SET, ["/else"])


@pytest.mark.parametrize("error", [errors.ForbiddenError("403"), errors.RefusedError("422")])
async def test_refused_probe_write_is_reported_and_the_runbook_continues(error: errors.ApiError) -> None:
    probing = Probing()
    probing.rig.kube.fault = at(DEPLOYMENT, failing(error))

    told = await probing.visit()

    assert (told.reason, probing.live) == (error.reason, get())
    assert told.message.startswith(str(error))
    assert probing.rig.store.runbooks[RUNBOOK].status.observed_generation == 1
    assert (await probing.visit()).reason == "ProbeEnforced"


async def test_refused_finalizer_is_reported_and_the_runbook_continues() -> None:
    probing = Probing()
    probing.rig.kube.fault = at(OWN, failing(errors.ForbiddenError("403 patch runbooks")))

    told = await probing.visit()

    assert (told.reason, probing.live, probing.finalizers) == ("MissingRights", get(), [])
    assert probing.rig.store.runbooks[RUNBOOK].status.observed_generation == 1
    assert (await probing.visit()).reason == "ProbeEnforced"


async def test_probe_write_with_a_lost_answer_is_read_back() -> None:
    probing = Probing()
    probing.rig.kube.after = at(DEPLOYMENT, failing(errors.UnavailableError("no answer")))
    written = []
    probing.rig.kube.fault = lambda _method, path: written.append(path)

    told = await probing.visit()

    assert (told.reason, [one.saved for one in told.held], probing.live) == ("ProbeEnforced", ["/ready"], SET)
    assert written.count(DEPLOYMENT) == 1


async def test_leader_with_a_late_watch_does_not_restore_a_probe_again() -> None:
    probing = Probing()
    await probing.visit()
    probing.declares(endpoint())
    observed: list[Body] = []
    probing.rig.kube.fault = at(DEPLOYMENT, lambda: observed.append(probing.rig.kube.objects[OWN]))
    await probing.visit()
    assert probing.live == get()
    probing.edit(SET)

    # Its watch shows the Runbook as it was right before the probe was put back.
    (late,) = observed
    del probing.rig.store.runbooks[RUNBOOK]
    probing.rig.store.put(late)
    probing.rig.reconciler.executor.reader.lead()
    await probing.visit()

    assert probing.live == SET


async def test_deleted_deployment_ends_the_probe_writes() -> None:
    probing = Probing()
    probing.rig.kube.fault = at(DEPLOYMENT, probing.rig.kube.delete_deployment)

    told = await probing.visit()

    assert told.reason == "TargetNotFound"
