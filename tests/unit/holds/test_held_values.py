"""Which held values an object shows, and how it looks without them."""

from dataclasses import replace
from typing import Any

import pytest

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.probe_status import HeldProbeField
from runbook_operator.core.write_failures import Accepted
from runbook_operator.holds.held_values import is_left, stored, without
from tests.builders import NOW, observed

FLAG = "metadata.annotations[flag]"


def held(value: Any, saved: Any, admitted: Any = None) -> HeldProbeField:
    left = Admitted(asked=value, live=admitted) if admitted else None
    return HeldProbeField(field=FLAG, saved=saved, held=value, admitted=left)


def flagged(value: str) -> Any:
    return replace(observed(), body={"metadata": {"annotations": {"flag": value}}})


@pytest.mark.parametrize(("live", "left"), [("on", True), ("policy", True), ("else", False)])
def test_held_and_admitted_values_are_left_and_another_writers_is_not(live: str, left: bool) -> None:  # noqa: FBT001
    assert is_left(flagged(live), held("on", "off", "policy")) is left


@pytest.mark.parametrize(("live", "bare"), [("2", "0"), ("1", "0"), ("else", "else")])
def test_two_holds_on_one_field_are_both_removed(live: str, bare: str) -> None:
    latest_first = (held("2", "1"), held("1", "0"))

    assert without(flagged(live), latest_first).value(FLAG) == bare


def test_object_without_a_value_that_admission_changed_has_the_saved_one() -> None:
    assert without(flagged("policy"), [held("on", "off", "policy")]).value(FLAG) == "off"


@pytest.mark.parametrize(("changed", "values"), [(True, ["now", "before"]), (False, ["before"])])
def test_stored_values_are_those_of_the_last_and_of_the_recorded_write(changed: bool, values: list[str]) -> None:  # noqa: FBT001
    accepted = Accepted("web-1", "on", "now", changed, 1, NOW, NOW)

    assert stored(accepted, Admitted(asked="on", live="before")) == values
