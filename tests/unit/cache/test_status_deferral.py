"""What is told of a switch waits while others are being thrown, and never for long."""

import pytest

from runbook_operator.cache.status_deferral import CALM, LONGEST, StatusDeferral
from runbook_operator.core.references import switch_ref

ONE, OTHER, THIRD = (switch_ref("shop", name) for name in ("one", "other", "third"))


class Time:
    """Passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.status_deferral = StatusDeferral(lambda: self.now)

    def passes(self, seconds: float) -> StatusDeferral:
        self.now += seconds
        return self.status_deferral


def test_a_switch_that_is_thrown_alone_is_told_of_at_once() -> None:
    status_deferral = Time().status_deferral
    status_deferral.moved(ONE)
    status_deferral.acted(ONE, 2)

    assert not status_deferral.waits(ONE, 2)


@pytest.mark.parametrize("order", [(ONE, OTHER), (OTHER, ONE), (OTHER, THIRD), (ONE, OTHER, ONE)])
def test_it_waits_while_others_are_thrown(order: tuple[object, ...]) -> None:
    status_deferral = Time().status_deferral
    for switch in order:
        status_deferral.moved(switch)  # type: ignore[arg-type] # all are refs
    status_deferral.acted(ONE, 2)

    assert status_deferral.waits(ONE, 2)


def test_it_waits_no_longer_than_the_others_go_on() -> None:
    time = Time()
    time.status_deferral.moved(OTHER)
    time.status_deferral.acted(ONE, 2)

    assert time.passes(CALM / 2).waits(ONE, 2)
    assert not time.passes(CALM / 2).waits(ONE, 2)


def test_it_waits_no_longer_than_the_longest_however_long_they_go_on() -> None:
    time = Time()
    time.status_deferral.acted(ONE, 2)
    for _ in range(21):
        time.status_deferral.acted(ONE, 2)
        time.passes(LONGEST / 20).moved(OTHER)

    assert not time.status_deferral.waits(ONE, 2)


def test_it_waits_while_others_are_still_to_take_effect_and_no_longer_than_the_longest() -> None:
    time = Time()
    time.status_deferral.moved(OTHER)
    time.status_deferral.acted(ONE, 2)

    assert time.passes(LONGEST / 2).waits(ONE, 2, crowded=True)
    assert not time.passes(LONGEST / 2).waits(ONE, 2, crowded=True)


def test_whoever_speaks_to_it_meanwhile_waits_for_nobody() -> None:
    status_deferral = Time().status_deferral
    status_deferral.moved(OTHER)
    status_deferral.acted(ONE, 2)

    assert not status_deferral.waits(ONE, 3)


def test_what_has_done_nothing_or_was_told_of_waits_for_nobody() -> None:
    status_deferral = Time().status_deferral
    status_deferral.moved(OTHER)
    assert not status_deferral.waits(ONE, 2)

    status_deferral.acted(ONE, 2)
    status_deferral.note_written(ONE)
    assert not status_deferral.waits(ONE, 2)
