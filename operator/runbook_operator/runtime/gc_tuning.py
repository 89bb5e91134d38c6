"""Keeps the collector of reference cycles from stopping the loop: what lives for long is not looked through again.

With 5,000 Runbooks a full collection takes most of a second, and it comes whenever a quarter of all that is there is
new: in the middle of a throw as well as at any other time, and over and over while a process starts.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONG = 0.1
"""What has been looked through for so many seconds is not looked through again."""
OLDEST = 2


@dataclass
class Sweeps:
    """The collector's looks through all that it has not been told to leave out: one of `gc.callbacks`, told of each.

    Where there is a lot, as when thousands of objects come between two calls of `settle`, what is still there after
    one of them is taken for lasting. Short ones change nothing, so that at rest hardly anything is taken for lasting
    that is a cycle later on.
    """

    monotonic: Callable[[], float] = time.monotonic
    _began: float = 0.0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] != OLDEST:
            return
        if phase == "start":
            self._began = self.monotonic()
        elif self.monotonic() - self._began > LONG:
            gc.freeze()


def starting() -> None:
    """Look for nothing until `settle`: what a start reads is what lasts, and looking through it takes a fifth of it.

    From after the imports on, which leave cycles of 1 MB behind.
    """
    gc.callbacks.append(Sweeps())
    gc.freeze()
    gc.disable()


def settle() -> None:
    """Take what is there now for lasting, apart from the cycles of the young, which are freed first.

    It is freed as everything is once nobody refers to it. A cycle that was old and nobody's by now stays; what goes on
    for long is of few cycles, and those of errors and tasks are young.
    """
    gc.collect(1)
    gc.freeze()
    gc.enable()
