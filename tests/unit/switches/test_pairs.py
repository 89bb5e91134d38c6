"""Two of the operator's own acts on one target, against the table in tests/pairs.py."""

import pytest

from runbook_operator.core.reasons import Reason
from tests.both import Both
from tests.pairs import INDEPENDENT, KINDS, OUTCOMES, USUAL, Outcome, alone

WRONG = {Reason.DRIFT_CORRECTED, Reason.RESTORE_SKIPPED, Reason.NOT_IN_FORCE, Reason.CONTESTED, Reason.NOT_RESTORED}
"""What nobody but a stranger gives a reason for."""
TWINS = {("probe", "probe")}
"""Two endpoints for one probe: the Runbook says which of them counts, see test_probes.py."""
ONE_EACH = {("guard", "guard")}
"""A Runbook has one guard, which engages one switch."""
SAME_AND_ANOTHER = [
    (pair, another) for pair in OUTCOMES for another in (False, True) if another or pair not in ONE_EACH
]


def engaged(pair: tuple[str, str], expected: Outcome, *, another: bool) -> Both:
    both = Both(*pair, another=another).set("first", on=True).set("second", on=True)
    assert both.live == expected.both
    assert expected.reports in both.report("second")
    return both


def check(pair: tuple[str, str], expected: Outcome, *, another: bool, first: str, last: str) -> None:
    """Both are engaged and released again, `first` before `last`."""
    both = engaged(pair, expected, another=another).set(first, on=False)
    assert both.live == (expected.without_first if first == "first" else expected.without_second)
    both.set(last, on=False)
    assert both.live == expected.neither
    assert WRONG.isdisjoint(one.reason for one in both.simulation.said)


@pytest.mark.parametrize(("pair", "another"), SAME_AND_ANOTHER)
def test_pair_on_one_field_released_in_order_matches_the_table(pair: tuple[str, str], *, another: bool) -> None:
    check(pair, OUTCOMES[pair], another=another, first="first", last="second")


@pytest.mark.parametrize(("pair", "another"), SAME_AND_ANOTHER)
def test_pair_on_one_field_released_in_reverse_matches_the_table(pair: tuple[str, str], *, another: bool) -> None:
    check(pair, OUTCOMES[pair], another=another, first="second", last="first")


@pytest.mark.parametrize("pair", INDEPENDENT)
def test_pair_on_different_fields_acts_and_restores_independently(pair: tuple[str, str]) -> None:
    check(pair, alone(*pair), another=False, first="first", last="second")


def test_every_pair_of_kinds_is_in_a_table() -> None:
    every = {(first, second) for first in USUAL for second in USUAL}

    assert every - TWINS == {*INDEPENDENT, *(pair for pair in OUTCOMES if not KINDS[pair[1]].title.startswith("mom"))}
