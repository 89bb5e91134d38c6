"""What is told of a switch waits while others are being thrown, and never for long."""

import pytest

from runbook_operator.cache.status_deferral import CALM, LONGEST, Bursts
from runbook_operator.core.references import switch_ref

ONE, OTHER, THIRD = (switch_ref("shop", name) for name in ("one", "other", "third"))


class Time:
    """Passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.bursts = Bursts(lambda: self.now)

    def passes(self, seconds: float) -> Bursts:
        self.now += seconds
        return self.bursts


def test_a_switch_that_is_thrown_alone_is_told_of_at_once() -> None:
    bursts = Time().bursts
    bursts.moved(ONE)
    bursts.acted(ONE, 2)

    assert not bursts.waits(ONE, 2)


@pytest.mark.parametrize("order", [(ONE, OTHER), (OTHER, ONE), (OTHER, THIRD), (ONE, OTHER, ONE)])
def test_it_waits_while_others_are_thrown(order: tuple[object, ...]) -> None:
    bursts = Time().bursts
    for switch in order:
        bursts.moved(switch)  # type: ignore[arg-type] # all are refs
    bursts.acted(ONE, 2)

    assert bursts.waits(ONE, 2)


def test_it_waits_no_longer_than_the_others_go_on() -> None:
    time = Time()
    time.bursts.moved(OTHER)
    time.bursts.acted(ONE, 2)

    assert time.passes(CALM / 2).waits(ONE, 2)
    assert not time.passes(CALM / 2).waits(ONE, 2)


def test_it_waits_no_longer_than_the_longest_however_long_they_go_on() -> None:
    time = Time()
    time.bursts.acted(ONE, 2)
    for _ in range(21):
        time.bursts.acted(ONE, 2)
        time.passes(LONGEST / 20).moved(OTHER)

    assert not time.bursts.waits(ONE, 2)


def test_it_waits_while_others_are_still_to_take_effect_and_no_longer_than_the_longest() -> None:
    time = Time()
    time.bursts.moved(OTHER)
    time.bursts.acted(ONE, 2)

    assert time.passes(LONGEST / 2).waits(ONE, 2, crowded=True)
    assert not time.passes(LONGEST / 2).waits(ONE, 2, crowded=True)


def test_whoever_speaks_to_it_meanwhile_waits_for_nobody() -> None:
    bursts = Time().bursts
    bursts.moved(OTHER)
    bursts.acted(ONE, 2)

    assert not bursts.waits(ONE, 3)


def test_what_has_done_nothing_or_was_told_of_waits_for_nobody() -> None:
    bursts = Time().bursts
    bursts.moved(OTHER)
    assert not bursts.waits(ONE, 2)

    bursts.acted(ONE, 2)
    bursts.told(ONE)
    assert not bursts.waits(ONE, 2)
