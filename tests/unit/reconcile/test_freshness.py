"""What a leader reads before it carries out a step, since a watch may lag."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from runbook_operator.core.observed_object import Missing, ObservedObject, absent
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.freshness import is_record_read, unread_targets
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import WriteStatus
from tests.builders import WEB, Simulation, kill_switch, observed, scale


def engaged() -> Snapshot:
    """The snapshot of an engaged switch that holds WEB."""
    return (
        Simulation()
        .with_runbook(killSwitches=[kill_switch("stop", scale(replicas=0))])
        .with_target(4)
        .drive()
        .throw()
        .drive()
        .snapshot()
    )


def to_read(snapshot: Snapshot, stored: Mapping[Ref, ObservedObject | Missing], read: Mapping[Ref, str]) -> list[Ref]:
    step = WriteStatus(snapshot.switch.meta, snapshot.switch.status)
    return [ref for ref, _ in unread_targets(snapshot, step, stored.get, read.get)]


def test_record_of_the_last_read_version_needs_no_read() -> None:
    snapshot = engaged()

    assert is_record_read(snapshot, snapshot.actor.resource_version)
    assert not is_record_read(snapshot, "1000")
    assert not is_record_read(snapshot, None)


def test_deferred_record_needs_any_read_version() -> None:
    snapshot = engaged()
    deferred = replace(snapshot, switch=replace(snapshot.switch, stored_status=snapshot.switch.written))

    assert is_record_read(deferred, "1000")
    assert not is_record_read(deferred, None)


@pytest.mark.parametrize(("version", "expected"), [("7", []), ("6", [WEB]), (None, [WEB])])
def test_target_is_read_unless_its_last_version_was_read(version: str | None, expected: list[Ref]) -> None:
    snapshot = engaged()

    assert to_read(snapshot, {WEB: observed(0, version="7")}, {WEB: version} if version else {}) == expected


def test_missing_target_is_always_read() -> None:
    assert to_read(engaged(), {WEB: absent(WEB)}, {WEB: "7"}) == [WEB]


def test_target_that_the_decision_did_not_use_is_not_read() -> None:
    snapshot = replace(engaged(), observed={})

    assert to_read(snapshot, {}, {}) == []
