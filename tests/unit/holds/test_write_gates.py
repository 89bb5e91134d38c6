"""Lists of gates: the first closed one counts."""

from datetime import timedelta

import pytest

from runbook_operator.core.reasons import Reason
from runbook_operator.holds.write_gates import first_closed, is_closed
from runbook_operator.reconcile.automation_pauses import Gate
from tests.builders import NOW

CLOSED = Gate(Reason.SUSPENDED, "suspended")


def test_first_closed_gate_is_returned_and_later_ones_are_not_tried() -> None:
    tried: list[str] = []

    assert first_closed([lambda _: None, lambda _: CLOSED, tried.append], "case") is CLOSED
    assert tried == []


def test_open_gates_return_none() -> None:
    assert first_closed([lambda _: None], "case") is None


@pytest.mark.parametrize(
    ("until", "closed"),
    [(None, True), (NOW + timedelta(seconds=1), True), (NOW, False)],
    ids=["no end", "later", "now"],
)
def test_gate_is_closed_until_its_end(until: object, closed: bool) -> None:  # noqa: FBT001
    assert is_closed(Gate(Reason.NOT_IN_FORCE, "undone", until), NOW) is closed  # type: ignore[arg-type]
