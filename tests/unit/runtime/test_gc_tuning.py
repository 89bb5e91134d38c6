"""What lives for long is left out of the collector's looks, and cycles go all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from runbook_operator.runtime import gc_tuning


class Node:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    callbacks = list(gc.callbacks)
    yield
    gc.callbacks[:] = callbacks
    gc.unfreeze()
    gc.enable()


def test_settled_objects_are_not_collected_again() -> None:
    lasting = [[number] for number in range(10_000)]

    gc_tuning.settle()

    assert gc.get_freeze_count() > 10_000
    assert not any(one is lasting for one in gc.get_objects())


def test_young_cycles_are_freed_before_and_after_settling() -> None:
    before = weakref.ref(Node())
    gc_tuning.settle()
    after = weakref.ref(Node())

    gc.collect()

    assert before() is None
    assert after() is None


def test_settled_object_is_freed_without_references() -> None:
    held = [Node()]
    held[0].own = None  # type: ignore[assignment] # no cycle
    gone = weakref.ref(held[0])
    gc_tuning.settle()

    held.clear()

    assert gone() is None


def test_garbage_collection_is_off_during_start() -> None:
    gc_tuning.starting()
    cycle = weakref.ref(Node())
    several = [Node() for _ in range(10_000)]

    assert cycle() is not None
    assert not gc.isenabled()
    gc_tuning.settle()
    assert cycle() is None
    assert gc.isenabled()
    assert several


@pytest.mark.parametrize(("took", "lasts"), [(0.2, True), (0.05, False)])
def test_objects_of_a_slow_collection_are_frozen(
    took: float,
    lasts: bool,  # noqa: FBT001
) -> None:
    gc_tuning.starting()
    gc_tuning.settle()
    held = [[number] for number in range(10_000)]
    sweeps = next(one for one in gc.callbacks if isinstance(one, gc_tuning.Sweeps))
    sweeps.monotonic = iter((5.0, 5.0 + took)).__next__
    cycle = weakref.ref(Node())

    gc.collect(0)
    gc.collect(1)
    gc.collect()

    assert cycle() is None
    assert any(one is held for one in gc.get_objects()) is not lasts
