"""How long tests wait."""

import signal
from collections.abc import Iterator
from itertools import accumulate, repeat

import pytest

from tests.patience import LONGEST_LOOK, Limit, Patience


def looks(seconds: float, each: float) -> tuple[int, float]:
    """How many looks are taken, and how long they take in all, where each takes so long."""
    times: Iterator[float] = accumulate(repeat(each), initial=0.0)
    last = [0.0]

    def now() -> float:
        last[0] = next(times)
        return last[0]

    patience, taken = Patience(seconds, now), 0
    while not patience.is_over:
        taken += 1
    return taken, last[0]


def test_limit_on_a_fast_machine_is_its_seconds() -> None:
    assert looks(60, 0.25) == (239, 60.0)


def test_limit_on_a_slow_machine_grows_with_the_visits() -> None:
    assert looks(60, 10 * LONGEST_LOOK) == (119, 600.0)


@pytest.fixture
def timer() -> Iterator[None]:
    """The timer of pytest-timeout, as it was."""
    before = signal.getitimer(signal.ITIMER_REAL)
    yield
    signal.setitimer(signal.ITIMER_REAL, *before)


@pytest.mark.usefixtures("timer")
def test_progress_restarts_the_limit_of_a_test() -> None:
    limit = Limit()
    signal.setitimer(signal.ITIMER_REAL, 500)
    limit.begin()
    signal.setitimer(signal.ITIMER_REAL, 100)

    limit.restart()

    assert signal.getitimer(signal.ITIMER_REAL)[0] > 400


@pytest.mark.usefixtures("timer")
def test_test_without_limit_gets_none_by_progress() -> None:
    limit = Limit()
    signal.setitimer(signal.ITIMER_REAL, 0)
    limit.begin()

    limit.restart()

    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
