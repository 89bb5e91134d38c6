"""The operator fails at one object: that object says so, and the fields that are not concerned stay held."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from runbook_operator.api.conditions import find
from runbook_operator.controller import internal_errors, unaffected_fields
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.runbooks import runbook_reconcile as runbooks
from runbook_operator.switches import engine as switches
from tests.builders import NAMESPACE, WEB, condition, runbook_body
from tests.fakes.rig import STOP, Rig

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")


def failing(*_: Any) -> Any:
    raise KeyError("nobody foresaw this")


async def test_switch_with_a_failing_decision_holds_its_fields_and_names_the_log_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    assert (await rig.visit()).phase == "Engaged"
    monkeypatch.setattr(switches, "decided", failing)
    rig.kube.set_replicas(2)
    rig.restart_with(rig.kube.objects["/apis/apps/v1/namespaces/shop/deployments/web"])

    with capture_logs() as logs:
        status = await rig.visit()

    assert rig.kube.replicas == 0
    assert (status.phase, condition(status, "Engaged")[0]) == ("Stalled", "True")
    (number,) = {line["errorId"] for line in logs if "errorId" in line}
    for kind in ("Ready", "Stalled"):
        assert condition(status, kind)[1] == "InternalError"
        assert f"(KeyError, error id {number})" in condition(status, kind)[2]
    again = rig.store.switches[STOP].meta.resource_version
    await rig.visit()
    assert rig.store.switches[STOP].meta.resource_version == again

    monkeypatch.undo()
    status = await rig.visit()
    assert (status.phase, condition(status, "Ready")[0]) == ("Engaged", "True")


@pytest.mark.parametrize("error", [KeyError("a field"), NeedsRead([Read(WEB)])])
async def test_failing_field_is_left_and_reported_on_the_switch(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    rig = Rig()
    await rig.visit()

    def alone(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(switches, "decided", failing)
    monkeypatch.setattr(unaffected_fields, "hold_or_restore_one", alone)

    assert condition(await rig.visit(), "Ready")[1] == "InternalError"


async def test_runbook_with_a_failing_decision_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.kube.objects[f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/runbooks/shop"] = runbook_body()
    monkeypatch.setattr(runbooks, "next_step", failing)

    await rig.reconciler.visit(RUNBOOK)

    ready = find(rig.store.runbooks[RUNBOOK].status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "InternalError")


async def test_internal_error_that_cannot_be_reported_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    monkeypatch.setattr(switches, "decided", failing)
    monkeypatch.setattr(internal_errors, "shown", failing)

    with capture_logs() as logs:
        await rig.visit()

    assert [line["log_level"] for line in logs if "errorId" in line] == ["error", "error"]


async def test_internal_error_of_a_deleted_object_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()

    def gone(*_: Any) -> Any:
        rig.store.forget(STOP)
        raise KeyError("it was deleted meanwhile")

    monkeypatch.setattr(switches, "decided", gone)

    await rig.reconciler.visit(STOP)

    assert STOP not in rig.store.switches
