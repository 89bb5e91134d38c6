"""A wall clock that is set while switches are held."""

from datetime import timedelta

import pytest

from tests.fakes.machine_clock import Machine


def test_elapsed_time_is_reported_unchanged() -> None:
    machine = Machine()
    machine.passes(3600)

    assert machine.off == 0


@pytest.mark.parametrize("seconds", [0.5, -1.5])
def test_small_clock_correction_is_followed_at_once(seconds: float) -> None:
    machine = Machine()
    machine.wall += timedelta(seconds=seconds)

    assert machine.off == 0


@pytest.mark.parametrize("hours", [1, -1])
def test_clock_set_by_an_hour_is_followed_slowly(hours: int) -> None:
    machine = Machine()
    machine.wall += timedelta(hours=hours)
    assert machine.off == -3600 * hours

    machine.passes(1800)
    assert machine.off == -2700 * hours
    for _ in range(12):
        machine.passes(600)
        machine.clock.now()
    assert machine.off == 0


def test_clock_never_goes_back() -> None:
    machine = Machine()
    before = machine.clock.now()
    machine.wall -= timedelta(hours=5)
    machine.passes(1)

    assert machine.clock.now() > before


def test_clock_far_from_right_is_corrected_at_once() -> None:
    machine = Machine()
    machine.wall += timedelta(days=20_000)

    assert machine.off == 0


def test_sleep_of_the_machine_counts_as_elapsed_time() -> None:
    machine = Machine()
    machine.passes(8 * 3600)

    assert machine.off == 0
