"""Deletions that meet a target, a Runbook or a record that is not there, and writes that are refused meanwhile.

The fake API server of test_faults.
"""

from datetime import timedelta

import pytest

from runbook_operator.api.switch import FINALIZER
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.kube import errors
from tests.builders import NAMESPACE, WEB, condition
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, Fault
from tests.fakes.prepared_rig import SCALE, STATUS, Rest
from tests.fakes.probing_rig import OWN, Probing
from tests.fakes.rig import STOP
from tests.probing import RUNBOOK as PROBED
from tests.probing import get

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")


def finalizers(rest: Rest) -> list[str]:
    return list(rest.kube.objects[SWITCH]["metadata"].get("finalizers", []))


def forget_runbook(rest: Rest) -> None:
    rest.store.drop(RUNBOOK, "rb-1")


def forget_target(rest: Rest) -> None:
    rest.kube.delete_deployment()
    rest.store.drop(WEB, "web-1")


async def restarted() -> Rest:
    """Prepared, thrown and deleted while no operator ran; one has begun to lead since."""
    rest = await Rest.made()
    rest.rig.reconciler.executor.reader.lead()
    rest.say(engaged=True)
    rest.delete()
    return rest


async def test_deleted_switch_without_record_target_and_runbook_loses_its_finalizer_in_one_visit() -> None:
    rest = await restarted()
    forget_runbook(rest)
    forget_target(rest)

    await rest.visit()

    assert finalizers(rest) == []
    assert len(rest.asked) < 10


async def test_deleted_switch_without_record_and_runbook_leaves_an_untouched_target() -> None:
    rest = await restarted()
    forget_runbook(rest)

    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 3)


async def test_deleted_switch_without_record_and_runbook_restores_the_write_of_the_last_leader() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.cut_off()
    rest.delete()
    forget_runbook(rest)

    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 3)


def refusing(*paths: str, error: errors.OperatorError | None = None) -> Fault:
    """Every write to these paths is refused."""

    def fault(_method: str, path: str) -> None:
        if any(one in path for one in paths):
            raise error or errors.ForbiddenError(f"PATCH {path}: 403")

    return fault


@pytest.mark.parametrize("error", [errors.ForbiddenError("403"), errors.RefusedError("422")])
async def test_deleted_engaged_switch_is_restored_despite_refused_status_and_events(
    error: errors.OperatorError,
) -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    assert (await rest.visit()).phase == "Engaged"
    rest.delete()
    rest.kube.fault = refusing(STATUS, "/events", error=error)

    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 3)


async def test_deleted_switch_without_record_is_restored_despite_refused_status() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.cut_off()
    rest.delete()
    rest.kube.fault = refusing(STATUS, "/events")

    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 3)


async def test_deleted_switch_with_refused_target_and_status_loses_its_finalizer_after_the_wait() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.visit()
    rest.delete()
    rest.kube.fault = refusing(STATUS, SCALE, "/events")

    await rest.visit()
    assert finalizers(rest) == [FINALIZER]
    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 0)


@pytest.mark.parametrize("error", [errors.ForbiddenError("403"), errors.UnavailableError("503")])
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("before", ["record", "no record"])
async def test_deleted_switch_with_unreadable_target_loses_its_finalizer_after_the_wait(
    error: errors.ApiError, before: str, *, shown: bool
) -> None:
    """The watch shows the target, or has not shown it; the account that acts may not read it any more."""
    rest = await Rest.made()
    rest.say(engaged=True)
    await (rest.visit() if before == "record" else rest.cut_off())
    rest.delete()
    forget_runbook(rest)
    rest.rig.reconciler.executor.reader.lead()
    if not shown:
        rest.store.targets.pop(WEB)
    rest.kube.unreadable[DEPLOYMENT] = error
    rest.kube.fault = refusing(STATUS, SCALE, "/events")

    await rest.visit()
    assert finalizers(rest) == [FINALIZER]
    for _ in range(2):
        await rest.visit()

    assert finalizers(rest) == []


async def test_crash_with_a_refused_status_restores_again_from_the_record() -> None:
    """What was only in memory is lost: the API server still has the record, and restoring twice changes nothing."""
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.visit()
    rest.delete()
    rest.kube.fault = refusing(STATUS, "/events", SWITCH)
    await rest.visit()
    assert (finalizers(rest), rest.kube.replicas) == ([FINALIZER], 3)
    rest.kube.fault = refusing(STATUS)
    rest.rig.reconciler.executor.reader.lead()

    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 3)


async def test_event_refused_by_a_terminating_namespace_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    text = "POST events: 403 unable to create new content in namespace shop because it is being terminated"
    rest = await Rest.made()
    rest.say(engaged=True)
    rest.kube.fault = refusing("/events", error=errors.ForbiddenError(text))

    assert (await rest.visit()).phase == "Engaged"

    assert "could not be posted" not in capsys.readouterr().out


async def deleted_runbook() -> Probing:
    """It has set a probe, and is being deleted; a new leader has read nothing yet."""
    probing = Probing()
    assert (await probing.visit()).reason == "ProbeEnforced"
    probing.rig.store.drop(STOP, "uid-stop")
    meta = {"generation": 2, "deletionTimestamp": "2026-11-24T03:00:00Z"}
    probing.rig.store.put(probing.rig.kube._patched(OWN, {"metadata": meta}))
    probing.rig.reconciler.executor.reader.lead()
    return probing


async def visit_runbook(probing: Probing) -> None:
    probing.rig.time += timedelta(hours=1)
    await probing.rig.reconciler.visit(PROBED)


async def test_deleted_runbook_restores_its_probe_despite_refused_status() -> None:
    probing = await deleted_runbook()
    probing.rig.kube.fault = refusing(f"{OWN}/status", "/events")

    await visit_runbook(probing)

    assert (probing.finalizers, probing.live) == ([], get())


@pytest.mark.parametrize("error", [errors.ForbiddenError("403"), errors.UnavailableError("503")])
async def test_deleted_runbook_with_unreadable_workload_loses_its_finalizer_after_the_wait(
    error: errors.ApiError,
) -> None:
    probing = await deleted_runbook()
    probing.rig.kube.unreadable[DEPLOYMENT] = error
    probing.rig.kube.fault = refusing(f"{OWN}/status", "/events")

    await visit_runbook(probing)
    assert probing.finalizers == [FINALIZER]
    await visit_runbook(probing)

    assert probing.finalizers == []


async def test_visit_that_repeats_a_step_ends_with_a_condition_and_recovers() -> None:
    """A policy of the cluster sets the finalizer again in each write that removes it."""
    rest = await Rest.made()
    writes = 0

    def keep(_method: str, path: str) -> None:
        nonlocal writes
        writes += 1
        if path == SWITCH:
            rest.kube.objects[SWITCH]["metadata"]["finalizers"] = [FINALIZER]

    rest.kube.after = keep
    rest.store.put(rest.kube._patched(SWITCH, {"metadata": {"finalizers": [FINALIZER]}}))

    status = await rest.visit()

    assert condition(status, "Stalled")[1] == "Unsettled"
    assert "repeated one step 8 times: set the finalizers to []" in condition(status, "Stalled")[2]
    assert writes < 12
    first = writes
    await rest.visit()
    assert writes - first == 7
    rest.kube.after = lambda _method, _path: None
    status = await rest.visit()
    assert (finalizers(rest), [one.type for one in status.conditions]) == ([], ["Ready", "Engaged", "Automatic"])
