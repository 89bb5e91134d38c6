"""What is told of a switch waits while others are being thrown, and never for long."""

import pytest

from runbook_operator.cache.status_deferral import CALM, LONGEST
from runbook_operator.core.references import switch_ref
from tests.fakes.deferral_clock import Time

ONE, OTHER, THIRD = (switch_ref("shop", name) for name in ("one", "other", "third"))


def test_status_of_a_single_throw_is_not_deferred() -> None:
    status_deferral = Time().status_deferral
    status_deferral.moved(ONE)
    status_deferral.acted(ONE, 2)

    assert not status_deferral.waits(ONE, 2)


@pytest.mark.parametrize("order", [(ONE, OTHER), (OTHER, ONE), (OTHER, THIRD), (ONE, OTHER, ONE)])
def test_status_is_deferred_while_other_switches_are_thrown(order: tuple[object, ...]) -> None:
    status_deferral = Time().status_deferral
    for switch in order:
        status_deferral.moved(switch)  # type: ignore[arg-type] # all are refs
    status_deferral.acted(ONE, 2)

    assert status_deferral.waits(ONE, 2)


def test_status_deferral_ends_when_other_throws_pause() -> None:
    time = Time()
    time.status_deferral.moved(OTHER)
    time.status_deferral.acted(ONE, 2)

    assert time.passes(CALM / 2).waits(ONE, 2)
    assert not time.passes(CALM / 2).waits(ONE, 2)


def test_status_deferral_ends_after_the_longest_wait() -> None:
    time = Time()
    time.status_deferral.acted(ONE, 2)
    for _ in range(21):
        time.status_deferral.acted(ONE, 2)
        time.passes(LONGEST / 20).moved(OTHER)

    assert not time.status_deferral.waits(ONE, 2)


def test_status_is_deferred_while_other_throws_are_pending_up_to_the_longest_wait() -> None:
    time = Time()
    time.status_deferral.moved(OTHER)
    time.status_deferral.acted(ONE, 2)

    assert time.passes(LONGEST / 2).waits(ONE, 2, crowded=True)
    assert not time.passes(LONGEST / 2).waits(ONE, 2, crowded=True)


def test_status_of_a_newer_generation_is_not_deferred() -> None:
    status_deferral = Time().status_deferral
    status_deferral.moved(OTHER)
    status_deferral.acted(ONE, 2)

    assert not status_deferral.waits(ONE, 3)


def test_status_without_new_effect_is_not_deferred() -> None:
    status_deferral = Time().status_deferral
    status_deferral.moved(OTHER)
    assert not status_deferral.waits(ONE, 2)

    status_deferral.acted(ONE, 2)
    status_deferral.note_written(ONE)
    assert not status_deferral.waits(ONE, 2)
