"""Switches whose owner reference is gone, as after an orphaning deletion or a restore, and whose they are."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.conditions import Condition
from runbook_operator.api.parsing import SwitchObject, parse_switch
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import switch_ref
from runbook_operator.core.write_failures import Failed, WriteHistory
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import AdoptSwitch, CreateSwitch, DeleteSwitch, WriteStatus
from runbook_operator.runbooks import runbook_reconcile as runbooks
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import NOW, WEB, Simulation, observed, runbook, runbook_body, switch, switch_body

FORMER = {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Runbook", "name": "shop", "uid": "before"}
FOREIGN = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "web-1"}
MADE = {"runbooks.dev/runbook": "shop"}


def orphan(entry: str = "stop", *owners: dict[str, str], **metadata: Any) -> SwitchObject:
    body = switch_body(entry)
    body["metadata"] |= {"ownerReferences": list(owners), **metadata}
    return parse_switch(body)


def snapshot(*switches: SwitchObject, **spec: Any) -> RunbookSnapshot:
    return RunbookSnapshot(runbook(**spec), {one.meta.ref.name: one for one in switches}, {WEB: observed()}, NOW)


def status(snapshot: RunbookSnapshot) -> RunbookStatus:
    step = runbooks.next_step(snapshot)
    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, RunbookStatus)
    return step.status


@pytest.mark.parametrize("owners", [(), (FORMER,)], ids=["no owner", "owner that is no more"])
def test_switch_without_existing_owner_is_adopted_by_its_runbook(
    owners: tuple[dict[str, str], ...],
) -> None:
    left = snapshot(orphan("stop", *owners))

    assert runbooks.next_step(left) == AdoptSwitch(left.runbook.meta, left.switches["shop-stop"].meta)


def test_orphan_of_a_dropped_entry_is_deleted() -> None:
    left = snapshot(orphan(labels=MADE), killSwitches=[])

    assert runbooks.next_step(left) == DeleteSwitch(left.switches["shop-stop"].meta)


def test_engaged_orphan_of_a_dropped_entry_is_deleted_without_the_label() -> None:
    engaged = Simulation().with_runbook().with_target().throw().drive().switch()
    without_owner = replace(engaged, meta=replace(engaged.meta, owners=(), finalizers=()))
    left = snapshot(without_owner, killSwitches=[])

    step = runbooks.next_step(left)

    assert isinstance(step, DeleteSwitch)
    assert step.meta == without_owner.meta


def test_manually_created_switch_without_entry_is_not_deleted() -> None:
    assert status(snapshot(orphan(), killSwitches=[])).conditions[0].status == "True"


def test_engaged_orphan_counts_while_it_waits_for_adoption() -> None:
    engaged = Simulation().with_runbook().with_target().throw().drive().switch()
    going = replace(engaged, meta=replace(engaged.meta, owners=(), deleting=True))

    assert status(snapshot(going)).engaged == 1


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}},
            "is tracked by the Flux Kustomization apps; remove it from there: the operator creates it from the Runbook",
        ),
        (
            {"annotations": {"meta.helm.sh/release-name": "shop"}},
            "is tracked by the Helm release shop; remove it from there: the operator creates it from the Runbook",
        ),
        (
            {"ownerReferences": [FORMER, FOREIGN]},
            "is owned by Deployment web; remove that owner reference, or rename the entry",
        ),
    ],
)
def test_switch_of_another_owner_is_a_collision_with_its_owner_named(metadata: dict[str, Any], told: str) -> None:
    ready = status(snapshot(orphan(**metadata))).conditions[0]

    assert (ready.reason, ready.message) == ("NameCollision", f"switch stop: the Switch shop-stop {told}")


def test_throw_of_an_already_held_value_remarks_that_a_release_keeps_it() -> None:
    record = Simulation().with_runbook().with_target(0).throw().drive().status().record

    assert record is not None
    assert [(one.reason, one.message) for one in record.remarks] == [
        ("AlreadySet", "Deployment/web was at 0 before the throw, and a release leaves it at 0")
    ]


def test_recreated_runbook_wakes_the_switches_that_name_it() -> None:
    simulation = Simulation().with_runbook()
    ref = runbook().meta.ref
    again = runbook_body(uid="rb-2")
    again["metadata"]["resourceVersion"] = "2"

    assert simulation.store.put(again) == {ref, simulation.switch().meta.ref}


def failed(snapshot: RunbookSnapshot, name: str = "shop-stop", seconds: float = 60) -> RunbookSnapshot:
    """The last write to that Switch was refused, and is tried again in so many seconds."""
    due = NOW + timedelta(seconds=seconds)
    one = Failed(Reason.FORBIDDEN, "PATCH switches: 403. Grant it", fatal=True, attempts=1, since=NOW, due=due)
    return replace(snapshot, write_histories={(switch_ref("shop", name), "AdoptSwitch"): WriteHistory(failed=one)})


def ready(snapshot: RunbookSnapshot) -> Condition:
    return next(one for one in status(snapshot).conditions if one.type == "Ready")


def test_refused_adoption_makes_the_runbook_not_ready_and_waits() -> None:
    left = failed(snapshot(orphan()))

    found = ready(left)

    assert (found.status, found.reason) == ("False", "MissingRights")
    assert found.message == (
        "switch stop: the Switch shop-stop lost its owner reference and could not be adopted: "
        "PATCH switches: 403. Grant it"
    )
    assert runbook_due(left) == NOW + timedelta(seconds=60)


def test_refused_adoption_is_tried_again_when_its_pause_is_over() -> None:
    assert isinstance(runbooks.next_step(failed(snapshot(orphan()), seconds=0)), AdoptSwitch)


def test_refused_creation_is_named_and_the_other_switches_are_created() -> None:
    entries = [{"name": name, "actions": [{"scale": {"target": "web", "replicas": 0}}]} for name in ("stop", "half")]
    left = failed(snapshot(killSwitches=entries))

    step = runbooks.next_step(left)
    assert isinstance(step, CreateSwitch)
    assert step.name == "shop-half"
    rest = replace(left, switches={"shop-half": switch("half")})
    assert "the Switch shop-stop could not be created" in ready(rest).message


def test_refused_deletion_of_a_dropped_switch_waits() -> None:
    left = failed(snapshot(orphan(labels=MADE), killSwitches=[]))

    assert isinstance(runbooks.next_step(left), WriteStatus)


def test_switch_with_its_owner_restored_shows_no_refusal() -> None:
    assert ready(failed(snapshot(switch()))).status == "True"
