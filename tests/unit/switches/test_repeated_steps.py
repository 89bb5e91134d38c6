"""A visit that makes no progress ends early, with the rule and the step that it repeats."""

from dataclasses import replace

import pytest

from runbook_operator.api.incident import IncidentSpec
from runbook_operator.api.switch import FINALIZER, SwitchStatus
from runbook_operator.core.queries import Query, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Meta
from runbook_operator.core.writes import Patch
from runbook_operator.reconcile.steps import (
    AdoptSwitch,
    Change,
    ClearAcknowledgement,
    ClearOverride,
    CreateIncident,
    CreateSwitch,
    DeleteIncident,
    DeleteSwitch,
    IncidentStep,
    RunbookStep,
    SetFinalizers,
    Step,
    WriteProbes,
    WriteStatus,
    WriteTarget,
)
from runbook_operator.switches.engine import decided
from runbook_operator.switches.repeated_steps import MOST, REPEATS, Taken, described, shown, unsettled
from tests.builders import NOW, WEB, Simulation, condition, runbook, switch

META = switch().meta
EFFECT = Patch(WEB, "web-1", "1", {"spec": {"replicas": 0}})
CHANGE = Change((WEB, "spec.replicas"), 3, 0)


def at(version: int) -> Meta:
    return replace(META, resource_version=str(version))


def status(since: str = "2026-11-24T03:00:00.000000Z", engagement: str = "0123456789ab") -> SwitchStatus:
    return SwitchStatus(engaged_at=since, engaged_by=engagement)


def test_step_repeated_eight_times_is_reported_with_its_rule() -> None:
    taken = [Taken("let_go", SetFinalizers(at(one), ())) for one in range(REPEATS)]

    assert unsettled(taken[:-1]) == ""
    assert unsettled(taken).startswith(
        "the operator repeated one step 8 times: set the finalizers to [] (rule let_go). The object did not settle,"
    )


def test_status_that_differs_only_by_time_and_id_is_the_same_step() -> None:
    taken = [
        Taken("tell", WriteStatus(at(one), status(f"2026-11-24T03:00:0{one}.000000Z", f"{one}123456789ab")))
        for one in range(REPEATS)
    ]

    assert "the operator repeated one step 8 times: write the status (rule tell)" in unsettled(taken)


def test_two_rules_that_undo_each_other_are_detected() -> None:
    one, other = Taken("adopt", SetFinalizers(META, (FINALIZER,))), Taken("let_go", SetFinalizers(META, ()))

    assert unsettled([one, other] * (REPEATS - 1)) == ""
    assert "repeated one step 8 times: set the finalizers to [] (rule let_go)" in unsettled([one, other] * REPEATS)


def test_many_different_steps_are_progress() -> None:
    taken = [Taken("CreateSwitch", CreateSwitch(META, f"shop-{one}", f"{one}")) for one in range(MOST)]

    assert unsettled(taken[:65]) == ""
    assert "took 200 steps in one visit, the last: create Switch/shop-199" in unsettled(taken)


def test_repeated_query_is_detected() -> None:
    assert "repeated one step 8 times: read" in unsettled([Taken("decide", frozenset({Read(WEB)}))] * REPEATS)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (WriteProbes(EFFECT, (CHANGE,), "why"), "write spec.template of Deployment/web"),
        (SetFinalizers(META, (FINALIZER,)), "set the finalizers to ['runbooks.dev/restore']"),
        (ClearOverride(META), "remove spec.engaged"),
        (CreateSwitch(META, "shop-stop", "stop"), "create Switch/shop-stop"),
        (AdoptSwitch(META, META), "adopt Switch/shop-stop"),
        (CreateIncident(META, "shop-1", IncidentSpec(runbook="shop", title="slow")), "create Incident/shop-1"),
        (ClearAcknowledgement(META), "remove spec.acknowledged"),
        (DeleteIncident(META), "delete Switch/shop-stop"),
        (DeleteSwitch(META), "delete Switch/shop-stop"),
        (WriteStatus(META, status()), "write the status"),
    ],
)
def test_step_is_described(step: Step | RunbookStep | IncidentStep | frozenset[Query], words: str) -> None:
    assert described(step) == words


def test_target_write_is_described_with_its_field() -> None:
    _, step = decided(Simulation().with_runbook().with_target(3).throw().drive(at_most=2).snapshot()) or ("", None)

    assert isinstance(step, WriteTarget)
    assert described(step) == "write spec.replicas of Deployment/web"


def test_unsettled_switch_is_stalled_once() -> None:
    found = switch()

    step = shown(found, "the rule let_go asked", NOW)

    assert step is not None
    assert isinstance(step.status, SwitchStatus)
    assert condition(step.status, "Stalled") == ("True", "Unsettled", "the rule let_go asked")
    assert condition(step.status, "Ready")[:2] == ("False", "Unsettled")
    assert [one.reason for one in step.notices] == [Reason.UNSETTLED]
    assert shown(replace(found, status=step.status), "the rule let_go asked", NOW) is None


def test_unsettled_runbook_is_not_ready() -> None:
    step = shown(runbook(), "the rule CreateSwitch asked", NOW)

    assert step is not None
    assert [(one.type, one.reason) for one in step.status.conditions] == [("Ready", "Unsettled")]


def test_unsettled_report_stays_until_a_visit_settles() -> None:
    simulation = Simulation().with_runbook().with_target(3).drive()

    told = decided(simulation.snapshot(unsettled="the rule let_go asked"))

    assert told is not None
    assert isinstance(told[1], WriteStatus)
    assert isinstance(told[1].status, SwitchStatus)
    assert condition(told[1].status, "Stalled")[1] == "Unsettled"
