"""A Runbook's decisions."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.conditions import Condition, timestamp
from runbook_operator.api.parsing import parse_switch
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import OnDelete, Record
from runbook_operator.core.observed_object import Missing, ObservedObject, absent
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import CreateSwitch, DeleteSwitch, WriteStatus
from runbook_operator.runbooks.runbook_reconcile import next_step
from tests.builders import NOW, WEB, Simulation, kill_switch, observed, runbook, switch, switch_body, unseen

OTHER = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "web-1"}


def snapshot(*entries: str, target: ObservedObject | Missing | None = None, **spec: Any) -> RunbookSnapshot:
    switches = {f"shop-{entry}": switch(entry) for entry in entries}
    declared = runbook(**spec)
    found = {WEB: target} if target else {}
    return RunbookSnapshot(declared, switches, unseen(declared) | found, NOW)


def status(snapshot: RunbookSnapshot) -> RunbookStatus:
    step = next_step(snapshot)
    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, RunbookStatus)
    return step.status


def test_each_entry_gets_a_switch() -> None:
    step = next_step(snapshot())

    assert isinstance(step, CreateSwitch)
    assert (step.name, step.switch) == ("shop-stop", "stop")


def test_dropped_entry_deletes_only_its_own_switch() -> None:
    foreign = parse_switch(
        {**switch_body("theirs"), "metadata": {**switch_body("theirs")["metadata"], "ownerReferences": [OTHER]}}
    )
    both = snapshot("stop", "old", target=observed())
    assert next_step(both) == DeleteSwitch(both.switches["shop-old"].meta)

    kept = replace(both, switches={"shop-stop": both.switches["shop-stop"], "shop-theirs": foreign})
    assert isinstance(next_step(kept), WriteStatus)


@pytest.mark.parametrize(
    ("on_delete", "outcome"),
    [("Restore", "restores what it holds and"), ("Keep", "leaves what it holds (onDelete: Keep) and")],
)
def test_dropped_engaged_entry_is_reported_on_runbook_and_switch(on_delete: OnDelete, outcome: str) -> None:
    both = snapshot("stop", "old", target=observed())
    old = both.switches["shop-old"]
    record = Record(engagement_id="e-1", engaged_at=timestamp(NOW), on_delete=on_delete)
    held = replace(old, status=old.status.replace(record=record))

    step = next_step(replace(both, switches={**both.switches, "shop-old": held}))

    assert isinstance(step, DeleteSwitch)
    text = f"shop-old is engaged and the Runbook no longer declares it: the operator {outcome} deletes it [e-1]"
    assert [(one.about.kind, one.reason, one.message) for one in step.notices] == [
        ("Runbook", Reason.SWITCH_DROPPED, text),
        ("Switch", Reason.SWITCH_DROPPED, text),
    ]


def test_terminating_switch_is_not_deleted_again() -> None:
    both = snapshot("stop", "old", target=observed())
    old = both.switches["shop-old"]
    going = replace(old, meta=replace(old.meta, deleting=True))

    assert isinstance(next_step(replace(both, switches={**both.switches, "shop-old": going})), WriteStatus)


def test_settled_runbook_needs_no_step() -> None:
    unsettled = snapshot("stop", target=observed())
    settled = replace(unsettled, runbook=replace(unsettled.runbook, status=status(unsettled)))

    assert status(unsettled).conditions[0].status == "True"
    assert next_step(settled) is None


def test_deleted_runbook_needs_no_step() -> None:
    here = snapshot()

    assert (
        next_step(replace(here, runbook=replace(here.runbook, meta=replace(here.runbook.meta, deleting=True)))) is None
    )


FLAGS = Ref("v1", "ConfigMap", "shop", "flags")
FLAGGED = [{"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}]
HIDDEN = Missing(FLAGS, Reason.FORBIDDEN, "ConfigMap/flags: ops may not get configmaps")


def flagged(web: ObservedObject | Missing) -> RunbookStatus:
    bare = snapshot("stop", target=web, targets=FLAGGED)
    return status(replace(bare, observed={**bare.observed, FLAGS: HIDDEN}))


def test_target_with_one_unreadable_part_is_found_and_reports_the_missing_right() -> None:
    said = flagged(observed())

    assert [(one.found, one.reason, one.message) for one in said.targets] == [(True, "MissingRights", HIDDEN.message)]
    assert said.conditions[0].message == f"spec.targets[0] (web): {HIDDEN.message}"


def test_missing_target_is_reported_before_unreadable_parts() -> None:
    said = flagged(absent(WEB))

    assert [(one.found, one.reason) for one in said.targets] == [(False, "TargetNotFound")]


def test_switch_without_a_right_is_reported_before_an_unreadable_target() -> None:
    bare = snapshot("stop", target=observed(), targets=FLAGGED)
    lacks = Condition(
        type="Ready", status="False", reason="MissingRights", message="grant it", last_transition_time=timestamp(NOW)
    )
    stop = bare.switches["shop-stop"]
    told = replace(stop, status=stop.status.replace(conditions=[lacks]))

    said = status(replace(bare, observed={**bare.observed, FLAGS: HIDDEN}, switches={"shop-stop": told}))

    assert said.conditions[0].message == "switch stop: grant it"


def test_missing_target_is_named_with_its_spec_path() -> None:
    told = status(snapshot("stop")).conditions[0]

    assert (told.status, told.reason) == ("False", "TargetNotFound")
    assert told.message == "spec.targets[0] (web): Deployment/web does not exist in namespace shop"


def test_switch_name_of_another_runbook_is_reported() -> None:
    here = snapshot("stop", target=observed())
    theirs = here.switches["shop-stop"]
    foreign = replace(theirs, spec=theirs.spec.replace(runbook="shop-b"), meta=replace(theirs.meta, owners=()))

    told = status(replace(here, switches={"shop-stop": foreign})).conditions[0]

    assert told.reason == "NameCollision"
    assert told.message == (
        "switch stop: the Switch shop-stop belongs to Runbook shop-b; rename the entry, or delete that Switch if "
        "it is not used"
    )


def test_unparsable_runbook_keeps_its_switches_and_names_the_field() -> None:
    told = status(snapshot("stop", "old", killSwitches=[kill_switch("BAD")])).conditions[0]

    assert told.reason == "InvalidSpec"
    assert told.message.startswith("spec.killSwitches.0.name: ")


def test_engaged_switches_are_counted() -> None:
    simulation = Simulation().with_runbook().with_target().throw().drive()
    here = replace(snapshot("stop", target=observed()), switches={"shop-stop": simulation.switch()})

    assert (status(here).switches, status(here).engaged, status(here).engaged_switches) == (1, 1, ["stop"])


def test_suspension_is_reported_while_it_lasts() -> None:
    suspended = snapshot("stop", target=observed(), suspend={"reason": "migration", "until": "2026-11-24T04:00:00Z"})
    said = {one.type: one.message for one in status(suspended).conditions}
    assert said["Suspended"] == "automatic sources engage no switch until 2026-11-24T04:00:00.000000Z: migration"

    later = replace(suspended, now=NOW + timedelta(hours=1))
    assert [one.type for one in status(later).conditions] == ["Ready"]


def test_suspension_without_reason_has_a_default_message() -> None:
    said = {one.type: one.message for one in status(snapshot("stop", target=observed(), suspend={})).conditions}

    assert said["Suspended"] == "automatic sources engage no switch"


def test_repeated_step_is_reported_as_unsettled() -> None:
    told = status(
        replace(snapshot("stop", target=observed()), unsettled="the rule CreateSwitch asked 8 times")
    ).conditions[0]

    assert (told.status, told.reason, told.message) == ("False", "Unsettled", "the rule CreateSwitch asked 8 times")
